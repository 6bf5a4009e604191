"""Found in batch loops and through helpers."""

import torch
from torch import nn
from torch.nn import functional as F
from transformers import get_linear_schedule_with_warmup


def per_batch(loader, steps):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    scheduler = get_linear_schedule_with_warmup(optimizer, 100, steps)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        scheduler.step()  # TL110
        optimizer.step()


class Runner:
    def run(self, loader, epochs):
        model = nn.Linear(20, 5)
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 10)
        for _ in range(epochs):
            self.scheduler.step()  # TL110
            for x, y in loader:
                self.optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                self.optimizer.step()
