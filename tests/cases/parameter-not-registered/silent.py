"""Tensors of a module that are registered, derived, or trained by hand."""

import torch
from torch import nn


class Same(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Parameter(torch.zeros(3)).requires_grad_(True)
        self.b = nn.init.normal_(nn.Parameter(torch.empty(3)))
        self.c = nn.Parameter(torch.zeros(3) * 0.1)
        self.d = nn.Parameter(torch.zeros(3).to("cuda"))
        self.e = nn.Parameter(nn.Parameter(torch.zeros(3)) * 2)
        self.f = nn.Parameter(torch.zeros(3)).to("cpu")

    def forward(self, x):
        return x


class Derived(nn.Module):
    def __init__(self):
        super().__init__()
        self.raw = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        self.weight = self.raw.exp()
        return x * self.weight


class TrainedByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_alpha = torch.zeros(1, requires_grad=True)
        self.alpha_optimizer = torch.optim.Adam([self.log_alpha], lr=1e-3)

    def forward(self, x):
        return x * self.log_alpha.exp()


class NoModule:
    def __init__(self, device):
        self.w = nn.Parameter(torch.zeros(3)).to(device)
        self.v = torch.zeros(3, requires_grad=True)


class Listed(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = [nn.Parameter(torch.zeros(3)) for _ in range(2)]
        for i, weight in enumerate(self.weights):
            self.register_parameter(f"w{i}", weight)
        self.more = nn.ParameterDict({"a": nn.Parameter(torch.zeros(3))})

    def forward(self, x):
        return x


class InitialValue(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.initial = self.weight.detach().clone()
        self.shape = self.weight.shape
        self.size = nn.Parameter(torch.zeros(3)).numel()

    def forward(self, x):
        return x * self.weight - self.initial
