"""Samplers that need no telling, or are told."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler


class Epochs(DistributedSampler):
    def __iter__(self):
        self.epoch += 1
        return super().__iter__()


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x, y) -> None:
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()


def once(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer) -> None:
    loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset))
    model.train()
    for x, y in loader:
        step(model, optimizer, x, y)


def ordered(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer) -> None:
    loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset, shuffle=False))
    model.train()
    for _ in range(3):
        for x, y in loader:
            step(model, optimizer, x, y)


def own(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer) -> None:
    loader = DataLoader(dataset, batch_size=8, sampler=Epochs(dataset))
    model.train()
    for _ in range(3):
        for x, y in loader:
            step(model, optimizer, x, y)


def optional(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer, distributed: bool) -> None:
    sampler = DistributedSampler(dataset) if distributed else None
    loader = DataLoader(dataset, batch_size=8, shuffle=sampler is None, sampler=sampler)
    model.train()
    for epoch in range(3):
        if distributed:
            sampler.set_epoch(epoch)
        for x, y in loader:
            step(model, optimizer, x, y)


def rebuilt(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer) -> None:
    model.train()
    for epoch in range(3):
        sampler = DistributedSampler(dataset, seed=epoch)
        for x, y in DataLoader(dataset, batch_size=8, sampler=sampler):
            step(model, optimizer, x, y)
