"""Shapes that agree, that are meant to differ, or that are not known."""

import torch
import torch.nn.functional as F
from torch import nn

head = nn.Linear(8, 1)
wide = nn.Linear(8, 3)


def unknown_target(x, y):
    return F.mse_loss(head(x), y)


def same_view(x, y):
    return F.mse_loss(head(x).view(-1), y.view(-1))


def reshaped_like(x, y):
    y = y.flatten()
    return F.mse_loss(head(x), y.view_as(head(x)))


def several_outputs(x, y):
    return F.mse_loss(wide(x), y.flatten())


def weighted(x, y, weight):
    return (weight.view(-1) * (head(x).squeeze(1) - y.view(-1)) ** 2).mean()


def added_axis(x, y):
    y = y.view(-1)
    return F.l1_loss(head(x), y[:, None]) + F.l1_loss(head(x), y.unsqueeze(1)) + F.l1_loss(head(x), y.reshape(-1, 1))


def all_pairs(a, b):
    a, b = head(a), head(b).view(-1)
    return F.relu(1 - (a - b)).mean()


def scalar_target(x):
    return F.mse_loss(head(x), torch.tensor(0.5))


def mean_first(x, y):
    return F.mse_loss(head(x).mean(0), y.view(-1).mean())


def raises_by_itself(x, y):
    return F.binary_cross_entropy_with_logits(head(x), y.view(-1))


def branch(x, y, flat):
    out = head(x)
    if flat:
        out = out.squeeze(-1)
    return F.mse_loss(out, y.flatten())


def one_sample(sample, y):
    return F.mse_loss(head(sample.view(-1)), y.view(-1))


class Squeezed(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 1), nn.Flatten(0))

    def forward(self, x):
        return self.net(x)


def flattened_inside(model: Squeezed, x, y):
    return F.mse_loss(model(x), y.flatten())


def kernel(a, b):
    return ((a.view(-1, 1) - b.view(-1)) ** 2).mean() + (a.reshape(-1, 1) - b.flatten()).abs().sum()


def column_on_purpose(x, y):
    return ((head(x).unsqueeze(-1) - y.flatten()) ** 2).mean()
