"""Sigmoids that do not reach the loss as its input."""

import torch
import torch.nn.functional as F
from torch import nn


def on_the_target(student, teacher, x):
    return F.binary_cross_entropy_with_logits(student(x), torch.sigmoid(teacher(x)))


def as_a_weight(model, x, y):
    logits = model(x)
    return F.binary_cross_entropy_with_logits(logits, y, weight=torch.sigmoid(logits.detach()))


def shifted(model, x, y):
    return F.binary_cross_entropy_with_logits(10 * (model(x).sigmoid() - 0.5), y)


def either(model, x, y, squash):
    scores = model(x).sigmoid() if squash else model(x)
    return F.binary_cross_entropy_with_logits(scores, y)


class TwoSteps(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 1)
        self.sigmoid = nn.Sigmoid()
        self.criterion = nn.BCEWithLogitsLoss()

    def forward(self, x, y=None):
        logits = self.fc(x)
        probabilities = self.sigmoid(logits)
        if y is None:
            return probabilities
        return probabilities, self.criterion(logits, y)


class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        return x * torch.sigmoid(self.fc(x))


def gated(gate: Gate, x, y):
    return F.binary_cross_entropy_with_logits(gate(x), y)


def logits_of_probabilities(model, x, y):
    return F.binary_cross_entropy_with_logits(torch.logit(torch.sigmoid(model(x))), y)


class BoxLoss(nn.Module):
    def forward(self, outputs, targets):
        return F.binary_cross_entropy_with_logits(outputs["class"], targets["class"])


def stale_smoke_test():
    scores = torch.sigmoid(torch.randn(1, 7, 2, 3))
    print(BoxLoss()(scores, torch.zeros(1, 7, 2, 3)))
