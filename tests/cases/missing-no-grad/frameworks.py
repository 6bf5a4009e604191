"""Lightning switches gradients off around its evaluation hooks; code beside them has to do it itself."""

import lightning
import torch
from torch import nn
from torch.nn.functional import mse_loss
from transformers import Trainer


class Lit(lightning.LightningModule):
    def __init__(self, probes) -> None:
        super().__init__()
        self.net, self.probes = nn.Linear(2, 3), probes

    def on_validation_epoch_end(self) -> None:
        self.net.eval()
        for x in self.probes:
            self.log("mean", self.net(x).detach().mean())

    def helper(self) -> None:
        self.net.eval()
        for x in self.probes:
            print(self.net(x).detach().mean())


class Own(Trainer):
    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        net = nn.Linear(2, 3)
        net.eval()
        return [net(x).detach() for x in inputs], None, None


def by_hand(loader, held_back) -> None:
    net = nn.Linear(2, 3)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        mse_loss(net(x), y).backward()
        optimizer.step()
    net.eval()
    for x, y in held_back:
        print(mse_loss(net(x), y).item())  # TL408
