"""Found through helpers, attributes and guards."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional as F
from torch.optim import AdamW as Opt


class Learner:
    def __init__(self):
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        self.configure()

    def configure(self):
        self.opt = Opt(self.net.parameters(), lr=1e-3)

    def backward(self, x, y):
        F.cross_entropy(self.net(x), y).backward()

    def fit(self, loader):
        for _ in range(3):
            for x, y in loader:
                self.backward(x, y)
                self.opt.step()  # TL101


def scaled(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler()
    for x, y in loader:
        with torch.autocast("cuda"):
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)  # TL101
        scaler.update()


def accelerated(loader):
    accelerator = Accelerator(gradient_accumulation_steps=4)
    model = nn.Linear(20, 5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        with accelerator.accumulate(model):
            accelerator.backward(F.cross_entropy(model(x), y))
            optimizer.step()  # TL101
