"""Bare attributes that are not methods, or not known to be."""

import torch
from torch import nn


class Trainer:
    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.train = True
        self.step = 0
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def run(self, other) -> None:
        self.train
        self.step
        other.eval
        self.optimizer.param_groups
        self.model.training
        register(self.optimizer.step, self.model.eval)
        callbacks = [self.optimizer.zero_grad]
        for callback in callbacks:
            callback()


def register(*callbacks) -> None:
    for callback in callbacks:
        callback()


class Lazy(nn.Module):
    @property
    def eval(self):
        self.checked = True
        return self


def look(model: Lazy) -> None:
    model.eval
