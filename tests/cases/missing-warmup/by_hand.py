"""The rate is written by hand, in a function that the loop calls."""

import torch
from torch import nn


def encoder():
    return nn.Sequential(nn.Linear(40, 512), nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), 12))


def adjust(optimizer, step):
    for group in optimizer.param_groups:
        group["lr"] = 1e-3 * min(1.0, step / 1000)


def by_a_helper_of_ours(loader):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, (x, y) in enumerate(loader):
        adjust(optimizer, step)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
