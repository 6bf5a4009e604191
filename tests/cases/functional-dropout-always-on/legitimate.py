"""Dropout that knows the mode, is off, is meant to stay on, or is not in a module."""

import torch
from torch import nn
from torch.nn import functional as F


class Guarded(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        if not self.training:
            return self.layer(x)
        x = F.dropout(x, self.p)
        return self.layer(x)


class Guarded2(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        if self.training and self.p > 0:
            x = F.dropout(x, self.p)
        return self.layer(x)


class Rate(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    @property
    def rate(self):
        return self.p if self.training else 0.0

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, dropout_p=self.rate)


class Product(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, dropout_p=self.p * self.training)


class Zero(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = 0.0

    def forward(self, q, k, v):
        x = F.scaled_dot_product_attention(q, k, v)
        x = x + F.scaled_dot_product_attention(q, k, v, dropout_p=0.0)
        return x + F.scaled_dot_product_attention(q, k, v, dropout_p=self.p)


class Switched(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p
        self.active = p

    def train(self, mode=True):
        super().train(mode)
        self.active = self.p if mode else 0.0
        return self

    def forward(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, dropout_p=self.active)


class Alpha(nn.Module):
    def forward(self, x):
        return F.alpha_dropout(x, 0.5)


class MonteCarlo(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x)

    def sample(self, x):
        return self.layer(F.dropout(x, 0.5, True))


class Wrapper(nn.Module):
    def __init__(self, inner, p):
        super().__init__()
        self.inner = inner
        self.p = p

    def forward(self, x):
        return F.dropout(self.inner(x), p=self.p, training=self.training)


def edges(x, p):
    return F.dropout(x, p)


class Keywords(nn.Module):
    def forward(self, x, **kwargs):
        return F.dropout(x, **kwargs)


class Factory(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.build(p)

    def build(self, p):
        self.drop = nn.Dropout(p)

    def forward(self, x):
        return self.drop(x)


class PerCall(nn.Module):
    def forward(self, x):
        drop = nn.Dropout(0.5)
        drop.train(self.training)
        return drop(x)


class Shape(nn.Module):
    def forward(self, x):
        return torch.relu(x)


class OnlyWithoutDropout(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dropout = config.dropout
        self.flash = self.dropout == 0.0
        self.drop = nn.Dropout(config.dropout)

    def forward(self, q, k, v):
        if self.flash:
            return F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout)
        return self.drop(torch.softmax(q @ k.transpose(-2, -1), dim=-1)) @ v


class Leaving(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        learning = self.training
        if not learning:
            return x
        return F.dropout(x, self.p)


class Sampled(nn.Module):
    """Drops in evaluation too, where its caller wants samples."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.layer = nn.Linear(4, 4)

    def forward(self, x, sampling: bool = False):
        if sampling and self.config.rate > 0:
            x = F.dropout(x, p=self.config.rate)
        return self.layer(x) if not sampling else self.layer(F.dropout(x, 0.1))
