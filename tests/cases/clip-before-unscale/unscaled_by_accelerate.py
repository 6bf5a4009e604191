"""The scale is taken off by name before torch's function clips."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn.functional import cross_entropy


def by_name(model: nn.Module, loader) -> None:
    accelerator = Accelerator(mixed_precision="fp16")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        accelerator.backward(cross_entropy(model(x), y))
        accelerator.unscale_gradients()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
