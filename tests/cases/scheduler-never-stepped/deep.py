"""Found although the scheduler is asked for its rate, or comes from a library."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler
from transformers import get_linear_schedule_with_warmup


def logged(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.StepLR(optimizer, 10)  # TL111
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        print(scheduler.get_last_lr())


def linear(loader, epochs):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    lr_schedule = get_linear_schedule_with_warmup(optimizer, 100, epochs * len(loader))  # TL111
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
