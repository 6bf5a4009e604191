"""What a `LightningModule` returns from `configure_optimizers` is all that sets its rate, unless a hook does."""

import lightning
import torch
from thirdparty import Extra
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR


class Base(lightning.LightningModule):
    def __init__(self, lr=1e-3):
        super().__init__()
        self.lr = lr
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8, batch_first=True), num_layers=12)
        self.head = nn.Linear(512, 10)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.head(self.encoder(batch[0]).mean(1)), batch[1])


class Bare(Base):
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.lr)  # TL108


class Cosine(Base):
    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)  # TL108
        return [optimizer], [CosineAnnealingLR(optimizer, 100)]


class CosineByStep(Base):
    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=2e-3)  # TL108
        schedule = CosineAnnealingLR(optimizer, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class OneCycle(Base):
    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        schedule = OneCycleLR(optimizer, 1e-3, self.trainer.estimated_stepping_batches)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class Unknown(Base):
    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=1e-3)
        return {"optimizer": optimizer, "lr_scheduler": self.schedule(optimizer)}


class Hooked(Base):
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)

    def optimizer_step(self, epoch, batch_idx, optimizer, closure):
        self.ramp(optimizer)
        optimizer.step(closure)


class Mixed(Extra, Base):
    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


class ByHand(Base):
    automatic_optimization = False

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


class Several(Base):
    def configure_optimizers(self):
        return torch.optim.AdamW(self.encoder.parameters(), lr=1e-3), torch.optim.AdamW(self.head.parameters(), lr=1e-3)


class NotLightning(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), num_layers=12)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)
