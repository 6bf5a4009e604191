"""A layer that a seeded script uses: the script asked, this file did not."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(7)

    def forward(self, x):
        return self.pool(x)


def seed_everything(seed):
    torch.manual_seed(seed)
