"""What is made once: in a constructor, at the first forward, or around a loop and not in it."""

import torch
from torch import nn


class Smoothing(nn.Module):
    def __init__(self, labels: torch.Tensor, width: int) -> None:
        super().__init__()
        self.classes = torch.arange(int(labels.max()) + 1).to(labels.device)
        self.kernel = None
        self.layer = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kernel is None:
            self.kernel = 0.1 * torch.inverse(torch.eye(x.shape[1]).to(x.device))
        mask = torch.ones(x.shape[0], 1).to(x.device)  # TL601
        return self.layer(x @ self.kernel) * mask


def search(model: nn.Module, x: torch.Tensor, y: torch.Tensor, rounds: int) -> torch.Tensor:
    best = x
    for _ in range(rounds):
        change = nn.Parameter(torch.zeros_like(x))
        optimizer = torch.optim.Adam([change], lr=0.01)
        lowest = torch.full((x.shape[0],), 1e10).to(x.device)  # TL601
        for _ in range(1000):
            optimizer.zero_grad()
            losses = nn.functional.cross_entropy(model(x + change), y, reduction="none")
            losses.sum().backward()
            optimizer.step()
            lowest = torch.minimum(lowest, losses.detach())
        best = torch.where((lowest < 1).view(-1, 1), (x + change).detach(), best)
    return best


def works(number: int) -> bool:
    try:
        device = torch.device(f"cuda:{number}")
        _ = torch.zeros((1, 1)).to(device)
    except RuntimeError:
        return False
    return True


class Evaluator:
    def __init__(self, device: torch.device) -> None:
        self.device = device

    def warm_up(self, model: nn.Module) -> None:
        model(torch.zeros(1, 3, 224, 224).to(self.device))

    def memory(self, layers: int) -> list[torch.Tensor]:
        return [torch.empty(0).to(self.device) for _ in range(layers)]

    def scores(self, x: torch.Tensor, times: int) -> torch.Tensor:
        total = torch.zeros(x.shape[0]).to(self.device)  # TL601
        for _ in range(times):
            total = total + torch.ones(10).to(self.device).sum()  # TL601
        return total
