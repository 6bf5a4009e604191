"""The scaler of timm does the backward pass and the step, and leaves the clearing to the loop."""

import torch
from timm.utils import NativeScaler
from torch import nn
from torch.nn.functional import cross_entropy


def forgotten(model: nn.Module, loader) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss_scaler = NativeScaler()
    for x, y in loader:
        loss = cross_entropy(model(x), y)
        loss_scaler(loss, optimizer, clip_grad=1.0, parameters=model.parameters())  # TL101


def cleared(model: nn.Module, loader) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss_scaler = NativeScaler()
    for x, y in loader:
        optimizer.zero_grad()
        loss_scaler(cross_entropy(model(x), y), optimizer, parameters=model.parameters())


def now_and_then(model: nn.Module, loader, k: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss_scaler = NativeScaler()
    for i, (x, y) in enumerate(loader):
        loss = cross_entropy(model(x), y) / k
        loss_scaler(loss, optimizer, parameters=model.parameters(), need_update=(i + 1) % k == 0)
        if (i + 1) % k == 0:
            optimizer.zero_grad()


def chosen(model: nn.Module, loader, amp: bool) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss_scaler = NativeScaler() if amp else None
    for x, y in loader:
        loss = cross_entropy(model(x), y)
        optimizer.zero_grad()
        if loss_scaler is not None:
            loss_scaler(loss, optimizer, parameters=model.parameters())
        else:
            loss.backward()
            optimizer.step()
