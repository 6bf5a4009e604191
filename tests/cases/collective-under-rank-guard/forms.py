"""Collectives that not all ranks reach, in the shapes that real code has."""

import os

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import nn


def get_rank() -> int:
    if not dist.is_available() or not dist.is_initialized():
        return 0
    return dist.get_rank()


def is_main_process() -> bool:
    return get_rank() == 0


def validate(model: nn.Module, loader, path: str) -> None:
    if is_main_process():
        total = torch.zeros(1)
        for x, _ in loader:
            total += model(x).sum()
        dist.all_reduce(total)  # TL805
        torch.save({"total": total, "path": os.path.basename(path)}, path)


def accelerated(model: nn.Module, loader) -> None:
    accelerator = Accelerator()
    if accelerator.is_main_process:
        accelerator.wait_for_everyone()  # TL805
        accelerator.save(model.state_dict(), "last.pt")
    for x, y in loader:
        accelerator.gather_for_metrics((model(x), y))


def first(value: torch.Tensor) -> torch.Tensor:
    if not is_main_process():
        return value
    dist.broadcast(value, src=0)  # TL805
    return value
