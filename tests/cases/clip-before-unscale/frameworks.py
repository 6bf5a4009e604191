"""Accelerate and Fabric scale the loss if they are made for float16; their own clipping unscales first."""

import torch
from accelerate import Accelerator
from lightning.fabric import Fabric
from torch import nn
from torch.nn.functional import cross_entropy


def accelerated(model: nn.Module, loader) -> None:
    accelerator = Accelerator(mixed_precision="fp16")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        accelerator.backward(cross_entropy(model(x), y))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # TL801
        optimizer.step()
        optimizer.zero_grad()


def with_fabric(model: nn.Module, loader) -> None:
    fabric = Fabric(precision="16-mixed")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = fabric.setup(model, optimizer)
    for x, y in loader:
        fabric.backward(cross_entropy(model(x), y))
        torch.nn.utils.clip_grad_value_(model.parameters(), 0.5)  # TL801
        optimizer.step()
        optimizer.zero_grad()


def in_bfloat16(model: nn.Module, loader) -> None:
    accelerator = Accelerator(mixed_precision="bf16")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        accelerator.backward(cross_entropy(model(x), y))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


def chosen_at_launch(model: nn.Module, loader, precision: str) -> None:
    accelerator = Accelerator(mixed_precision=precision)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        accelerator.backward(cross_entropy(model(x), y))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()


def its_own(model: nn.Module, loader) -> None:
    fabric = Fabric(precision="16-mixed")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = fabric.setup(model, optimizer)
    for x, y in loader:
        fabric.backward(cross_entropy(model(x), y))
        fabric.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        optimizer.zero_grad()
