"""Tensors without a device that meet the module's own in other ways."""

import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.width, self.layers = width, layers
        self.rnn = nn.LSTM(width, width, layers, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h0 = torch.zeros(self.layers, x.size(0), self.width)  # TL604
        c0 = torch.zeros(self.layers, x.size(0), self.width)  # TL604
        out, _ = self.rnn(x, (h0, c0))
        return self.out(out[:, -1])


class Padded(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.body(x)
        pad = torch.zeros(x.shape[0], 1, x.shape[2])  # TL604
        return torch.cat([pad, x[:, 1:]], dim=1)


class Weighted(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = torch.linspace(0, 1, x.shape[-1])  # TL604
        return self.body(x) * weights


class Sampled(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean = nn.Linear(width, width)
        self.spread = nn.Linear(width, width)

    def forward(self, x) -> torch.Tensor:
        mean, spread = self.mean(x), self.spread(x)
        noise = torch.randn(mean.shape)  # TL604
        return mean + noise * spread.exp()
