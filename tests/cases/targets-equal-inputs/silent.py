"""Inputs that come back as targets, rightly so."""

import torch
import torch.nn.functional as F
from torch import nn
from transformers import GPT2LMHeadModel


class Recurrent(nn.Module):
    def __init__(self, words, bidirectional=False):
        super().__init__()
        self.embed = nn.Embedding(words, 64)
        self.rnn = nn.GRU(64, 64, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(64, words)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(784, 16), nn.Linear(16, 784)

    def forward(self, x):
        return self.decode(torch.relu(self.encode(x)))


def reconstruction(x):
    model = Autoencoder()
    return F.mse_loss(model(x), x)


def binary_reconstruction(x):
    model = Autoencoder()
    return F.binary_cross_entropy_with_logits(model(x), x)


def corrupted_in_place(model: Recurrent, tokens, mask_token):
    inputs = tokens.clone()
    inputs[torch.rand(inputs.shape) < 0.15] = mask_token
    return F.cross_entropy(model(inputs).flatten(0, 1), tokens.flatten())


def dropped_tokens(model: Recurrent, tokens, mask_token):
    keep = torch.rand(tokens.shape) > 0.15
    noisy = torch.where(keep, tokens, mask_token)
    return F.cross_entropy(model(noisy).flatten(0, 1), tokens.flatten())


def shifts_by_itself(tokens):
    model = GPT2LMHeadModel.from_pretrained("gpt2")
    return model(tokens, labels=tokens).loss


def unknown_model(model, tokens):
    return F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())


def contrastive(model, x, y):
    logits = model(x) @ model(y).T
    targets = torch.arange(len(x))
    return F.cross_entropy(logits, targets)


def own_prediction(model, images):
    logits = model(images)
    return F.cross_entropy(logits, logits.argmax(1))


def shifted_in_place(model: Recurrent, tokens):
    targets = tokens.roll(-1, dims=1)
    targets[:, -1] = -100
    return F.cross_entropy(model(tokens).flatten(0, 1), targets.flatten())
