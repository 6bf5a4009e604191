"""Clearing gradients between `backward()` and `step()` throws away what was to be learned.

`step()` reads `.grad`. If `zero_grad()` runs first, the optimizer finds nothing and leaves every weight as it is: in
the experiment below the largest change after fifty steps is exactly 0, and neither an error nor a warning says so.
Under gradient accumulation the same slip is subtler: clearing at the head of every micro-batch leaves only the last
one for the step, and the others were computed in vain.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for x, y in train_loader:
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.zero_grad()  # TL102
    optimizer.step()
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for x, y in train_loader:
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


class Trainer:
    def __init__(self, model: nn.Module):
        self.model = model
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def backward(self, x, y):
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()

    def update(self):
        self.model.zero_grad()  # TL102
        self.optimizer.step()

    def fit(self, loader):
        self.model.train()
        for x, y in loader:
            self.backward(x, y)
            self.update()
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


def train(loader, accumulate=8):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for i, (x, y) in enumerate(loader):
        optimizer.zero_grad()  # TL102
        loss = F.cross_entropy(model(x), y) / accumulate
        loss.backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(loader, accumulate=8):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for i, (x, y) in enumerate(loader):
        loss = F.cross_entropy(model(x), y) / accumulate
        loss.backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
```

The generator's loss also fills the discriminator's gradients; clearing those before its own step is right:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(loader):
    generator, critic = nn.Linear(16, 64), nn.Linear(64, 1)
    opt_g = torch.optim.Adam(generator.parameters(), lr=2e-4)
    opt_d = torch.optim.Adam(critic.parameters(), lr=2e-4)
    for real in loader:
        fake = generator(torch.randn(32, 16))
        opt_g.zero_grad()
        F.softplus(-critic(fake)).mean().backward()
        opt_g.step()
        opt_d.zero_grad()
        loss_d = F.softplus(critic(fake.detach())).mean() + F.softplus(-critic(real)).mean()
        loss_d.backward()
        opt_d.step()
```

## When it is fine

With two optimizers, clearing the second one between the first one's `backward()` and `step()` is fine; so is clearing
a module whose parameters the stepped optimizer does not hold. The rule asks about one set of parameters at a time.

## Not seen

Gradients that are copied aside before the clearing and put back by code that cannot be followed: then it is silent.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
"""

from __future__ import annotations

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Finding,
    Findings,
    Fix,
    Measured,
    Module,
    Trace,
    clearing,
    concerns,
    filling,
    finding,
    gradients_by_hand,
    managed,
    move_before,
    optimizer_of,
    rule,
    step_in_vain,
    this,
)


@rule("TL102", "zero-grad-before-step", Category.CORRECTNESS, since="0.1", triggers=("optim", "zero_grad", "backward"))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for step in trace.of("step"):
            lost = step_in_vain(trace, step)
            if lost is not None and trace.path(step, this(lost.backward), across=False) is None:
                yield _report(module, lost.clear, lost.backward, step)
            elif lost is None:
                yield from _micro_batches(trace, step)


def _report(module: Module, clear: Event, backward: Event, step: Event) -> Finding:
    fix = None
    first, second = module.statement(backward.node), module.statement(clear.node)
    if clear.frame is backward.frame and clear.is_local and first is not None and second is not None:
        if module.parent(first) is module.parent(second):
            fix = Fix.safe("Clear the gradients before `backward()`", move_before(second, first))
    message = f"`{module.code(clear.node)}` throws away the gradients before `{module.code(step.node)}` can use them"
    return finding(clear, message, see=[(backward, "computed here"), (step, "wanted here")], fix=fix)


def _micro_batches(trace: Trace, step: Event) -> Findings:
    """Accumulation that clears on every micro-batch but steps on every k-th."""
    optimizer = optimizer_of(step)
    loop = step.loop
    tests = [guard.test for guard in step.guards if guard.is_periodic and guard.outcome]
    if optimizer is None or loop is None or not tests or not trace.complete or gradients_by_hand(trace, loop):
        return
    fills = [event for event in filling(trace, optimizer) if loop in event.loops]
    clears = [event for event in clearing(trace, optimizer) if event.loop is loop]
    steps = [other for other in trace.inside(loop, "step") if concerns(other, optimizer) is not False]
    if len(steps) != 1 or any(fill.kind != "backward" or managed(fill) is not False for fill in fills):
        return
    for clear in clears:
        if any(guard.test in tests for event in (clear, *fills) for guard in event.guards):
            return
        for fill in fills:
            again = trace.path(fill, this(fill), this(clear), within=loop)
            if again is None and trace.path(fill, this(clear), within=loop) is not None:
                every = f"`{step.text}.step()` runs only if `{_text(step)}`"
                message = f"`{clear.text}.zero_grad()` drops each micro-batch's gradients, but {every}"
                yield finding(clear, message, see=[(fill, "accumulated here"), (step, "used here")])
                return


def _text(step: Event) -> str:
    return next(guard.text for guard in step.guards if guard.is_periodic)


def evidence() -> Evidence:
    """Fifty AdamW steps with the clearing in the wrong place, and accumulation over eight that clears every time."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(512, 20, generator=generator)
    targets = (inputs @ weights).argmax(1)

    def train(*, bad: bool) -> tuple[float, list[float]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        before = [p.detach().clone() for p in model.parameters()]
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        losses = []
        for _ in range(50):
            if not bad:
                optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            if bad:
                optimizer.zero_grad()
            optimizer.step()
            losses.append(float(loss.detach()))
        change = max(float((p.detach() - q).abs().max()) for p, q in zip(model.parameters(), before, strict=True))
        return change, losses

    def window(*, clear_each: bool) -> torch.Tensor:
        torch.manual_seed(0)
        model = nn.Linear(20, 5)
        for i in range(8):
            if clear_each:
                model.zero_grad()
            (F.cross_entropy(model(inputs[i * 8 : i * 8 + 8]), targets[i * 8 : i * 8 + 8]) / 8).backward()
        assert model.weight.grad is not None
        return model.weight.grad

    bad_change, bad_losses = train(bad=True)
    good_change, good_losses = train(bad=False)
    whole = window(clear_each=False)
    kept = float(window(clear_each=True).norm() / whole.norm())
    return Evidence(
        "gradients that are cleared before the step change nothing; cleared per micro-batch, seven of eight are lost",
        (
            Measured("largest weight change in 50 steps", bad_change, good_change),
            Measured("loss at step 50", bad_losses[-1], good_losses[-1], "", bad_losses, good_losses),
            Measured("accumulated gradient, share of the intended length", kept, 1.0),
        ),
        holds=bad_change == 0.0 and good_losses[-1] < 0.5 * bad_losses[-1] and kept < 0.6,
    )
