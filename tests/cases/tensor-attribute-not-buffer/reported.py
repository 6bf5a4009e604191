"""Tensors that meet the input by way of a local name or a helper."""

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.mask = torch.triu(torch.ones(length, length), diagonal=1).bool()  # TL404
        self.query = nn.Linear(width, width)

    def attend(self, x):
        scores = self.query(x) @ x.transpose(1, 2)
        mask = self.mask[: x.shape[1], : x.shape[1]]
        return scores.masked_fill(mask, float("-inf")).softmax(-1)

    def forward(self, x):
        return self.attend(x) @ x
