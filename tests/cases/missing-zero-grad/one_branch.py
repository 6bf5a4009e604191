"""The clearing stands in one branch of a test that stays as it is, and the step of the other branch goes without."""

import torch
from torch import nn


def scaled_or_not(model: nn.Module, loader, use_amp: bool) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cuda")
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        if use_amp:
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        else:
            loss.backward()
            optimizer.step()  # TL101


def every_other(model: nn.Module, loader) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    fresh = True
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        if fresh:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        else:
            loss.backward()
            optimizer.step()
        fresh = not fresh


def both(model: nn.Module, loader, use_amp: bool) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cuda")
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        if use_amp:
            optimizer.zero_grad()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        else:
            model.zero_grad()
            loss.backward()
            optimizer.step()


def by_name(model: nn.Module, loader, name: str) -> None:
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()  # TL101


def from_a_table(model: nn.Module, loader, name: str) -> None:
    known = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = known[name](model.parameters(), lr=0.1)
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()  # TL101
