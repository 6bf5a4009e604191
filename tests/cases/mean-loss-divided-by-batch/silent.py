"""Losses that are divided by something, rightly so."""

import torch
import torch.nn.functional as F
from torch import nn

from somewhere import loss_function


def legacy_sum(model, loader, optimizer):
    criterion = nn.MSELoss(size_average=False)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        (criterion(model(x), y) / x.size(0)).backward()
        optimizer.step()


def micro_batches(model, batches, optimizer):
    model.train()
    optimizer.zero_grad()
    for x, y in batches:
        (F.cross_entropy(model(x), y) / len(batches)).backward()
    optimizer.step()


def summed_over_terms(model, loader, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        losses = [F.mse_loss(head, y) for head in model(x)]
        loss = sum(losses) / len(losses)
        loss.backward()
        optimizer.step()


def one_sample_at_a_time(model, loader, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = 0
        for i in range(x.size(0)):
            loss = loss + F.mse_loss(model(x[i : i + 1]), y[i : i + 1])
        (loss / x.size(0)).backward()
        optimizer.step()


def steps_of_a_sequence(model, tokens, targets, optimizer):
    model.train()
    optimizer.zero_grad()
    loss, state = 0, None
    for t in range(tokens.size(0)):
        out, state = model(tokens[t], state)
        loss += F.cross_entropy(out, targets[t])
    loss = loss / tokens.size(0)
    loss.backward()
    optimizer.step()


def unknown_loss(model, loader, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        (loss_function(model(x), y) / len(x)).backward()
        optimizer.step()


def reduction_from_outside(model, loader, optimizer, reduction):
    criterion = nn.CrossEntropyLoss(reduction=reduction)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        (criterion(model(x), y) / len(x)).backward()
        optimizer.step()


def temperature(model, loader, optimizer, scale):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        (F.cross_entropy(model(x), y) / scale).backward()
        optimizer.step()


def only_printed(model, loader):
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            print(F.cross_entropy(model(x), y).item() / len(x))
