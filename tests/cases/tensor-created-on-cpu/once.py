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


class Observer(nn.Module):
    """Finds its shapes in the first call, in several ways."""

    def __init__(self) -> None:
        super().__init__()
        self.lowest = self.weights = self.table = None
        self.found = False

    @property
    def is_ready(self) -> bool:
        return hasattr(self, "count")

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if not self.is_ready:
            self.count = nn.Parameter(torch.zeros(1, dtype=torch.int).to(x.device), requires_grad=False)
        if not hasattr(self, "scale"):
            self.scale = torch.ones(x.shape[1]).to(x.device)
        if not self.found:
            self.shift = torch.zeros(x.shape[1]).to(x.device)
            self.found = True
        if self.lowest is None or self.lowest.shape != x.shape:
            self.lowest = torch.zeros(x.shape).to(x.device)
        if self.weights is None:
            weights = torch.ones(x.shape[1]).to(x.device)  # TL601
            x = x * weights
        if self.table is None:
            table = torch.ones(x.shape[1]).to(x.device)
            self.table = table / table.sum()
        if mask is None:
            self.mask = torch.ones(x.shape[0]).to(x.device)  # TL601
        if not self.training:
            self.noise = torch.zeros(x.shape[0]).to(x.device)  # TL601
        if not self.is_ready:
            x = x + torch.zeros(x.shape[0], 1).to(x.device)  # TL601
        return x

    def input_example(self, batch: int = 1) -> torch.Tensor:
        return torch.randint(0, 256, (batch, 8)).to(next(self.parameters()).device)

    def merge(self, x: torch.Tensor, former: torch.Tensor | None) -> torch.Tensor:
        if former is None:
            self.steps = nn.Parameter(torch.zeros(1).to(x.device), requires_grad=False)
            return x
        return former + x


def train(epochs: int, model: nn.Module, loader, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    for _ in range(epochs):
        sums = torch.zeros(2).to(device)
        weights = torch.zeros(epochs).to(device)  # TL601
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device)) + weights.sum()
            loss.backward()
            optimizer.step()
            sums[0] += loss.detach()
            sums[1] += torch.ones(1).to(device)[0]  # TL601


def without_elements(features: list[torch.Tensor], device: torch.device) -> list[torch.Tensor]:
    padding = 0
    found = []
    for feature in features:
        empty = torch.zeros(padding, feature.shape[1])
        empty = empty.to(feature.device)
        found += [torch.cat([feature, empty]), torch.empty(1, 0, 8).to(device), torch.ones((2, 0)).to(device)]
        found += [torch.arange(0, feature.shape[0]).to(device)]  # TL601
        found += [torch.randint(0, 1000, (feature.shape[0],)).to(device)]  # TL601
        found += [torch.linspace(0, 1, 100).to(device)]  # TL601
    return found
