"""Softmax near cross-entropy that is right, or that cannot be decided."""

import torch
import torch.nn.functional as F
from torch import nn

from somewhere import build_model, make_targets


def softmax(x, dim=-1):
    return x


def local_function_of_the_same_name(model, x, y):
    return F.cross_entropy(softmax(model(x)), y)


def unknown_model(x, y):
    model = build_model()
    return nn.CrossEntropyLoss()(model(x), y)


def soft_targets(student, teacher, x, t):
    target = torch.softmax(teacher(x) / t, dim=-1).detach()
    criterion = nn.CrossEntropyLoss()
    return criterion(student(x) / t, target)


def soft_targets_by_keyword(student, teacher, x):
    return F.cross_entropy(input=student(x), target=teacher(x).softmax(-1))


def one_of_two_branches(model, x, y, normalise):
    scores = model(x)
    if normalise:
        scores = scores.softmax(-1)
    return F.cross_entropy(scores, y)


def rebound(model, x, y):
    scores = model(x).softmax(-1)
    confidence = scores.max(-1).values
    scores = model(x)
    return F.cross_entropy(scores, y), confidence


def temperature(model, x, y):
    return F.cross_entropy(model(x).softmax(-1) / 0.07, y)


def logit_again(model, x, y):
    return F.cross_entropy(torch.logit(model(x).softmax(-1), eps=1e-6), y)


def adjusted(model, prior, x, y):
    return F.cross_entropy(model(x).softmax(-1) + prior.log(), y)


def weights_of_experts(gate, experts, x, y):
    weights = F.softmax(gate(x), dim=-1)
    mixed = torch.einsum("be,bec->bc", weights, experts(x))
    return F.cross_entropy(mixed, y)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(8, 8)
        self.softmax = nn.Softmax(dim=-1)
        self.out = nn.Linear(8, 4)

    def forward(self, x):
        attention = self.softmax(self.query(x) @ x.transpose(1, 2))
        return self.out((attention @ x).mean(1)), attention


def first_of_the_pair(x, y):
    model = Attention()
    out = model(x)
    return F.cross_entropy(out[0], y)


class PredictsWithSoftmax(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(x)

    def predict(self, x):
        return self.forward(x).softmax(-1)


def trained_on_logits(model: PredictsWithSoftmax, x, y):
    return F.cross_entropy(model(x), y), model.predict(x)


class Optional(nn.Module):
    def __init__(self, probabilities):
        super().__init__()
        self.fc = nn.Linear(8, 4)
        self.activation = nn.Softmax(-1) if probabilities else nn.Identity()

    def forward(self, x):
        return self.activation(self.fc(x))


def optional(x, y):
    return F.cross_entropy(Optional(False)(x), y)


class MyLoss(nn.CrossEntropyLoss):
    def forward(self, probabilities, target):
        return F.nll_loss(probabilities.log(), target)


def own_loss(model, x, y):
    return MyLoss()(model(x).softmax(-1), y)


def targets_from_elsewhere(model, x):
    return F.cross_entropy(model(x), make_targets(x).softmax(-1))
