"""Discarded results in the shapes that real code has."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Angular(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.clamp(self.scale, 1e-6)  # TL410
        F.normalize(x, dim=1)  # TL410
        return x * self.scale


def labels(rows: list, device: torch.device) -> torch.Tensor:
    fake = torch.tensor(rows)
    fake.to(device)  # TL410
    fake = fake.int()
    fake.unsqueeze(0).repeat(2, 1)  # TL410
    return fake


def wrap(model: nn.Module, rank: int) -> nn.Module:
    DistributedDataParallel(model, device_ids=[rank])  # TL410
    torch.compile(model, mode="max-autotune")  # TL410
    return model


def in_place(x: torch.Tensor) -> torch.Tensor:
    F.relu(x, inplace=True)
    F.relu_(x)
    torch.relu_(x)
    x.sigmoid_().mul_(2)
    torch.sub(x, 1, out=x)
    return x
