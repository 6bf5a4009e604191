"""Clearing that concerns other parameters, other loops, or comes before the gradients."""

import torch
from torch import nn
from torch.nn import functional as F


def accumulate_and_guard(loader, every=4):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        if i % every == 0:
            optimizer.zero_grad()
        (F.cross_entropy(model(x), y) / every).backward()
        if (i + 1) % every == 0:
            optimizer.step()


def actor_critic(loader):
    actor, critic = nn.Linear(8, 2), nn.Linear(10, 1)
    opt_actor = torch.optim.Adam(actor.parameters(), lr=3e-4)
    opt_critic = torch.optim.Adam(critic.parameters(), lr=3e-4)
    for state, action, target in loader:
        actor_loss = -critic(torch.cat([state, actor(state)], 1)).mean()
        opt_actor.zero_grad()
        actor_loss.backward()
        opt_actor.step()
        opt_critic.zero_grad()
        F.mse_loss(critic(torch.cat([state, action], 1)), target).backward()
        opt_critic.step()


def sharpness_aware(loader, base):
    model = nn.Linear(20, 5)
    optimizer = base(model.parameters(), lr=0.1)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        optimizer.first_step(zero_grad=True)
        F.cross_entropy(model(x), y).backward()
        optimizer.second_step(zero_grad=True)


def n_critic(loader, every=5):
    g, d = nn.Linear(16, 64), nn.Linear(64, 1)
    opt_g = torch.optim.Adam(g.parameters(), lr=2e-4)
    opt_d = torch.optim.Adam(d.parameters(), lr=2e-4)
    for i, real in enumerate(loader):
        opt_d.zero_grad()
        fake = g(torch.randn(32, 16))
        (F.softplus(d(fake.detach())).mean() + F.softplus(-d(real)).mean()).backward()
        opt_d.step()
        opt_g.zero_grad()
        if i % every == 0:
            F.softplus(-d(g(torch.randn(32, 16)))).mean().backward()
            opt_g.step()


def shared_gradients(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        kept = [p.grad.clone() for p in model.parameters()]
        optimizer.zero_grad()
        F.cross_entropy(model(x.flip(0)), y).backward()
        for p, g in zip(model.parameters(), kept):
            p.grad += g
        optimizer.step()


def put_back(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        kept = [p.grad.clone() for p in model.parameters()]
        optimizer.zero_grad()
        for p, g in zip(model.parameters(), kept):
            p.grad = g
        optimizer.step()


def maybe_skip(loader, skip):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        if skip(loss):
            optimizer.zero_grad()
        optimizer.step()
