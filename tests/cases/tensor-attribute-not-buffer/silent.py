"""Tensors of a module that follow it, or need not."""

import torch
from torch import nn


class AtUse(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = torch.ones(3)
        self.b = torch.ones(3)
        self.c = torch.ones(3)
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        a = self.a.to(x)
        b = self.b.type_as(x)
        c = self.c.to(device=x.device, dtype=x.dtype)
        return self.fc(x) * a + b - c


class MovedOnce(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask = torch.ones(3)

    def forward(self, x):
        self.mask = self.mask.to(x.device)
        return x * self.mask


class GivenDevice(nn.Module):
    def __init__(self, device):
        super().__init__()
        self.mask = torch.ones(3, device=device)
        self.other = torch.ones(3).to(device)
        self.cuda_mask = torch.ones(3).cuda()

    def forward(self, x):
        return x * self.mask + self.other + self.cuda_mask


class OwnMove(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask = torch.ones(3)

    def _apply(self, fn):
        super()._apply(fn)
        self.mask = fn(self.mask)
        return self

    def forward(self, x):
        return x * self.mask


class OwnTo(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask = torch.ones(3)

    def to(self, *args, **kwargs):
        self.mask = self.mask.to(*args, **kwargs)
        return super().to(*args, **kwargs)

    def forward(self, x):
        return x * self.mask


class AsANumber(nn.Module):
    def __init__(self):
        super().__init__()
        self.length = torch.tensor(3)
        self.sizes = torch.tensor([3, 4])

    def forward(self, x):
        return x[: self.length] * float(self.length) + self.sizes.tolist()[0]


class NotInForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.history = torch.zeros(10)

    def forward(self, x):
        return x

    def summary(self):
        return self.history.mean()


class Registered(nn.Module):
    def __init__(self):
        super().__init__()
        mask = torch.ones(3)
        self.register_buffer("mask", mask)
        self.buffer = nn.Buffer(torch.ones(3))

    def forward(self, x):
        return x * self.mask + self.buffer


class NoModule:
    def __init__(self):
        self.mask = torch.ones(3)

    def forward(self, x):
        return x * self.mask


class Parametrised(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.zeros(3)
        self.weight = nn.Parameter(self.weight)

    def forward(self, x):
        return x * self.weight


class InNumpy(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.ones(3).numpy()

    def forward(self, x):
        return x * float(self.table[0])


class MovedUnderAName(nn.Module):
    def __init__(self):
        super().__init__()
        self.mask = torch.ones(3)

    def forward(self, x):
        mask = self.mask[: x.shape[-1]]
        mask = mask.to(x.device)
        return x * mask
