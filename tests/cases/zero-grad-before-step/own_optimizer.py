"""An optimizer of the project whose step uses no gradients, and one whose step does."""

import torch
from torch import nn
from torch.optim import Optimizer


class Proximal(Optimizer):
    def __init__(self, params, operator) -> None:
        super().__init__(params, {})
        self.operator = operator

    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data = self.operator(parameter.data)


class Descent(Optimizer):
    def __init__(self, params, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.add_(parameter.grad, alpha=-group["lr"])


def train(model: nn.Module, loader, shrink) -> None:
    descent, proximal = Descent(model.parameters(), lr=0.1), Proximal(model.parameters(), shrink)
    for x, y in loader:
        descent.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        descent.step()
        proximal.zero_grad()
        proximal.step()


def in_vain(model: nn.Module, loader) -> None:
    descent = Descent(model.parameters(), lr=0.1)
    for x, y in loader:
        nn.functional.cross_entropy(model(x), y).backward()
        descent.zero_grad()  # TL102
        descent.step()
