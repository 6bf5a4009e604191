"""Learning rates that look odd and are right, or that cannot be judged."""

import gpytorch
import torch
from prodigyopt import Prodigy
from torch import nn
from transformers import Adafactor


def network():
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))


def step_through(model, optimizer, loader):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def own_scale(loader):
    model = network()
    step_through(model, Prodigy(model.parameters(), lr=1.0), loader)
    model = network()
    step_through(model, Adafactor(model.parameters(), lr=1.0, relative_step=False), loader)


def gaussian_process(model: gpytorch.models.ExactGP, x, y, loss):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(50):
        optimizer.zero_grad()
        (-loss(model(x), y)).backward()
        optimizer.step()


def lbfgs(x, y):
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1)

    def closure():
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(model(x), y)
        value.backward()
        return value

    optimizer.step(closure)


def written_later(loader):
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)
    model.train()
    for step, (x, y) in enumerate(loader):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (step + 1)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def groups(loader):
    model = network()
    optimizer = torch.optim.AdamW(
        [{"params": model[0].parameters(), "lr": 0.3}, {"params": model[2].parameters()}], lr=1e-3
    )
    step_through(model, optimizer, loader)


def attack(model, image, label):
    delta = torch.zeros_like(image, requires_grad=True)
    optimizer = torch.optim.SGD([delta], lr=100.0)
    for _ in range(10):
        optimizer.zero_grad()
        (-nn.functional.cross_entropy(model(image + delta), label)).backward()
        optimizer.step()
    return delta.detach()


def matrix_factorisation(loader):
    model = nn.EmbeddingBag(1000, 16)
    step_through(model, torch.optim.Adagrad(model.parameters(), lr=1.0), loader)


def unknown(loader, config):
    model = network()
    step_through(model, torch.optim.AdamW(model.parameters(), lr=config.lr), loader)
