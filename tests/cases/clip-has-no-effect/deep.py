"""Found through attributes, helpers and loops."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import clip_grad_norm_


class Agent:
    def __init__(self):
        self.actor, self.critic = nn.Linear(8, 2), nn.Linear(8, 1)
        self.params = itertools.chain(self.actor.parameters(), self.critic.parameters())
        self.optimizer = torch.optim.Adam(self.params, lr=3e-4)

    def update(self, batches):
        for x, y in batches:
            loss = F.mse_loss(self.actor(x) + self.critic(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            clip_grad_norm_(self.params, 0.5)  # TL104
            self.optimizer.step()


def late(loader, args):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        if args.clip > 0:
            clip_grad_norm_(model.parameters(), args.clip)  # TL104


def generator(loader):
    model = nn.Linear(20, 5)
    trainable = (p for p in model.parameters() if p.requires_grad)
    optimizer = torch.optim.SGD(trainable, lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        torch.nn.utils.clip_grad_value_(trainable, 0.1)  # TL104
        optimizer.step()
