"""Sums that are multiplied by the batch size, further apart."""

import torch
from torch import nn


class Validator:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.BCEWithLogitsLoss(size_average=False)

    @torch.no_grad()
    def run(self, loader):
        self.model.eval()
        losses = []
        for batch in loader:
            x, y = batch
            n = x.shape[0]
            loss = self.criterion(self.model(x), y)
            losses.append(n * float(loss))  # TL210
        return sum(losses) / len(loader.dataset)
