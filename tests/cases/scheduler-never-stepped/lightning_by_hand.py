"""Whose turn it is to step a scheduler that Lightning was given."""

import lightning
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR


class Automatic(lightning.LightningModule):
    def training_step(self, batch, batch_idx):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return {"optimizer": optimizer, "lr_scheduler": StepLR(optimizer, 3)}


class Forgotten(lightning.LightningModule):
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        first, second = self.optimizers()
        for optimizer in (first, second):
            optimizer.zero_grad()
        self.manual_backward(nn.functional.mse_loss(self(batch[0]), batch[1]))
        first.step()
        second.step()

    def configure_optimizers(self):
        first = torch.optim.SGD(self.one.parameters(), lr=0.1)
        second = torch.optim.SGD(self.two.parameters(), lr=0.1)
        return [first, second], [StepLR(first, 3), {"scheduler": StepLR(second, 3), "interval": "step"}]  # TL111


class Unknown(lightning.LightningModule):
    def __init__(self, automatic):
        super().__init__()
        self.automatic_optimization = automatic

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [StepLR(optimizer, 3)]


class Kept(lightning.LightningModule):
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(nn.functional.mse_loss(self(batch[0]), batch[1]))
        optimizer.step()

    def on_train_epoch_end(self):
        self.schedule.step()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        self.schedule = StepLR(optimizer, 3)
        return [optimizer], [self.schedule]
