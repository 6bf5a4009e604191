"""Unreduced losses that are reduced before they go backward, or whose shape is not known."""

import torch
import torch.nn.functional as F
from torch import nn


def mean_of_all(model, x, y):
    loss = F.cross_entropy(model(x), y, reduction="none")
    loss.mean().backward()


def weighted_sum(model, x, y, weights):
    loss = nn.BCEWithLogitsLoss(reduction="none")(model(x), y)
    loss = (loss * weights).sum() / weights.sum()
    loss.backward()


def matrix_product(model, x, y, weights):
    loss = F.mse_loss(model(x), y, reduction="none")
    (weights @ loss).backward()


def hard_examples(model, x, y, k):
    losses = F.cross_entropy(model(x), y, reduction="none")
    values, _ = losses.topk(k)
    values.mean().backward()


def one_of_them(model, x, y):
    losses = F.cross_entropy(model(x), y, reduction="none")
    losses[0].backward()


def in_a_loop(model, x, y):
    for loss in F.cross_entropy(model(x), y, reduction="none"):
        loss.backward(retain_graph=True)


def gradient_given(model, x, y):
    losses = F.cross_entropy(model(x), y, reduction="none")
    losses.backward(gradient=torch.full_like(losses, 1 / len(losses)))


def own_reduction(model, x, y, reduce):
    loss = F.cross_entropy(model(x), y, reduction="none")
    reduce(loss).backward()


def norm(model, x, y):
    F.l1_loss(model(x), y, reduction="none").norm().backward()


def either(model, x, y, reduction):
    F.l1_loss(model(x), y, reduction=reduction).backward()


def einsum(model, x, y, w):
    loss = F.mse_loss(model(x), y, reduction="none")
    torch.einsum("bn,bn->", loss, w).backward()


def overwritten_under_a_condition(model, x, y, mask=None):
    loss = F.cross_entropy(model(x), y, reduction="none")
    if mask is not None:
        loss = (loss * mask).sum() / mask.sum()
    else:
        loss = loss.mean()
    loss.backward()
