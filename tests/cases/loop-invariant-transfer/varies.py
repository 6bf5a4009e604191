"""Transfers whose value changes, or may change, from step to step."""

import torch
from torch import nn


class Memory:
    def __init__(self) -> None:
        self.bank = torch.zeros(100, 8)

    def update(self, x: torch.Tensor) -> None:
        self.bank[: len(x)] = x.cpu()


def train(model: nn.Module, loader, device: torch.device, memory: Memory, hidden: torch.Tensor) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    table = torch.zeros(1000, 8)
    queue = torch.zeros(16)
    model.to(device).train()
    for step, (x, y) in enumerate(loader):
        x, y = x.to(device), y.to(device)
        known = table[step].to(device)
        table[step] = x.mean(dim=0).detach().cpu()
        bank = memory.bank.to(device)
        memory.update(x)
        queue.copy_(x.flatten()[:16].cpu())
        optimizer.zero_grad()
        out = model(x + known) @ bank.T
        loss = nn.functional.cross_entropy(out, y) + queue.to(device).mean() + hidden.to(device).mean()
        loss.backward()
        optimizer.step()
        model.to(device)
