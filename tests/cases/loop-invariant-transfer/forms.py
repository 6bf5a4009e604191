"""The ways in which real loops copy the same tensor again."""

import numpy as np
import torch
from torch import nn

DEVICE = torch.device("cuda")
POSITIONS = torch.arange(64)


def weighted(model: nn.Module, loader, counts: np.ndarray, epochs: int) -> None:
    model.cuda().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weights = torch.from_numpy(counts).float()
    for _ in range(epochs):
        for x, y in loader:
            criterion = nn.CrossEntropyLoss(weight=weights.cuda())  # TL602
            optimizer.zero_grad()
            loss = criterion(model(x.cuda() + POSITIONS.to(DEVICE)), y.cuda())  # TL602
            loss.backward()
            optimizer.step()


def evaluate(model: nn.Module, loader) -> float:
    prior = torch.full((10,), 0.1)
    model.cuda().eval()
    right = 0.0
    with torch.no_grad():
        for x, y in loader:
            scores = nn.functional.log_softmax(model(x.cuda()), dim=1) - prior.to("cuda").log()  # TL602?
            right += (scores.argmax(1).cpu() == y).float().mean().item()
    return right / len(loader)
