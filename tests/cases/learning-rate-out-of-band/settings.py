"""Rates from a dataclass: what the constructor was given counts, and no default that it overrides."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Settings:
    width: int
    lr: float = 1.0
    dropout: float = 0.1


def network(settings: Settings) -> nn.Module:
    return nn.Sequential(nn.Linear(8, settings.width), nn.ReLU(), nn.Linear(settings.width, 1))


def train(settings, model, loader):
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr)  # TL109
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def overridden(loader):
    settings = Settings(64, lr=3e-4)
    model = network(settings)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.lr)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def by_position(loader):
    settings = Settings(64, 1e-3)
    train(settings, network(settings), loader)


def as_it_is(loader):
    settings = Settings(64)
    train(settings, network(settings), loader)


def of_the_caller(settings: Settings, loader):
    optimizer = torch.optim.AdamW(network(settings).parameters(), lr=settings.lr)
    for x, y in loader:
        optimizer.zero_grad()
        optimizer.step(lambda: nn.functional.mse_loss(x, y).backward())
