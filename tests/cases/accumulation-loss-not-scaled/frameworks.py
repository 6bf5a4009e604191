"""Who divides by the number of micro-batches when a framework runs the backward pass."""

import deepspeed
import lightning
import torch
from accelerate import Accelerator
from lightning.fabric import Fabric
from torch import nn
from torch.nn import functional as F


def told_to_accumulate(model: nn.Module, loader, k: int) -> None:
    accelerator = Accelerator(gradient_accumulation_steps=k)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for i, (x, y) in enumerate(loader):
        accelerator.backward(F.cross_entropy(model(x), y))
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


def not_told(model: nn.Module, loader, k: int) -> None:
    accelerator = Accelerator()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for i, (x, y) in enumerate(loader):
        loss = F.cross_entropy(model(x), y)
        accelerator.backward(loss)  # TL105
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


def told_by_something_else(model: nn.Module, loader, k: int, **settings) -> None:
    accelerator = Accelerator(**settings)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for i, (x, y) in enumerate(loader):
        accelerator.backward(F.cross_entropy(model(x), y))
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


def fabric_divides_nothing(model: nn.Module, loader, k: int) -> None:
    fabric = Fabric(devices=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = fabric.setup(model, optimizer)
    for i, (x, y) in enumerate(fabric.setup_dataloaders(loader)):
        with fabric.no_backward_sync(model, enabled=(i + 1) % k != 0):
            fabric.backward(F.cross_entropy(model(x), y))  # TL105
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


def divided(model: nn.Module, loader, k: int) -> None:
    fabric = Fabric(devices=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = fabric.setup(model, optimizer)
    for i, (x, y) in enumerate(loader):
        fabric.backward(F.cross_entropy(model(x), y) / k)
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


def engine(model: nn.Module, loader, config: dict) -> None:
    runner, optimizer, _, _ = deepspeed.initialize(model=model, config=config)
    for i, (x, y) in enumerate(loader):
        runner.backward(F.cross_entropy(runner(x), y))
        if (i + 1) % 4 == 0:
            optimizer.step()
        runner.step()


def plain_beside_a_framework(model: nn.Module, loader, k: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        F.cross_entropy(model(x), y).backward()  # TL105
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


class ByHand(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net = nn.Linear(20, 5)

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.manual_backward(loss)  # TL105
        if (batch_idx + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class ByHandAndDivided(ByHand):
    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        loss = F.cross_entropy(self.net(batch[0]), batch[1]) / 4
        self.manual_backward(loss)
        if (batch_idx + 1) % 4 == 0:
            optimizer.step()
            optimizer.zero_grad()


class ByHandEachTime(ByHand):
    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(F.cross_entropy(self.net(batch[0]), batch[1]))
        if batch_idx % 4 != 3:
            optimizer.step()


class Automatic(lightning.LightningModule):
    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        loss.backward()
        if (batch_idx + 1) % 4 == 0:
            self.optimizer.step()
