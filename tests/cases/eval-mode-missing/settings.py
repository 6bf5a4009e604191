"""A model whose dropout comes from a dataclass."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Settings:
    width: int
    dropout: float = 0.0


class Net(nn.Module):
    def __init__(self, settings: Settings):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(8, settings.width), nn.Dropout(settings.dropout), nn.Linear(settings.width, 1)
        )

    def forward(self, x):
        return self.layers(x)


def epoch(model, loader, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def with_dropout(loader, val_loader):
    model = Net(Settings(width=64, dropout=0.1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    for _ in range(10):
        epoch(model, loader, optimizer)
        with torch.no_grad():
            for x, y in val_loader:
                print(nn.functional.mse_loss(model(x), y).item())  # TL406


def without_dropout(loader, val_loader):
    model = Net(Settings(width=64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)
    for _ in range(10):
        epoch(model, loader, optimizer)
        with torch.no_grad():
            for x, y in val_loader:
                print(nn.functional.mse_loss(model(x), y).item())
