"""Layers that come into a plain list by other ways."""

from torch import nn


class LocalList(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        blocks = []
        for _ in range(depth):
            blocks.append(nn.Sequential(nn.Linear(width, width), nn.ReLU()))
        self.blocks = blocks  # TL401

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = {}  # TL401
        self.heads["a"] = nn.Linear(2, 2)

    def forward(self, x):
        return self.heads["a"](x)


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = [nn.Conv2d(3, 3, 3)] * 4  # TL401

    def forward(self, x):
        for i in range(len(self.layers)):
            x = self.layers[i](x)
        return x


class InTheClassBody(nn.Module):
    width = 4
    layer = nn.Linear(width, 2)  # TL401
    activation = nn.ReLU()

    def forward(self, x):
        return self.activation(self.layer(x))
