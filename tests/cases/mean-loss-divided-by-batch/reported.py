"""A second division, further apart."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader


class Learner:
    def __init__(self, model, data, args):
        self.args = args
        self.loader = DataLoader(data, batch_size=args.batch_size, shuffle=True)
        self.model = model
        self.criterion = nn.BCEWithLogitsLoss()
        self.optimizer = torch.optim.Adam(model.parameters())

    def fit(self):
        self.model.train()
        for batch in self.loader:
            x, y = batch["x"], batch["y"]
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss /= self.args.batch_size  # TL209
            loss.backward()
            self.optimizer.step()


def step(model, optimizer, batch):
    optimizer.zero_grad()
    x, y = batch
    n = y.shape[0]
    out = model(x)
    error = F.smooth_l1_loss(out, y) / n  # TL209
    error.backward()
    optimizer.step()


def by_hand(model, optimizer, loader):
    for x, y in loader:
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()
        (loss / len(x)).backward()  # TL209
        optimizer.step()
