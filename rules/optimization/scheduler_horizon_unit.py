"""A schedule planned in epochs but stepped per batch, or vice versa, ends at the wrong time.

A scheduler counts its own `step()` calls and knows nothing of epochs. A cosine over ten epochs that is stepped on each
of 100 batches comes back up again and again (99 turns in the experiment below) and ends at 98 % of its peak; a
one-cycle schedule planned in batches and stepped per epoch never gets past 4.2 % of its maximum. Nothing raises; the
curve of the loss merely looks as if the learning rate were badly chosen.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

epochs = 10
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
for epoch in range(epochs):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()  # TL112
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

epochs = 10
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
for epoch in range(epochs):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


def train(loader, epochs):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-3, epochs=epochs, steps_per_epoch=len(loader)
    )
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()  # TL112
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


def train_one_epoch(model, loader, optimizer, scheduler):
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()  # TL112


def main(loader, args):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    for epoch in range(args.epochs):
        train_one_epoch(model, loader, optimizer, scheduler)
```

Lightning advances a scheduler once per epoch unless it is told `"interval": "step"`:

```py bad
import lightning
import torch
from torch import nn
from torch.nn import functional as F


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(20, 5)

    def training_step(self, batch, _):
        x, y = batch
        return F.cross_entropy(self.layer(x), y)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        steps = self.trainer.estimated_stepping_batches
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)  # TL112
        return [optimizer], [scheduler]
```

```py good
import lightning
import torch
from torch import nn
from torch.nn import functional as F


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(20, 5)

    def training_step(self, batch, _):
        x, y = batch
        return F.cross_entropy(self.layer(x), y)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        steps = self.trainer.estimated_stepping_batches
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(loader, epochs):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(loader, epochs):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=10)
    for epoch in range(epochs):
        for i, (x, y) in enumerate(loader):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step(epoch + i / len(loader))
```

Training that is counted in steps from start to end has one unit only:

```py good
import itertools

import torch
from torch import nn
from torch.nn import functional as F


def train(loader, max_steps):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=max_steps)
    for x, y in itertools.islice(itertools.cycle(loader), max_steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
```

A schedule that Accelerate prepared has a unit of its own: each `step()` advances it once for every process.

```py good
import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional as F


def train(loader, epochs):
    accelerator = Accelerator()
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))
    model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    for epoch in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            accelerator.backward(F.cross_entropy(model(x), y))
            optimizer.step()
            scheduler.step()
```

## When it is fine

Fractional epochs (`scheduler.step(epoch + i / len(loader))`), schedules in a unit of their own that are meant to
repeat, and wrappers that convert the unit (timm's `step_update`, a schedule that Accelerate prepared: it steps once for
each process).

## Not seen

Horizons whose unit cannot be told: a plain number, or a setting that bounds no loop.

## Fix safety

Unsafe: the learning rate of nearly every step changes, to the planned one.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
- https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
"""

from __future__ import annotations

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Finding,
    Findings,
    Fix,
    Loop,
    Measured,
    Module,
    counts_batches,
    epoch_bound,
    finding,
    handed_to_lightning,
    insert_after,
    insert_last,
    optimizes_by_hand,
    remove,
    roles,
    rule,
    schedule_of,
    takes_over,
    unit_of,
)


@rule("TL112", "scheduler-horizon-unit", Category.CORRECTNESS, since="0.1", triggers=("scheduler", "LR"))
def check(module: Module) -> Findings:
    yield from _in_lightning(module)
    for trace in module.traces:
        advances = trace.of("scheduler_step")
        for advance in advances:
            alone = all(other is advance or other.key != advance.key for other in advances)
            if alone and not getattr(advance.node, "args", None) and not getattr(advance.node, "keywords", None):
                for backward in trace.of("backward"):
                    found = _mismatch(module, advance, backward)
                    if found is not None:
                        yield found
                        break


def _mismatch(module: Module, advance: Event, backward: Event) -> Finding | None:
    schedule, batches = schedule_of(advance), backward.loop
    outer = batches.outer if batches is not None else None
    epochs = epoch_bound(outer) if outer is not None else None
    if schedule is None or batches is None or outer is None or epochs is None or epoch_bound(batches) is not None:
        return None
    if schedule.facts.needs_metric or any(guard not in backward.guards for guard in advance.guards):
        return None
    unit = unit_of(schedule, epochs, batches)
    level = "batch" if advance.loop is batches else "epoch" if advance.loop is outer else ""
    if unit is None or not level or unit[0] == level or takes_over("schedule-unit", advance) is not False:
        return None
    code = module.code(advance.node)
    counted = "epochs" if unit[0] == "epoch" else "batches"
    message = f"`{code}` runs once per {level}, but `{unit[1]}` counts {counted}"
    return finding(advance, message, see=[(schedule.value, "planned here")], fix=_fix(module, advance, batches, level))


