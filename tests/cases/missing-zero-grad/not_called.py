"""`zero_grad` without its brackets is one bug, and `method-not-called` reports it."""

import torch
from torch import nn


def train(model: nn.Module, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad  # TL411
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
