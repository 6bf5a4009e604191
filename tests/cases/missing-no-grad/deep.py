"""Found through methods, helpers, third-party metrics and pretrained models."""

import torch
from metrics import accuracy
from torch import nn
from torch.nn import functional as F
from transformers import AutoModelForSequenceClassification


class Trainer:
    def __init__(self, model, loader):
        self.model = model
        self.loader = loader
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def train_epoch(self):
        self.model.train()
        for x, y in self.loader:
            self.optimizer.zero_grad()
            F.cross_entropy(self.model(x), y).backward()
            self.optimizer.step()

    def evaluate(self, loader):
        self.model.eval()
        total = 0.0
        for x, y in loader:
            output = self.model(x)  # TL408
            total += F.cross_entropy(output, y).item()
            total += accuracy(output, y)
        return total

    def fit(self, loader):
        for _ in range(10):
            self.train_epoch()
            self.evaluate(loader)


def finetune(train_loader, val_loader):
    model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    for _ in range(3):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            model(**batch).loss.backward()
            optimizer.step()
        model.eval()
        hits = 0
        for batch in val_loader:
            hits += (model(**batch).logits.argmax(-1) == batch["labels"]).sum()  # TL408
        print(hits)


class Regressor:
    def __init__(self, network):
        self.network = network

    def predict(self, loader):
        self.network.eval()
        results = []
        for x in loader:
            output, _ = self.network(x)  # TL408
            results.append(output.cpu().detach().numpy())
        return results


def either(model: nn.Module, optimizer: torch.optim.Optimizer, loader, is_train: bool) -> None:
    if is_train:
        model.train()
    else:
        model.eval()
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)  # TL408
        if is_train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def either_as_it_should(model: nn.Module, optimizer: torch.optim.Optimizer, loader, is_train: bool) -> None:
    if is_train:
        model.train()
    else:
        model.eval()
    for x, y in loader:
        with torch.set_grad_enabled(is_train):
            loss = nn.functional.cross_entropy(model(x), y)
        if is_train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def first_in_evaluation_mode(model: nn.Module, optimizer: torch.optim.Optimizer, loader, is_train: bool) -> None:
    model.eval()
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        if is_train:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


class Adversary:
    """Two networks that are not known, in a method that trains or evaluates."""

    def __init__(self, generator, discriminator):
        self.generator = generator
        self.discriminator = discriminator

    def batch(self, x, y, train):
        fake = self.generator(x)  # TL408
        loss = F.mse_loss(fake, y) + F.softplus(-self.discriminator(fake)).mean()  # TL408
        if train:
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
        return loss.item()

    def fit(self, train_loader, val_loader):
        self.optimizer = torch.optim.NAdam([*self.generator.parameters(), *self.discriminator.parameters()], lr=1e-3)
        for _ in range(10):
            self.generator.train()
            self.discriminator.train()
            for x, y in train_loader:
                self.batch(x, y, train=True)
            self.generator.eval()
            self.discriminator.eval()
            for x, y in val_loader:
                print(self.batch(x, y, train=False))
