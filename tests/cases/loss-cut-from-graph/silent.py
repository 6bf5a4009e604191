"""Leaves and detached losses that are right."""

import torch
import torch.nn.functional as F


def start_of_a_sum(model, batches, optimizer):
    loss = torch.tensor(0.0, requires_grad=True)
    for x, y in batches:
        loss = loss + F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def empty_batch(model, x, y, optimizer):
    if y.numel():
        loss = F.cross_entropy(model(x), y)
    else:
        loss = torch.tensor(0.0, requires_grad=True)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def no_effect(model, x, y):
    loss = F.mse_loss(model(x), y)
    loss.requires_grad = True
    loss.backward()


def hook(embeddings, y, backward_of):
    loss = F.mse_loss(embeddings, y)
    loss = loss.detach().requires_grad_()
    loss.register_hook(backward_of)
    loss.backward()


def plain_leaf():
    x = torch.tensor(2.0, requires_grad=True)
    x.backward()
    return x.grad


def attack(model, x, y):
    delta = torch.zeros_like(x).requires_grad_()
    F.cross_entropy(model(x + delta), y).backward()
    return delta.grad.sign()


def logged(model, x, y):
    loss = F.mse_loss(model(x), y)
    loss.backward()
    return loss.detach().requires_grad_()


def unknown(compute, x):
    loss = compute(x)
    loss.requires_grad_()
    loss.backward()


def fresh_number(draw):
    x = torch.tensor(draw(), requires_grad=True)
    x.backward()
    y = torch.tensor(2.0 * 3, requires_grad=True)
    y.backward()