def _in_lightning(module: Module) -> Findings:
    """Schedules planned in batches that Lightning advances once per epoch, because no `interval` says otherwise."""
    if "configure_optimizers" not in module.text:
        return
    for owner in module.classes:
        function = owner.methods.get("configure_optimizers")
        if (
            function is None
            or owner.derives_from(*roles.LIGHTNING_MODULES) is not True
            or owner.method("lr_scheduler_step")
            or optimizes_by_hand(owner) is not False
        ):
            continue
        for returned in function.returns:
            for scheduler, interval in handed_to_lightning(owner.frame(function, owner.self_value).value(returned)):
                planned = counts_batches(scheduler) if interval == "epoch" else None
                if planned is not None and scheduler.node is not None:
                    message = f"`{planned}` counts batches, but Lightning advances the scheduler once per epoch"
                    yield finding(module.place(scheduler.node, scheduler.frame), message)


def _fix(module: Module, advance: Event, batches: Loop, level: str) -> Fix | None:
    statement = module.statement(advance.node)
    if not advance.is_local or advance.frame is not batches.frame or statement is None:
        return None
    parent = module.parent(statement)
    if level == "batch" and parent is batches.node:
        verbs = (remove(statement), insert_after(batches.node, module.code(advance.node)))
        return Fix.unsafe("Advance the schedule once per epoch (the rates change)", *verbs)
    if level == "epoch" and parent is module.parent(batches.node):
        verbs = (insert_last(batches.node, module.code(advance.node)), remove(statement))
        return Fix.unsafe("Advance the schedule once per batch (the rates change)", *verbs)
    return None


def evidence() -> Evidence:
    """Learning rates over 10 epochs of 100 batches, then a training of 4 epochs of 50, in both units."""
    import itertools
    import warnings
    from typing import Any

    import torch
    from torch import nn
    from torch.nn import functional as F

    schedules = torch.optim.lr_scheduler

    def rates(build: Any, per_batch: bool) -> list[float]:
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = build(optimizer)
        seen = []
        for _ in range(10):
            for _ in range(100):
                optimizer.step()
                seen.append(float(optimizer.param_groups[0]["lr"]))
                if per_batch:
                    scheduler.step()
            if not per_batch:
                scheduler.step()
        return seen

    def turns(curve: list[float]) -> int:
        slopes = [b - a for a, b in itertools.pairwise(curve)]
        return sum(1 for a, b in itertools.pairwise(slopes) if a * b < 0)

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(3200, 20, generator=generator)
    targets = (inputs @ weights + 0.5 * torch.randn(3200, 5, generator=generator)).argmax(1)

    def train(per_batch: bool) -> float:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        scheduler = schedules.OneCycleLR(optimizer, 3e-3, epochs=4, steps_per_epoch=50)
        for _ in range(4):
            for i in range(50):
                optimizer.zero_grad()
                F.cross_entropy(model(inputs[i * 64 : i * 64 + 64]), targets[i * 64 : i * 64 + 64]).backward()
                optimizer.step()
                if per_batch:
                    scheduler.step()
            if not per_batch:
                scheduler.step()
        with torch.no_grad():
            return float(F.cross_entropy(model(inputs), targets))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bad_cosine = rates(lambda o: schedules.CosineAnnealingLR(o, 10), per_batch=True)
        good_cosine = rates(lambda o: schedules.CosineAnnealingLR(o, 1000), per_batch=True)
        one_cycle = [
            rates(lambda o: schedules.OneCycleLR(o, 1.0, epochs=10, steps_per_epoch=100), b) for b in (False, True)
        ]
        losses = [train(per_batch=False), train(per_batch=True)]
    return Evidence(
        "in the wrong unit a cosine oscillates and ends near its peak, and a one-cycle schedule never leaves its warm-up",
        (
            Measured("turns of the cosine", turns(bad_cosine), turns(good_cosine), "", bad_cosine, good_cosine),
            Measured("last rate of the cosine, of its peak", bad_cosine[-1], good_cosine[-1]),
            Measured(
                "highest one-cycle rate, of its maximum",
                max(one_cycle[0]),
                max(one_cycle[1]),
                "",
                one_cycle[0],
                one_cycle[1],
            ),
            Measured("training loss under one-cycle", losses[0], losses[1]),
        ),
        holds=turns(bad_cosine) > 50 and bad_cosine[-1] > 0.9 and max(one_cycle[0]) < 0.1 and losses[0] > 2 * losses[1],
    )
