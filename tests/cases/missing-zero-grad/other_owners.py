"""Somebody or something else clears: engines, closures, hooks, contexts, optimizers of one's own."""

import deepspeed
import torch
import torch.distributed.autograd as dist_autograd
from accelerate import Accelerator
from lightning.fabric import Fabric
from torch import nn
from torch.nn import functional as F


def engine(loader):
    model, optimizer, _, _ = deepspeed.initialize(model=nn.Linear(20, 5), config="ds.json")
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        model.backward(loss)
        model.step()


def accelerated(loader):
    accelerator = Accelerator(gradient_accumulation_steps=4)
    model = nn.Linear(20, 5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        with accelerator.accumulate(model):
            loss = F.cross_entropy(model(x), y)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()


def fabric(loader):
    fabric = Fabric()
    model = nn.Linear(20, 5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer = fabric.setup(model, optimizer)
    for x, y in loader:
        optimizer.zero_grad()
        fabric.backward(F.cross_entropy(model(x), y))
        optimizer.step()


def remote(loader, model, dist_optimizer):
    for x, y in loader:
        with dist_autograd.context() as context:
            loss = F.cross_entropy(model(x), y)
            dist_autograd.backward(context, [loss])
            dist_optimizer.step(context)


class Clearing(torch.optim.SGD):
    def step(self, closure=None):
        super().step(closure)
        self.zero_grad()


def own_optimizer(loader):
    model = nn.Linear(20, 5)
    optimizer = Clearing(model.parameters(), lr=0.1)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def in_backward(loader):
    model = nn.Linear(20, 5)
    optimizers = {p: torch.optim.SGD([p], lr=0.1) for p in model.parameters()}

    def hook(p):
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in model.parameters():
        p.register_post_accumulate_grad_hook(hook)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()


def by_hand(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    params = list(model.parameters())
    for x, y in loader:
        grads = torch.autograd.grad(F.cross_entropy(model(x), y), params)
        for p, g in zip(params, grads):
            p.grad = g
        optimizer.step()
