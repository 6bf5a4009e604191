"""Modules that reach the loss and need no optimizer, or have one that is harder to see."""

import itertools

import torch
import torchvision
from torch import nn
from torch.nn import functional as F


def perceptual(loader):
    features = torchvision.models.vgg16(weights="DEFAULT").features
    model = nn.Conv2d(3, 3, 3, padding=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        F.mse_loss(features(model(x)), features(y)).backward()
        optimizer.step()


def chained(loader):
    encoder, head = nn.Linear(20, 8), nn.Linear(8, 5)
    params = itertools.chain(encoder.parameters(), head.parameters())
    optimizer = torch.optim.AdamW(params, lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(head(encoder(x)), y).backward()
        optimizer.step()


def groups(loader):
    encoder, head = nn.Linear(20, 8), nn.Linear(8, 5)
    optimizer = torch.optim.AdamW(
        [{"params": encoder.parameters(), "lr": 1e-4}, {"params": head.parameters()}], lr=1e-3
    )
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(head(encoder(x)), y).backward()
        optimizer.step()


def by_module_list(loader):
    encoder, head = nn.Linear(20, 8), nn.Linear(8, 5)
    both = nn.ModuleList([encoder, head])
    optimizer = torch.optim.AdamW(both.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(head(encoder(x)), y).backward()
        optimizer.step()


def added_later(loader):
    encoder, head = nn.Linear(20, 8), nn.Linear(8, 5)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    optimizer.add_param_group({"params": encoder.parameters(), "lr": 1e-4})
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(head(encoder(x)), y).backward()
        optimizer.step()


def frozen_by_loop(loader):
    encoder, head = nn.Linear(20, 8), nn.Linear(8, 5)
    for p in encoder.parameters():
        p.requires_grad = False
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(head(encoder(x)), y).backward()
        optimizer.step()


def without_parameters(loader):
    pool, head, criterion = nn.Flatten(), nn.Linear(20, 5), nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        criterion(head(pool(x)), y).backward()
        optimizer.step()


def adversary(loader):
    g, d = nn.Linear(16, 64), nn.Linear(64, 1)
    opt_g = torch.optim.Adam(g.parameters(), lr=2e-4)
    opt_d = torch.optim.Adam(d.parameters(), lr=2e-4)
    for real in loader:
        fake = g(torch.randn(32, 16))
        opt_d.zero_grad()
        (F.softplus(d(fake.detach())).mean() + F.softplus(-d(real)).mean()).backward()
        opt_d.step()
        opt_g.zero_grad()
        F.softplus(-d(fake)).mean().backward()
        opt_g.step()
