"""The rate is one of several that the module was built with."""

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, width: int, rates: tuple[float, float]) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)
        self.rates = rates

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = F.dropout(torch.softmax(self.score(x), dim=1), p=self.rates[0])  # TL409
        pooled = (weights * x).sum(dim=1)
        return F.dropout(pooled, p=self.rates[1], training=self.training)


class Gated(nn.Module):
    def __init__(self, width: int, rates: tuple[float, float]) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)
        self.rates = rates

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rate = self.rates[0] if self.training else 0.0
        return F.dropout(self.score(x), p=rate)
