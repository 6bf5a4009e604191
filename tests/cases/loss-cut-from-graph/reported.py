"""Losses that are cut off, further apart."""

import torch
import torch.nn.functional as F


def in_place(model, x, y):
    with torch.no_grad():
        scores = model(x)
    loss = (scores.argmax(dim=-1) != y).float().mean()
    loss.requires_grad_(True)
    loss.backward()  # TL206


def of_a_tensor(model, x, y, optimizer):
    optimizer.zero_grad()
    loss = torch.tensor(F.l1_loss(model(x), y), requires_grad=True)
    loss.backward()  # TL206
    optimizer.step()


def scaled(model, x, y, optimizer, scaler):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss = loss.detach()
    loss.requires_grad = True
    scaler.scale(loss).backward()  # TL206
    scaler.step(optimizer)
    scaler.update()


def unrecorded(model, x, y, optimizer):
    optimizer.zero_grad()
    with torch.no_grad():
        loss = F.mse_loss(model(x), y)
    loss.requires_grad = True
    loss.backward()  # TL206
    optimizer.step()
