"""squeeze() that cannot lose a batch, or whose shape is not known."""

import numpy as np
import torch
from torch import nn

head = nn.Linear(8, 1)


def unknown(x):
    return x.squeeze()


def arrays():
    return np.zeros((1, 3)).squeeze()


def literal():
    return torch.zeros(4, 1).squeeze()


def one_value(x):
    return head(x).mean().squeeze(), head(x).squeeze().item(), float(head(x).squeeze())


def with_dim(x):
    return head(x).squeeze(1), torch.squeeze(head(x), -1), head(x).squeeze(dim=-1)


def wide(x):
    return nn.Linear(8, 2)(x).squeeze()


def one_row(x):
    return head(x[0]).squeeze()


def added_batch(image, model):
    return model(image.unsqueeze(0)).squeeze()


def to_list(x):
    return head(x.unsqueeze(0)).squeeze().tolist()


class Similarity(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(8, 1)

    def forward(self, x):
        return self.score(x.flatten()).squeeze()


class WithBias(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(8, 1)
        self.bias = nn.Embedding(10, 1)

    def forward(self, x, items):
        scores = self.score(x).squeeze()
        return scores + self.bias(items).squeeze(1)
