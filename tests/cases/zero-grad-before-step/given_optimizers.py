"""Optimizers that a function or a constructor is given: what is cleared and stepped is one, whoever made it."""

import torch
from torch import nn


def train_one_epoch(model, loader, criterion, optimizer, device):
    model.train()
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.zero_grad()  # TL102
        optimizer.step()


class Trainer:
    def __init__(self, model, loader, optimizer, criterion, strategy, environment):
        self.model = model
        self.loader = loader
        self.optimizer = optimizer
        self.criterion = criterion
        self.strategy = strategy
        self.environment = environment

    def late(self):
        for x, y in self.loader:
            self.criterion(self.model(x), y).backward()
            self.optimizer.zero_grad()  # TL102
            self.optimizer.step()

    def before(self):
        for x, y in self.loader:
            self.optimizer.zero_grad()
            self.criterion(self.model(x), y).backward()
            self.optimizer.step()

    def after(self):
        for x, y in self.loader:
            self.criterion(self.model(x), y).backward()
            self.optimizer.step()
            self.optimizer.zero_grad()

    def by_a_strategy(self):
        for x, y in self.loader:
            loss = self.criterion(self.model(x), y)
            loss.backward(retain_graph=True)
            self.optimizer.zero_grad()
            self.strategy.backward(loss)
            self.optimizer.step()

    def by_either(self, fabric):
        for x, y in self.loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            if fabric is None:
                loss.backward()
            else:
                fabric.backward(loss)
            self.optimizer.step()

    def closure(self):
        for x, y in self.loader:

            def run():
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x), y)
                loss.backward()
                return loss

            self.optimizer.step(run)

    def by_hand(self):
        for x, y in self.loader:
            self.criterion(self.model(x), y).backward()
            kept = [p.grad.clone() for p in self.model.parameters()]
            self.optimizer.zero_grad()
            for p, gradient in zip(self.model.parameters(), kept, strict=True):
                p.grad = gradient
            self.optimizer.step()

    def no_optimizer(self):
        for action in self.loader:
            self.criterion(action).backward()
            self.environment.step(action)


def accumulate(model: nn.Module, batches, optimizer, scaler: torch.amp.GradScaler):
    optimizer.zero_grad()
    for i, (x, y) in enumerate(batches):
        scaler.scale(nn.functional.mse_loss(model(x), y)).backward()
        if (i + 1) % 4 == 0:
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
