"""The kind of a name may differ between paths."""

import torch
from torch import nn


def place(flag: bool, device: torch.device):
    thing = nn.Linear(2, 2) if flag else torch.zeros(2)
    thing.to(device)
    return thing


def certain(device: torch.device) -> torch.Tensor:
    thing = nn.Linear(2, 2)
    thing = torch.zeros(2) + 1
    thing.to(device)  # TL410
    return thing
