"""A helper that takes the state and writes it down, called twice in each epoch."""

import torch
from torch import nn


class Engine:
    def __init__(self, model: nn.Module, loader) -> None:
        self.model, self.loader = model, loader
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def fit(self, epochs: int, folder: str) -> None:
        best = 0.0
        for _ in range(epochs):
            for x, y in self.loader:
                self.optimizer.zero_grad()
                loss = nn.functional.cross_entropy(self.model(x), y)
                loss.backward()
                self.optimizer.step()
            score = self.evaluate()
            if score > best:
                best = score
                self.save(folder, "best", self.model, self.optimizer)
            self.save(folder, "last", self.model, self.optimizer)

    def save(self, folder: str, name: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        weights = model.state_dict()
        torch.save(weights, f"{folder}/{name}_model.pt")
        moments = optimizer.state_dict()
        torch.save(moments, f"{folder}/{name}_optimizer.pt")

    def evaluate(self) -> float:
        return 0.0
