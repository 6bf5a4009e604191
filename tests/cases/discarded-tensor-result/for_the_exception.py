"""A result is thrown away on purpose: the call is there for what it raises or measures."""

import time

import pytest
import torch
from torch import nn


def divides(x: torch.Tensor, size: int) -> bool:
    try:
        torch.zeros(6).view(size, -1)
    except RuntimeError:
        return False
    return True


def test_shape() -> None:
    x = torch.zeros(2, 3)
    with pytest.raises(RuntimeError):
        x.view(7)


def warm_up(model: nn.Module, device: torch.device) -> float:
    x = torch.zeros(2, 3, device=device)
    begin = time.perf_counter()
    model(x)
    torch.matmul(x, x.T)
    return time.perf_counter() - begin


def hooks(x: torch.Tensor) -> None:
    x.register_hook(lambda gradient: gradient * 2)
    x.retain_grad()
    x.backward()
    x.item()
    x.copy_(torch.ones(2, 3))
    x[0].fill_(1)
    x.share_memory_()
    x.record_stream(torch.cuda.current_stream())
