"""The step of Lightning by hand, and loops beside frameworks that own the step of something else."""

import deepspeed
import lightning
import torch
from accelerate import Accelerator
from ignite.engine import create_supervised_trainer
from lightning.fabric import Fabric
from thirdparty import ClearsForYou
from torch import nn
from torch.nn import functional as F


class Gan(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.critic = nn.Linear(8, 20), nn.Linear(20, 1)

    def training_step(self, batch, batch_idx):
        opt_g, opt_c = self.optimizers()
        self.toggle_optimizer(opt_g)
        loss = -self.critic(self.generator(batch[1])).mean()
        self.manual_backward(loss)
        opt_g.step()  # TL101
        self.untoggle_optimizer(opt_g)
        self.log("generator", loss)

    def configure_optimizers(self):
        return torch.optim.Adam(self.generator.parameters()), torch.optim.Adam(self.critic.parameters())


class Clears(lightning.LightningModule):
    automatic_optimization = False

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(20, 5)

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(F.cross_entropy(self.net(batch[0]), batch[1]))
        optimizer.step()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class ClearsInAHook(lightning.LightningModule):
    automatic_optimization = False

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Linear(20, 5)

    def on_train_batch_start(self, batch, batch_idx):
        self.optimizers().zero_grad()

    def training_step(self, batch, batch_idx):
        self.manual_backward(F.cross_entropy(self.net(batch[0]), batch[1]))
        self.optimizers().step()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class MixedIn(ClearsForYou, lightning.LightningModule):
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        self.manual_backward(F.cross_entropy(self(batch[0]), batch[1]))
        optimizer.step()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class Switchable(lightning.LightningModule):
    def __init__(self, by_hand: bool) -> None:
        super().__init__()
        self.automatic_optimization = by_hand
        self.net = nn.Linear(20, 5)

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        self.manual_backward(F.cross_entropy(self.net(batch[0]), batch[1]))
        optimizer.step()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def accelerate_leaves_it(model: nn.Module, loader) -> None:
    accelerator = Accelerator()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        accelerator.backward(F.cross_entropy(model(x), y))
        optimizer.step()  # TL101


def fabric_leaves_it(model: nn.Module, loader) -> None:
    fabric = Fabric()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = fabric.setup(model, optimizer)
    for x, y in loader:
        fabric.backward(F.cross_entropy(model(x), y))
        optimizer.step()  # TL101


def plain_beside_an_engine(model: nn.Module, probe: nn.Module, loader, config: dict) -> None:
    engine, _, _, _ = deepspeed.initialize(model=model, config=config)
    optimizer = torch.optim.SGD(probe.parameters(), lr=0.1)
    for x, y in loader:
        engine.backward(F.cross_entropy(engine(x), y))
        engine.step()
    for x, y in loader:
        F.cross_entropy(probe(x), y).backward()
        optimizer.step()  # TL101


def ignite_has_it(model: nn.Module, loader) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    trainer = create_supervised_trainer(model, optimizer, F.cross_entropy)
    for x, y in loader:
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    trainer.run(loader)
