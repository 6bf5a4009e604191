"""Wrong offsets, further apart."""

import math

import torch
import torch.nn as nn
from torch.nn import functional as F
from transformers import AutoModelForCausalLM


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x):
        b, t, c = x.size()
        q, k, v = (s.view(b, t, self.heads, c // self.heads).transpose(1, 2) for s in self.qkv(x).split(c, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).contiguous().view(b, t, c))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(width), Attention(width, heads)
        self.norm2, self.mlp = nn.LayerNorm(width), nn.Sequential(nn.Linear(width, width), nn.GELU())

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, words, block_size, width=64, depth=4):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(words, width), nn.Embedding(block_size, width)
        self.drop = nn.Dropout(0.1)
        self.blocks = nn.ModuleList([Block(width, 4) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words)

    def forward(self, idx, targets=None):
        pos = torch.arange(idx.size(1))
        x = self.drop(self.wte(idx) * math.sqrt(64) + self.wpe(pos))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)
        return logits, loss


class Corpus:
    def __init__(self, train, val, block_size=64):
        self.train, self.val, self.block_size = train, val, block_size

    def get_batch(self, split):
        data = self.train if split == "train" else self.val
        ix = torch.randint(len(data) - self.block_size, (12,))
        x = torch.stack([torch.from_numpy(data[i : i + self.block_size].astype("int64")) for i in ix])
        y = torch.stack([torch.from_numpy(data[i + 2 : i + 2 + self.block_size].astype("int64")) for i in ix])
        return x, y


def train(corpus: Corpus, steps):
    model = GPT(100, 64)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    for _ in range(steps):
        x, y = corpus.get_batch("train")
        optimizer.zero_grad()
        logits, loss = model(x, y)  # TL302
        loss.backward()
        optimizer.step()


def cut_alike(tokens):
    logits, _ = GPT(100, 64)(tokens)
    shift_logits = logits[..., :-1, :].contiguous()
    shift_labels = tokens[..., :-1].contiguous()
    return F.cross_entropy(shift_logits.view(-1, shift_logits.size(-1)), shift_labels.view(-1))  # TL302


def wrong_way_round(ids):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    logits = model(input_ids=ids).logits
    return F.cross_entropy(logits[:, 1:].transpose(1, 2), ids[:, :-1])  # TL302
