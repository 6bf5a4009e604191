"""A scheduler that is built but never stepped leaves the learning rate at its start.

Building a scheduler sets the first learning rate and nothing more; the decay happens in `scheduler.step()`. Without it
the run trains at the peak rate to the end, although the code and the logs of its configuration speak of a schedule.
Below, 300 noisy steps that should have ended on a cosine at 0 stay at 0.1, and the loss ends at 0.54 instead of 0.38.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=20)  # TL111
for epoch in range(60):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


class Trainer:
    def __init__(self, model: nn.Module, epochs):
        self.model = model
        self.epochs = epochs
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, epochs)  # TL111

    def fit(self, loader):
        for epoch in range(self.epochs):
            for x, y in loader:
                self.optimizer.zero_grad()
                loss = F.cross_entropy(self.model(x), y)
                loss.backward()
                self.optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=20)
for epoch in range(60):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
```

```py good file=engine.py
from torch.nn import functional as F


def fit(model, loader, optimizer, scheduler, epochs):
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()
```

```py good file=main.py
import torch
from torch import nn

from engine import fit


def main(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=20)
    fit(model, loader, optimizer, scheduler, 60)
```

A scheduler that is part of another one is stepped by it:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=5)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=55)
    scheduler = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, cosine], milestones=[5])
    for epoch in range(60):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()
```

Lightning steps the schedulers of `configure_optimizers`, unless it is told to leave the optimization to the user:

```py bad
import lightning
import torch
from torch import nn
from torch.nn import functional as F


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.net = nn.Linear(20, 5)

    def training_step(self, batch, batch_idx):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(F.cross_entropy(self.net(batch[0]), batch[1]))
        optimizer.step()

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=20)  # TL111
        return [optimizer], [scheduler]
```

## When it is fine

A scheduler that is returned, stored where others can reach it or handed to a framework is somebody else's to step:
the rule is silent as soon as it leaves the code that can be followed. So is one that exists only to be plotted.

## Not seen

A schedule that is stepped in one branch and forgotten in another.

## References

- https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
"""

from __future__ import annotations

import ast

from torchlint.api import (
    Call,
    Category,
    ClassModel,
    Evidence,
    Findings,
    Function,
    Measured,
    Module,
    Schedule,
    attribute_uses,
    finding,
    handed_to_lightning,
    is_optimizer,
    name_uses,
    optimizes_by_hand,
    own_words,
    roles,
    rule,
    schedule_made,
)

_READ_ONLY = frozenset(
    {"get_last_lr", "get_lr", "state_dict", "load_state_dict", "last_epoch", "base_lrs", "optimizer"}
)


@rule("TL111", "scheduler-never-stepped", Category.CORRECTNESS, since="0.1", triggers=("scheduler", "LR"))
def check(module: Module) -> Findings:
    for call in module.calls(*roles.SCHEDULERS, *roles.SCHEDULER_FACTORIES):
        schedule = schedule_made(call.value)
        if schedule is not None and _only_read(module, call) and _trains(module, schedule):
            message = f"`{_target(module, call)}` is never stepped: the learning rate stays where it starts"
            yield finding(call, message)
    for owner in module.classes:
        yield from _left_to_the_user(module, owner)


def _left_to_the_user(module: Module, owner: ClassModel) -> Findings:
    """Schedulers that Lightning is given although it was told to leave the optimization, and that nobody steps."""
    configure = owner.methods.get("configure_optimizers")
    if configure is None or optimizes_by_hand(owner) is not True:
        return
    words = own_words(owner)
    if words is None or not words.isdisjoint(_TAKEN_UP) or module.project.calls(*_TAKEN_UP):
        return
    frame = owner.frame(configure, owner.self_value)
    if any(is_optimizer(owner.frame(f, owner.self_value).value(r)) is not True for f, r in _stepped(owner)):
        return
    for returned in configure.returns:
        for scheduler, _ in handed_to_lightning(frame.value(returned)):
            if scheduler.frame is not frame or schedule_made(scheduler) is None or scheduler.node is None:
                continue
            message = (
                f"`{module.code(scheduler.node)}` is never stepped: with `automatic_optimization` off it is up to you"
            )
            yield finding(module.place(scheduler.node, frame), message)


_TAKEN_UP = frozenset({"lr_schedulers", "lr_scheduler_configs", "lr_scheduler_step"})


def _stepped(owner: ClassModel) -> list[tuple[Function, ast.expr]]:
    """What methods of a class call `step` on."""
    return [
        (function, call.func.value)
        for function in owner.methods.values()
        for call in function.calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "step"
    ]


def _only_read(module: Module, call: Call) -> bool:
    """Whether nothing but its rates and its state is ever asked of the variable that holds the scheduler."""
    statement = module.statement(call.node)
    if not isinstance(statement, ast.Assign) or statement.value is not call.node or len(statement.targets) != 1:
        return False
    target = statement.targets[0]
    if isinstance(target, ast.Name):
        uses = name_uses(module, target, call.function)
    elif isinstance(target, ast.Attribute) and call.function is not None:
        uses = attribute_uses(module, target, call.function)
    else:
        return False
    return uses is not None and all(isinstance(use, ast.Attribute) and use.attr in _READ_ONLY for use in uses)


def _target(module: Module, call: Call) -> str:
    statement = module.statement(call.node)
    return module.code(statement.targets[0]) if isinstance(statement, ast.Assign) else module.code(call.node.func)


def _trains(module: Module, schedule: Schedule) -> bool:
    """Whether the file itself runs the optimizer in a loop, so that nobody else is to step the schedule."""
    steps = [step for trace in module.traces for step in trace.of("step") if step.loops]
    return any(step.key == schedule.optimizer.key for step in steps)


def evidence() -> Evidence:
    """Three hundred steps on noisy labels with a cosine schedule that is stepped, and one that is not."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(2048, 20, generator=generator)
    targets = (inputs @ weights + 1.5 * torch.randn(2048, 5, generator=generator)).argmax(1)

    def train(*, schedule: bool) -> tuple[float, list[float]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 300)
        order = torch.Generator().manual_seed(1)
        rates = []
        for _ in range(300):
            batch = torch.randint(0, 2048, (32,), generator=order)
            optimizer.zero_grad()
            F.cross_entropy(model(inputs[batch]), targets[batch]).backward()
            optimizer.step()
            if schedule:
                scheduler.step()
            rates.append(float(optimizer.param_groups[0]["lr"]))
        with torch.no_grad():
            return float(F.cross_entropy(model(inputs), targets)), rates

    bad_loss, bad_rates = train(schedule=False)
    good_loss, good_rates = train(schedule=True)
    return Evidence(
        "without `scheduler.step()` the learning rate stays at its start and the loss stays higher",
        (
            Measured("learning rate after 300 steps", bad_rates[-1], good_rates[-1], "", bad_rates, good_rates),
            Measured("training loss after 300 steps", bad_loss, good_loss),
        ),
        holds=bad_rates[-1] == 0.1 and good_rates[-1] < 1e-4 and bad_loss > 1.2 * good_loss,
    )
