"""Undivided losses, further apart."""

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from transformers import AutoModelForSequenceClassification


def compute(criterion, model, batch):
    x, y = batch
    return criterion(model(x), y)


class Trainer:
    def __init__(self, model, args):
        self.args = args
        self.model = model
        self.scaler = torch.amp.GradScaler("cuda")
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)

    def epoch(self, loader):
        self.model.train()
        for step, batch in enumerate(loader):
            loss = compute(self.criterion, self.model, batch)
            self.scaler.scale(loss).backward()  # TL105
            if (step + 1) % self.args.accumulate == 0 or step + 1 == len(loader):
                self.scaler.unscale_(self.optimizer)
                clip_grad_norm_(self.model.parameters(), 1.0)
                self.scaler.step(self.optimizer)
                self.scaler.update()
                self.optimizer.zero_grad()


def fine_tune(loader):
    model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased").train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    for step, batch in enumerate(loader):
        outputs = model(**batch)
        outputs.loss.backward()  # TL105
        if step % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
