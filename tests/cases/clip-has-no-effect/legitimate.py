"""Clipping that does something, or that only measures."""

import torch
from torch import nn
from torch.nn import functional as F


def measures_only(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    norms = []
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), float("inf")))
    return norms


def exclusive_branches(model, lora, use_lora):
    if use_lora:
        params = filter(lambda p: p.requires_grad, lora.parameters())
        optimizer = torch.optim.AdamW(params, lr=1e-4)
    else:
        params = filter(lambda p: p.requires_grad, model.parameters())
        optimizer = torch.optim.AdamW(params, lr=1e-5)
    return optimizer


def counted_then_rebuilt(model):
    params = filter(lambda p: p.requires_grad, model.parameters())
    print(sum(p.numel() for p in params))
    params = filter(lambda p: p.requires_grad, model.parameters())
    return torch.optim.SGD(params, lr=0.1)


def two_windows(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        F.mse_loss(model(x), torch.zeros(1)).backward()
        optimizer.step()
        optimizer.zero_grad()


def other_model(loader):
    a, b = nn.Linear(20, 5), nn.Linear(20, 5)
    opt_a = torch.optim.SGD(a.parameters(), lr=0.1)
    opt_b = torch.optim.SGD(b.parameters(), lr=0.1)
    for x, y in loader:
        opt_a.zero_grad()
        opt_b.zero_grad()
        (F.cross_entropy(a(x), y) + F.cross_entropy(b(x), y)).backward()
        opt_a.step()
        nn.utils.clip_grad_norm_(b.parameters(), 1.0)
        opt_b.step()
