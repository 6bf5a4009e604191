"""Reads that do not happen in every step, or not on a device."""

import torch
from torch import nn


def cpu_only(model: nn.Module, loader) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        print(loss.item(), loss.item())
        loss.backward()
        optimizer.step()


def logged(model: nn.Module, loader, device: torch.device, rank: int, writer) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.to(device).train()
    for step, (x, y) in enumerate(loader):
        optimizer.zero_grad()
        logits = model(x.to(device))
        loss = nn.functional.cross_entropy(logits, y.to(device))
        loss.backward()
        optimizer.step()
        if step % 50 == 0 and rank == 0:
            writer.add_scalar("loss", loss.item(), step)
            writer.add_scalar("accuracy", (logits.argmax(1).cpu() == y).float().mean().item(), step)
        if not step:
            print(logits.cpu())


def evaluate(model: nn.Module, loader, device: torch.device) -> float:
    model.to(device).eval()
    right, total = 0, 0.0
    with torch.no_grad():
        for x, y in loader:
            logits = model(x.to(device))
            right += (logits.argmax(1).cpu() == y).sum().item()
            total += logits.mean().item()
    return right + total


def shapes(model: nn.Module, loader, device: torch.device) -> int:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.to(device).train()
    seen = 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
        seen += int(x.shape[0]) + len(y) + float(x.size(1))
        labels = y.tolist()
        del labels
    return seen


def check_finite(value: torch.Tensor) -> None:
    if torch.isfinite(value).all():
        return
    raise ValueError(f"{(~torch.isfinite(value)).sum().item()} values are not finite")


def checked(model: nn.Module, loader, device: torch.device) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.to(device).train()
    total = 0.0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        check_finite(x)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.item()
