"""Who tells the sampler the epoch when a framework is about: whoever was given the loader."""

import deepspeed
import lightning
import torch
from accelerate import Accelerator
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset, DistributedSampler


def prepared(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer) -> None:
    accelerator = Accelerator()
    loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset))
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            accelerator.backward(cross_entropy(model(x), y))
            optimizer.step()


def not_prepared(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer) -> None:
    accelerator = Accelerator()
    loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset))
    model, optimizer = accelerator.prepare(model, optimizer)
    for _ in range(3):
        for x, y in loader:  # TL803
            optimizer.zero_grad()
            accelerator.backward(cross_entropy(model(x.to(accelerator.device)), y.to(accelerator.device)))
            optimizer.step()


class Prepares:
    def __init__(self, model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer) -> None:
        self.accelerator = Accelerator()
        self.loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset))
        self.model, self.optimizer, self.loader = self.accelerator.prepare(model, optimizer, self.loader)

    def fit(self) -> None:
        for _ in range(3):
            for x, y in self.loader:
                self.optimizer.zero_grad()
                self.accelerator.backward(cross_entropy(self.model(x), y))
                self.optimizer.step()


def with_fabric(model: nn.Module, dataset: Dataset, held_back: Dataset, optimizer: torch.optim.Optimizer) -> None:
    fabric = lightning.Fabric()
    fabric.launch()
    model, optimizer = fabric.setup(model, optimizer)
    loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset))
    other = DataLoader(held_back, batch_size=8, sampler=DistributedSampler(held_back))
    loader = fabric.setup_dataloaders(loader)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            fabric.backward(cross_entropy(model(x), y))
            optimizer.step()
        for x, y in other:  # TL803
            optimizer.zero_grad()
            fabric.backward(cross_entropy(model(x.to(fabric.device)), y.to(fabric.device)))
            optimizer.step()


def with_deepspeed(model: nn.Module, dataset: Dataset, config: dict) -> None:
    loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset))
    engine, _, _, _ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config=config)
    for _ in range(3):
        for x, y in loader:  # TL803
            loss = cross_entropy(engine(x.to(engine.device)), y.to(engine.device))
            engine.backward(loss)
            engine.step()


def handed_to_something_else(model: nn.Module, dataset: Dataset, optimizer: torch.optim.Optimizer, run) -> None:
    loader = DataLoader(dataset, batch_size=8, sampler=DistributedSampler(dataset))
    loader = run.prepare(loader)
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            cross_entropy(model(x), y).backward()
            optimizer.step()
