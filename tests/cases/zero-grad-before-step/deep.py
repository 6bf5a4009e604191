"""Found through helpers, wrappers, scalers and configurations."""

import torch
from torch import nn
from torch.cuda.amp import GradScaler
from torch.nn import functional as F


def build(name, model):
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=1e-3)
    return torch.optim.SGD(model.parameters(), lr=0.1)


def configured(loader, name):
    model = nn.Linear(20, 5)
    optimizer = build(name, model)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        optimizer.zero_grad()  # TL102
        optimizer.step()


def scaled(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = GradScaler()
    criterion = nn.CrossEntropyLoss()
    for x, y in loader:
        with torch.autocast("cuda"):
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        optimizer.zero_grad(set_to_none=True)  # TL102
        scaler.step(optimizer)
        scaler.update()


def wrapped(loader, rank):
    model = nn.parallel.DistributedDataParallel(nn.Linear(20, 5).to(rank), device_ids=[rank])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        model.zero_grad()  # TL102
        optimizer.step()


def flag(loader, accumulate):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader, 1):
        loss = F.cross_entropy(model(x), y) / accumulate
        optimizer.zero_grad()  # TL102
        loss.backward()
        if i % accumulate == 0 or i == len(loader):
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


def penalised(loader):
    critic = nn.Linear(8, 1)
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-4)
    for x in loader:
        x.requires_grad_(True)
        (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
        loss = critic(x).mean() + (slope.norm(dim=1) - 1).square().mean()
        loss.backward()
        optimizer.zero_grad()  # TL102
        optimizer.step()
