"""Gradients in evaluation mode that are used, or switched off elsewhere."""

import torch
from torch import nn
from torch.nn import functional as F


def net():
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))


def globally_off(loader):
    torch.set_grad_enabled(False)
    model = net().eval()
    return [model(x).argmax(1) for x, _ in loader]


def frozen(loader):
    model = net().eval().requires_grad_(False)
    return [model(x).argmax(1) for x, _ in loader]


def saliency(loader):
    model = net()
    model.eval()
    maps = []
    for x, _ in loader:
        x.requires_grad_()
        model(x).max(1).values.sum().backward()
        maps.append(x.grad)
    return maps


def latent_search(target):
    model = net()
    model.eval()
    z = torch.zeros(1, 20, requires_grad=True)
    optimizer = torch.optim.Adam([z], lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        F.mse_loss(model(z), target).backward()
        optimizer.step()
    return z


def library_function(model, loader):
    model.eval()
    return [model(x).argmax(1) for x, _ in loader]


def returned_outputs(loader):
    model = net()
    model.eval()
    for x, _ in loader:
        yield model(x)


def fine_tuned_in_eval(loader):
    model = net()
    model.eval()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@torch.inference_mode()
def main(loader):
    model = net()
    model.eval()
    return helper(model, loader)


def helper(model, loader):
    return [model(x).argmax(1) for x, _ in loader]


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()

    @torch.no_grad()
    def forward(self, x):
        return self.net(x)


def decorated(loader):
    model = Wrapped()
    model.eval()
    return [model(x).argmax(1) for x, _ in loader]
