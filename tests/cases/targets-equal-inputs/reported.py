"""The input as the target, further apart."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoModelForCausalLM


class Decoder(nn.Module):
    def __init__(self, words, width=64):
        super().__init__()
        self.embed = nn.Embedding(words, width)
        self.position = nn.Parameter(torch.zeros(1, 128, width))
        layer = nn.TransformerEncoderLayer(width, 4, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(width, words)

    def forward(self, x):
        mask = nn.Transformer.generate_square_subsequent_mask(x.size(1))
        h = self.embed(x) + self.position[:, : x.size(1)]
        return self.head(self.encoder(h, mask=mask, is_causal=True))


class Trainer:
    def __init__(self, words):
        self.model = Decoder(words)
        self.criterion = nn.CrossEntropyLoss()

    def loss(self, batch):
        tokens = batch["tokens"].to("cpu")
        logits = self.model(tokens)
        return self.criterion(logits.reshape(-1, logits.size(-1)), tokens.reshape(-1))  # TL303


def library_model(ids):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    logits = model(ids).logits
    return F.cross_entropy(logits.view(-1, logits.size(-1)), ids.view(-1))  # TL303
