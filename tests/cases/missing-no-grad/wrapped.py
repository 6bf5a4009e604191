"""A network that is wrapped under a condition, and evaluated in a function of its own."""

import torch
from torch import nn
from torchvision import models

network = models.resnet18(num_classes=10)
if torch.cuda.device_count() > 1:
    network = nn.DataParallel(network)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(network.parameters(), lr=0.1)


def train(loader) -> None:
    network.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(network(x), y)
        loss.backward()
        optimizer.step()


def test(loader) -> float:
    network.eval()
    total = 0.0
    for x, y in loader:
        output = network(x)  # TL408
        total += criterion(output, y).item()
    return total


def test_without_gradients(loader) -> float:
    network.eval()
    total = 0.0
    with torch.no_grad():
        for x, y in loader:
            total += criterion(network(x), y).item()
    return total


for _ in range(10):
    train([])
    test([])
    test_without_gradients([])
