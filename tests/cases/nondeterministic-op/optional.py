"""A library that offers determinism but does not ask for it."""

import torch
from torch import nn


def set_determinism(seed, use_deterministic_algorithms=None):
    torch.manual_seed(seed)
    if use_deterministic_algorithms is not None:
        torch.use_deterministic_algorithms(use_deterministic_algorithms)


def enable_full_determinism(seed: int, warn_only: bool = False):
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=warn_only)


class Trainer:
    def __init__(self, args):
        if args.full_determinism:
            enable_full_determinism(args.seed)
        self.device = torch.device("cuda")


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(7)
        self.pad = nn.ReflectionPad2d(1)

    def forward(self, x):
        return self.pool(self.pad(x))


def train(model, loader, optimizer):
    for x in loader:
        optimizer.zero_grad()
        model(x).mean().backward()
        optimizer.step()
