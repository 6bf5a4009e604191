"""Constructors that only look as if they ran Module.__init__."""

import torch
from torch import nn


class NotCalled(nn.Module):
    def __init__(self):
        super().__init__
        self.fc = nn.Linear(2, 2)  # TL402

    def forward(self, x):
        return self.fc(x)


class OldNotCalled(nn.Module):
    def __init__(self, width):
        super(OldNotCalled, self).__init__
        self.width = width
        self.weight = nn.Parameter(torch.zeros(width))  # TL402

    def forward(self, x):
        return x * self.weight


class InABranch(nn.Module):
    def __init__(self, deep):
        if deep:
            self.body = nn.Sequential(nn.Linear(2, 2), nn.ReLU())  # TL402
        else:
            self.body = nn.Identity()

    def forward(self, x):
        return self.body(x)
