"""Layers that are added one after the other to an empty `Sequential`."""

import torch
from torch import nn


def build(width: int) -> nn.Sequential:
    model = nn.Sequential()
    model.add_module("hidden", nn.Linear(20, width))
    model.add_module("activation", nn.ReLU())
    model.add_module("output", nn.Linear(width, 5))
    model.add_module("softmax", nn.Softmax(dim=1))
    return model


def build_bare(width: int, drop: bool) -> nn.Sequential:
    model = nn.Sequential()
    model.append(nn.Linear(20, width))
    model.append(nn.Softmax(dim=1))
    if drop:
        model.append(nn.Dropout())
    return model


def build_inner(width: int) -> nn.Sequential:
    model = nn.Sequential()
    model.append(nn.Linear(20, width))
    model.append(nn.Softmax(dim=1))
    model.append(nn.Linear(width, 5))
    return model


def train(x: torch.Tensor, y: torch.Tensor) -> None:
    loss = nn.CrossEntropyLoss()
    output = loss.forward(build(64).forward(x), y)  # TL201
    output.backward()
    loss(build_bare(64, True)(x), y).backward()
    loss(build_inner(64)(x), y).backward()


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential()
        self.head.add_module("linear", nn.Linear(20, 5))
        self.head.add_module("softmax", nn.Softmax(dim=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x)


def train_net(x: torch.Tensor, y: torch.Tensor) -> None:
    nn.CrossEntropyLoss()(Net()(x), y).backward()  # TL201


def through_the_logarithm(x: torch.Tensor, y: torch.Tensor) -> None:
    scores = torch.exp(torch.log_softmax(nn.Linear(20, 5)(x), dim=0))
    nn.CrossEntropyLoss()(scores.view(1, -1), y).backward()  # TL201
    nn.CrossEntropyLoss()(torch.exp(nn.Linear(20, 5)(x)), y).backward()
