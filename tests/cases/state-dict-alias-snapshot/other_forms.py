"""The state kept in a tuple, in a dictionary, by a comprehension, on `self`."""

import copy

import torch
from torch import nn


def epoch(model: nn.Module, optimizer: torch.optim.Optimizer, loader) -> None:
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()


def in_a_tuple(model: nn.Module, loader, validate) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best, kept = 0.0, None
    for _ in range(10):
        epoch(model, optimizer, loader)
        score = validate(model)
        if score > best:
            best, kept = score, model.state_dict()  # TL702
    model.load_state_dict(kept)


def in_a_dictionary(model: nn.Module, loader, validate, path: str) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best = {"score": 0.0, "state": None}
    for _ in range(10):
        epoch(model, optimizer, loader)
        score = validate(model)
        if score > best["score"]:
            best = {"score": score, "state": model.state_dict()}  # TL702
    torch.save(best["state"], path)


def by_a_comprehension(model: nn.Module, loader, validate) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    kept = {name: value for name, value in model.state_dict().items()}  # TL702
    epoch(model, optimizer, loader)
    if validate(model) < 0.5:
        model.load_state_dict(kept)


class Trainer:
    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.best = 0.0
        self.state = None
        self.copied = None

    def fit(self, loader, validate) -> None:
        for _ in range(10):
            epoch(self.model, self.optimizer, loader)
            score = validate(self.model)
            if score > self.best:
                self.best = score
                self.state = self.model.state_dict()  # TL702
                self.copied = copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(self.state)
        self.model.load_state_dict(self.copied)
