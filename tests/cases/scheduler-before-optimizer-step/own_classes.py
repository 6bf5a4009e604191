"""A schedule from a factory of the project, an optimizer class of the project, apex in between."""

import torch
from apex import amp
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


class Plain(Optimizer):
    def __init__(self, params, lr: float) -> None:
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.data.add_(parameter.grad, alpha=-group["lr"])


def linear(optimizer: Optimizer, warmup: int, last_epoch: int = -1) -> LambdaLR:
    return LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / warmup), last_epoch)


def train(model: nn.Module, loader, fp16: bool) -> None:
    optimizer = Plain(model.parameters(), lr=0.1)
    scheduler = linear(optimizer, 100)
    if fp16:
        model, optimizer = amp.initialize(model, optimizer, opt_level="O1")
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        if fp16:
            with amp.scale_loss(loss, optimizer) as scaled:
                scaled.backward()
        else:
            loss.backward()
        scheduler.step()  # TL110
        optimizer.step()
        model.zero_grad()


def right(model: nn.Module, loader) -> None:
    optimizer = Plain(model.parameters(), lr=0.1)
    scheduler = linear(optimizer, 100)
    for x, y in loader:
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        scheduler.step()
        model.zero_grad()


def never_cleared(model: nn.Module, loader) -> None:
    optimizer = Plain(model.parameters(), lr=0.1)
    for x, y in loader:
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()  # TL101


def by_keyword(model: nn.Module, loader) -> None:
    optimizer = Plain(model.parameters(), lr=0.1)
    scheduler = linear(optimizer, 100)
    model, optimizer = amp.initialize(models=model, optimizers=optimizer, opt_level="O1")
    for x, y in loader:
        with amp.scale_loss(nn.functional.cross_entropy(model(x), y), optimizer) as scaled:
            scaled.backward()
        scheduler.step()  # TL110
        optimizer.step()
        model.zero_grad()


def hidden(model: nn.Module, loader, settings: dict) -> None:
    optimizer = Plain(model.parameters(), lr=0.1)
    scheduler = linear(optimizer, 100)
    model, optimizer = amp.initialize(model, **settings)
    for x, y in loader:
        with amp.scale_loss(nn.functional.cross_entropy(model(x), y), optimizer) as scaled:
            scaled.backward()
        scheduler.step()
        optimizer.step()
        model.zero_grad()
