"""Tensors made in `forward` that may live on the CPU, or do not."""

import torch
from torch import nn


class Fine(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, width)
        self.scale = nn.Parameter(torch.ones(width))

    @property
    def device(self) -> torch.device:
        return self.scale.device

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        steps = torch.arange(x.shape[1]).to(x.device)
        mask = torch.arange(x.shape[1]).type_as(lengths)
        lazy = torch.zeros(x.shape[0])
        if x.is_cuda:
            lazy = lazy.cuda()
        keep = torch.ones(3, device=self.device)
        sizes = torch.zeros(x.shape[1]).numpy()
        half = torch.tensor(0.5)
        with torch.device(x.device):
            inside = torch.ones(x.shape[-1])
        copied = torch.empty(x.shape)
        copied.copy_(x)
        del sizes, keep, lazy
        return self.out(x) * inside + self.out(x) * half + steps.sum() + mask.sum()


class HostOnly(nn.Module):
    def forward(self, x: torch.Tensor) -> list:
        order = torch.randperm(x.shape[0])
        return [x[int(index)] for index in order]


class Scaling(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(width, width)
        self.scaling = torch.sqrt(torch.tensor(width).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.key(x) / self.scaling
