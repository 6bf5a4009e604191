"""Offsets that are right, deliberate, or not known."""

import torch
import torch.nn.functional as F
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embed = nn.Embedding(words, 64)
        self.rnn = nn.GRU(64, 64, batch_first=True)
        self.head = nn.Linear(64, words)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


class WithPrefix(nn.Module):
    """Puts a start vector in front, so that logits and tokens line up."""

    def __init__(self, words):
        super().__init__()
        self.start = nn.Parameter(torch.zeros(1, 1, 64))
        self.embed = nn.Embedding(words, 64)
        self.rnn = nn.GRU(64, 64, batch_first=True)
        self.head = nn.Linear(64, words)

    def forward(self, tokens):
        x = torch.cat([self.start.expand(len(tokens), -1, -1), self.embed(tokens)], dim=1)
        return self.head(self.rnn(x)[0])


def right(model: LanguageModel, tokens):
    return F.cross_entropy(model(tokens)[:, :-1].transpose(1, 2), tokens[:, 1:])


def prefix(model: WithPrefix, tokens):
    return F.cross_entropy(model(tokens)[:, :-1].transpose(1, 2), tokens)


def several_ahead(model: LanguageModel, tokens, heads):
    loss = 0.0
    hidden = model(tokens)
    for k, head in enumerate(heads, start=1):
        loss = loss + F.cross_entropy(head(hidden[:, :-k]).transpose(1, 2), tokens[:, k:])
    return loss


def time_first(model, tokens):
    """The first dimension is time."""
    logits = model(tokens[:-1])
    return F.cross_entropy(logits.flatten(0, 1), tokens[1:].flatten())


def class_token(model, images, labels):
    logits = model(images)[:, 0]
    return F.cross_entropy(logits, labels)


def batch_halves(model, x, y):
    """Slices of the batch, not of time."""
    logits = model(x)
    return F.cross_entropy(logits[1:], y[1:]) + F.cross_entropy(logits[:1], y[:1])


def unknown_offset(model: LanguageModel, tokens, k):
    return F.cross_entropy(model(tokens)[:, :-k].transpose(1, 2), tokens[:, k:])


def source_and_target(model, source, target):
    logits = model(source, target[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten())


def regression(model, series):
    return F.mse_loss(model(series[:, :-2]), series[:, 2:])


def masked_prediction(model: LanguageModel, tokens, mask_token):
    corrupted = tokens.clone()
    corrupted[:, 3] = mask_token
    return F.cross_entropy(model(corrupted)[:, 3], tokens[:, 3])
