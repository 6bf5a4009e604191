"""A loss that a setting chooses, and batches that are drawn at random."""

import torch
from torch import nn
from torch.nn import functional as F


class Smoothed(nn.Module):
    def forward(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        log = F.log_softmax(logits, dim=-1)
        return (0.9 * -log.gather(1, y[:, None]).squeeze(1) - 0.1 * log.mean(dim=-1)).mean()


def one_of_two(model: nn.Module, loader, smooth: bool, times: int) -> None:
    criterion = Smoothed() if smooth else nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        loss.backward()  # TL105
        if (i + 1) % times == 0:
            optimizer.step()
            optimizer.zero_grad()


def divided_where_needed(model: nn.Module, loader, times: int) -> None:
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        if times > 1:
            loss = loss / times
        loss.backward()
        if (i + 1) % times == 0:
            optimizer.step()
            optimizer.zero_grad()


def draw(text: torch.Tensor, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    starts = torch.randint(len(text) - length, (16,))
    x = torch.stack([text[i : i + length] for i in starts])
    y = torch.stack([text[i + 1 : i + 1 + length] for i in starts])
    return x, y


def micro_steps(model: nn.Module, text: torch.Tensor, steps: int, times: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    x, y = draw(text, 64)
    for _ in range(steps):
        for _ in range(times):
            loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
            x, y = draw(text, 64)
            loss.backward()  # TL105
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def same_batch(model: nn.Module, x: torch.Tensor, y: torch.Tensor, times: int) -> None:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(times):
        F.cross_entropy(model(x), y).backward()
    optimizer.step()
