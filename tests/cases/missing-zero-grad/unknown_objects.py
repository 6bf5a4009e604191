"""Objects whose kind or behaviour cannot be told: silent."""

from library import build_optimizer, clear_everything
from torch import nn
from torch.nn import functional as F


def from_factory(loader):
    model = nn.Linear(20, 5)
    optimizer = build_optimizer(model)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def unknown_call(loader, torch_optimizer):
    model = nn.Linear(20, 5)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        torch_optimizer.step()
        clear_everything(model)


class Env:
    def __init__(self, env):
        self.env = env

    def run(self, policy):
        for _ in range(100):
            self.env.step(policy)
