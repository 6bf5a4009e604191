"""Sums of losses that hold no graph, or whose graph is wanted."""

import torch
import torch.nn.functional as F


def detached(model, loader, optimizer):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() * x.size(0)
    return total


def one_backward_for_all(models, x, y):
    total = 0
    for model in models:
        total += F.mse_loss(model(x), y)
    total.backward()


def window(model, loader, optimizer):
    optimizer.zero_grad()
    loss = 0
    for step, (x, y) in enumerate(loader):
        loss = loss + F.mse_loss(model(x), y)
        if (step + 1) % 4 == 0:
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss = 0


def returned(model, views, y):
    losses = []
    for view in views:
        losses.append(F.mse_loss(model(view), y))
    return losses


def rebound(model, loader, optimizer):
    total = 0.0
    for x, y in loader:
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss = float(loss)
        total += loss
    return total


@torch.inference_mode()
def evaluate(model, loader):
    model.eval()
    total, outputs = 0.0, []
    for x, y in loader:
        out = model(x)
        outputs.append(out)
        total += F.mse_loss(out, y)
    return total, torch.cat(outputs)


def guarded(model, loader):
    model.eval()
    total = 0.0
    with torch.no_grad():
        for x, y in loader:
            total += F.mse_loss(model(x), y)
    return total


def reset_each_step(model, loader, optimizer):
    for x, y in loader:
        total = 0.0
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss
        print(float(total))


def window_of_steps(model, loader, optimizer, every):
    model.train()
    running = 0.0
    for step, (x, y) in enumerate(loader):
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss
        if step % every == 0:
            print(running.item())
            running = 0.0


def not_its_own_backward(model, loader, optimizer):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = F.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            total += loss
    return total


def either_way(model, loader, optimizer, at_once):
    model.train()
    total = 0.0
    for x, y in loader:
        loss = F.mse_loss(model(x), y)
        if at_once:
            loss.backward()
        else:
            total += loss
    if not at_once:
        total.backward()
    optimizer.step()
    optimizer.zero_grad()


def numbers_over_the_same_setting(model, loader, optimizer, config, history):
    total = 0.0
    for step, (x, y) in enumerate(loader):
        loss = F.mse_loss(model(x), y) / config.accumulation
        (loss * config.scale).backward()
        total += loss.item() * config.accumulation
        if step % config.accumulation == 0:
            optimizer.step()
            optimizer.zero_grad()
            history.append(total / config.accumulation)
            history.append(step * config.scale)
            total = 0.0
