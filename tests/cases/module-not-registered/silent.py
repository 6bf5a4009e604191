"""Lists of modules that are registered elsewhere, hidden on purpose, or not in a module."""

import torch
from torch import nn


class Flattened(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 2), nn.ReLU()]
        self.net = nn.Sequential(*self.layers)

    def forward(self, x):
        return self.net(x)


class Rewrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = []
        for _ in range(2):
            self.layers.append(nn.Linear(2, 2))
        self.layers = nn.ModuleList(self.layers)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Numbered(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(2, 2), nn.Linear(2, 2)]
        for i, layer in enumerate(self.layers):
            self.add_module(str(i), layer)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class SetByName(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = []
        for i in range(2):
            block = nn.Linear(2, 2)
            setattr(self, f"block{i}", block)
            self.blocks.append(block)

    def forward(self, x):
        return self.blocks[0](x)


class Parameterless(nn.Module):
    def __init__(self):
        super().__init__()
        self.activations = {"relu": nn.ReLU(), "gelu": nn.GELU()}
        self.pools = [nn.MaxPool2d(2), nn.AvgPool2d(2)]

    def forward(self, x):
        return self.activations["relu"](x)


class ListOfClasses(nn.Module):
    def __init__(self):
        super().__init__()
        self.kinds = [nn.Linear, nn.Conv2d]
        self.table = {"linear": nn.Linear}
        self.names = ["a", "b"]

    def forward(self, x):
        return x


class Hidden(nn.Module):
    def __init__(self, teacher):
        super().__init__()
        self.teacher = (teacher,)
        self.fc = nn.Linear(2, 2)
        self.alias = [self.fc]

    def forward(self, x):
        return self.fc(x)


class Frozen(nn.Module):
    def __init__(self):
        super().__init__()
        self._perceptual = [nn.Conv2d(3, 3, 3).requires_grad_(False)]

    def forward(self, x):
        return self._perceptual[0](x)


class NoModule:
    layers = [nn.Linear(2, 2)]

    def __init__(self):
        self.more = [nn.Linear(2, 2)]


class InMethod(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(3):
            self.layers.append(nn.Linear(2, 2))
        self.layers += [nn.Linear(2, 2)]
        self.heads = nn.ModuleDict()
        self.heads["a"] = nn.Linear(2, 2)

    def forward(self, x):
        return x


class Extended(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = [nn.Linear(2, 2)]
        self.register_all()

    def register_all(self):
        self.net = nn.ModuleList(self.parts)

    def forward(self, x):
        return self.net[0](x)


class OwnOptimizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = [nn.Linear(2, 2)]
        self.optimizer = torch.optim.SGD([p for e in self.experts for p in e.parameters()], lr=0.1)

    def forward(self, x):
        return self.experts[0](x)


class DefaultOfTheClass(nn.Module):
    layer = nn.Linear(2, 2)
    norm_layer = nn.LayerNorm

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x)


class RegisteredLater(nn.Module):
    layer = nn.Linear(2, 2)

    def __init__(self):
        super().__init__()
        self.add_module("own", self.layer)

    def forward(self, x):
        return self.own(x)
