"""Schedulers that somebody else steps, or may step."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR, StepLR
from transformers import Trainer, TrainingArguments


def returned(model: nn.Module):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = StepLR(optimizer, 10)
    return optimizer, scheduler


def in_a_dict(model: nn.Module):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": StepLR(optimizer, 10), "interval": "epoch"}}


def handed_over(model: nn.Module, dataset):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    scheduler = StepLR(optimizer, 10)
    Trainer(model, TrainingArguments("out"), train_dataset=dataset, optimizers=(optimizer, scheduler)).train()


def chained(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    first = ConstantLR(optimizer, factor=0.1)
    second = ExponentialLR(optimizer, gamma=0.9)
    scheduler = ChainedScheduler([first, second])
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        scheduler.step()


def in_a_list(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedulers = [StepLR(optimizer, 10)]
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


class Base:
    def build(self, model):
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self.scheduler = StepLR(self.optimizer, 10)


class Child(Base):
    def end_of_epoch(self):
        self.scheduler.step()


class Public:
    """Its scheduler is an attribute that users of the library may step."""

    def __init__(self, model):
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self.scheduler = StepLR(self.optimizer, 10)


def prepared(loader):
    accelerator = Accelerator()
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = StepLR(optimizer, 10)
    model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    for x, y in loader:
        optimizer.zero_grad()
        accelerator.backward(F.cross_entropy(model(x), y))
        optimizer.step()
        scheduler.step()


def bound_method(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = StepLR(optimizer, 10)
    advance = scheduler.step
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        advance()


def restart(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = StepLR(optimizer, 10)
    if loader is None:
        scheduler = ExponentialLR(optimizer, 0.9)
    scheduler.step()
