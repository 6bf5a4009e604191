"""Deterministic mode on a GPU, with operations that have no deterministic form."""

import torch
import torch.nn.functional as F
from torch import nn


def seed_everything(seed=0):
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect")  # TL701
        self.head = nn.Conv2d(8, 5, 1)
        self.pyramid = nn.ModuleList([nn.AdaptiveAvgPool2d(bins) for bins in (1, 2, 3, 6)])
        self.pool = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d((7, 7)))  # TL701

    def forward(self, x, grid):
        x = F.grid_sample(self.conv(x), grid, align_corners=False)  # TL701
        weights = torch.softmax(x.flatten(1), dim=-1).cumsum(-1)  # TL701
        return F.interpolate(self.head(self.pool(x)), size=(64, 64), mode="bicubic") * weights.mean()  # TL701


def histogram(values, weights):
    return torch.bincount(values, weights=weights), values.float().median(dim=-1)


def confusion(model, x):
    device = torch.device("cuda")
    predicted = model(x.to(device)).argmax(1)
    return torch.bincount(predicted.flatten(), weights=torch.ones(len(x), device=device))  # TL701


def segmentation(steps):
    device = torch.device("cuda")
    head = nn.Conv2d(3, 5, 1).to(device)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    x = torch.randn(8, 3, 32, 32, device=device)
    y = torch.randint(5, (8, 32, 32), device=device)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(head(x), y).backward()  # TL701
        optimizer.step()
    with torch.no_grad():
        each = F.cross_entropy(head(x), y, reduction="none").mean()
        return each, F.cross_entropy(head(x).mean((2, 3)), y[:, 0, 0])


class Optional(nn.Module):
    def __init__(self, pooling):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1) if pooling == "avg" else nn.AdaptiveMaxPool2d(1)
        if pooling == "reflect":
            self.pool = nn.ReflectionPad2d(1)

    def forward(self, x):
        return self.pool(x)


def main(loader):
    seed_everything(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Net().to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, grid, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x.to(device), grid.to(device)).flatten(2).mean(-1), y.to(device))
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main([])
