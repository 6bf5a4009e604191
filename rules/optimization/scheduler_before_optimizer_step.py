"""Stepping the scheduler before the optimizer skips the first learning rate of the schedule.

A scheduler sets its first value when it is built. If `scheduler.step()` runs before the first `optimizer.step()`, that
value is never used and every later one comes one step early: of the planned 1.0, 0.5, 0.1 the optimizer sees 0.5, 0.1,
0.01. For a warm-up per batch that is one batch; for a decay per epoch it is one epoch at the highest rate. Torch warns
once, on the first call, in the middle of the start-up output.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[30, 60])
for epoch in range(90):
    scheduler.step()  # TL110
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[30, 60])
for epoch in range(90):
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


def train_one_epoch(model, loader, optimizer):
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()


def main(loader, epochs):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
    for epoch in range(epochs):
        scheduler.step()  # TL110
        train_one_epoch(model, loader, optimizer)
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[30, 60])
for epoch in range(90):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    scheduler.step()
```

Fast-forwarding a schedule on resume is no mistake:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def resume(loader, start, epochs):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.95)
    for _ in range(start):
        scheduler.step()
    for epoch in range(start, epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        scheduler.step()
```

## When it is fine

Schedulers of other libraries that want to be called first with the step number (`scheduler.step(epoch)`,
`scheduler.step_update(n)`), and stepping ahead on purpose when a run is resumed.

## Not seen

Loops in which the step is skipped on some path, or in which either object comes from code that cannot be followed.

## Fix safety

Unsafe: the schedule moves by one step. A run that was tuned with the shifted one changes a little.

## References

- https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
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
    Trace,
    common_loop,
    finding,
    made_in,
    made_inside,
    may_touch,
    move_after,
    optimizer_of,
    rule,
    schedule_of,
    this,
)


@rule("TL110", "scheduler-before-optimizer-step", Category.SUSPICIOUS, since="0.1", triggers=("scheduler", "LR"))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for advance in trace.of("scheduler_step"):
            step = _later_step(trace, advance)
            loop = advance.loop
            if step is not None and loop is not None:
                yield _report(module, advance, step, loop)


def _later_step(trace: Trace, advance: Event) -> Event | None:
    """The step of the scheduler's optimizer, if it never runs before the scheduler has been advanced in the same loop."""
    schedule = schedule_of(advance)
    if schedule is None or schedule.resumed is not False or getattr(advance.node, "args", None) or not trace.complete:
        return None
    steps = [step for step in trace.of("step") if step.key == schedule.optimizer.key and optimizer_of(step) is not None]
    loop = common_loop(advance, steps[0]) if steps else None
    if loop is None or made_inside(schedule.value, loop) or advance.loop is not loop:
        return None
    made = next((event for event in trace.of("scheduler") if event.value.key == schedule.value.key), None)
    may_step = [e for e in trace.events if e in steps or may_touch(e, (schedule.optimizer,))]
    if made is not None:  # otherwise in a function that was not followed, somewhere before
        early = trace.path(made, lambda e: e in may_step, this(advance))
        return steps[0] if early is None and trace.path(made, lambda e: e in steps) is not None else None
    if schedule.value.frame is None or not made_in(trace, schedule.value):
        return None
    return steps[0] if trace.from_entry(lambda e: e in may_step, this(advance)) is None else None


def _report(module: Module, advance: Event, step: Event, loop: Loop) -> Finding:
    fix = None
    statement, last = module.statement(advance.node), loop.node.body[-1]
    if advance.is_local and loop.frame is advance.frame and statement is not None and statement is not last:
        if module.parent(statement) is loop.node:
            fix = Fix.unsafe(
                "Advance the schedule after the step (it starts with its first rate)", move_after(statement, last)
            )
    message = (
        f"`{module.code(advance.node)}` runs before the first `{module.code(step.node)}`: the first rate is skipped"
    )
    return finding(advance, message, see=[(step, "the optimizer steps here")], fix=fix)


def evidence() -> Evidence:
    """The learning rates that four steps really use, in both orders."""
    import warnings

    import torch

    planned = [1.0, 0.5, 0.1, 0.01]

    def used(*, early: bool) -> list[float]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: planned[min(step, 3)])
        rates = []
        for _ in range(4):
            if early:
                scheduler.step()
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            if not early:
                scheduler.step()
        return rates

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        bad = used(early=True)
    good = used(early=False)
    return Evidence(
        "the first planned rate is never used and each later one comes a step early",
        (
            Measured("learning rate of the first step (planned: 1.0)", bad[0], good[0], "", bad, good),
            Measured("warnings in four steps", float(len(caught)), 0.0),
        ),
        holds=bad == [0.5, 0.1, 0.01, 0.01] and good == planned,
    )
