"""Every way to clear counts, wherever it stands in the cycle."""

import torch
from torch import nn
from torch.nn import functional as F


def through_module(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        nn.Module.zero_grad(model)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def grad_none(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for p in model.parameters():
            p.grad = None


def grad_zero(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.grad.detach_()
                    p.grad.zero_()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def manual_flag(loader, accumulate):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        need_update = (i + 1) % accumulate == 0 or i + 1 == len(loader)
        (F.cross_entropy(model(x), y) / accumulate).backward()
        if not need_update:
            continue
        optimizer.step()
        optimizer.zero_grad()


def several(loader):
    models = [nn.Linear(20, 5) for _ in range(3)]
    optimizers = [torch.optim.SGD(m.parameters(), lr=0.1) for m in models]
    for x, y in loader:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss = sum(F.cross_entropy(m(x), y) for m in models)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()


def fresh_each_time(loader):
    for x, y in loader:
        model = nn.Linear(20, 5)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def once(x, y):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


def optimised_input(model, targets):
    for target in targets:
        image = torch.zeros(1, 20, requires_grad=True)
        optimizer = torch.optim.Adam([image], lr=0.01)
        for _ in range(10):
            optimizer.zero_grad()
            F.mse_loss(model(image), target).backward()
            optimizer.step()
