"""A step that precedes a backward in the text, but not in what it applies."""

import torch
from torch import nn
from torch.nn import functional as F


def delayed(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        if i > 0:
            optimizer.step()
            optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
    optimizer.step()


def two_losses(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def closure(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.LBFGS(model.parameters())
    for x, y in loader:

        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        optimizer.step(closure)


def alternating(loader):
    a, b = nn.Linear(20, 5), nn.Linear(20, 5)
    opt_a = torch.optim.SGD(a.parameters(), lr=0.1)
    opt_b = torch.optim.SGD(b.parameters(), lr=0.1)
    for x, y in loader:
        opt_a.zero_grad()
        F.cross_entropy(a(x), y).backward()
        opt_a.step()
        opt_b.zero_grad()
        F.cross_entropy(b(x), y).backward()
        opt_b.step()
