"""Blocks with dropout inside an OrderedDict that a comprehension fills."""

from collections import OrderedDict

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Dropout(0.2))

    def forward(self, x):
        return x + self.layers(x)


class Net(nn.Module):
    def __init__(self, width: int, depth: int):
        super().__init__()
        self.blocks = nn.Sequential(OrderedDict([(f"block_{i}", Block(width)) for i in range(depth)]))

    def forward(self, x):
        return self.blocks(x)


class Plain(nn.Module):
    def __init__(self, width: int, depth: int):
        super().__init__()
        self.blocks = nn.Sequential(OrderedDict([(f"block_{i}", nn.Linear(width, width)) for i in range(depth)]))

    def forward(self, x):
        return self.blocks(x)


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum(nn.functional.mse_loss(model(x), y).item() for x, y in batches)


def run(model: Net, batches, steps: int):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        x, y = batches[step]
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()  # TL407
        optimizer.step()
        if step % 100 == 0:
            print(evaluate(model, batches[:10]))


def run_plain(model: Plain, batches, steps: int):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(steps):
        x, y = batches[step]
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        if step % 100 == 0:
            print(evaluate(model, batches[:10]))
