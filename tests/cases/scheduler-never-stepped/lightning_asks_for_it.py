"""The scheduler is asked for and stepped, in a callback."""

import lightning
import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR


class ByHand(lightning.LightningModule):
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(nn.functional.mse_loss(self(batch[0]), batch[1]))
        optimizer.step()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        return [optimizer], [StepLR(optimizer, 3)]


class Advance(lightning.Callback):
    def on_train_epoch_end(self, trainer, pl_module):
        pl_module.lr_schedulers().step()
