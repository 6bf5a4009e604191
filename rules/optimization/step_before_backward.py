"""A `step()` that runs before `backward()` finds no gradients and changes nothing.

Between clearing and `backward()` every `.grad` is `None`, and an optimizer skips such parameters without a word. The
loop then clears what `backward()` computed before the next `step()` could use it. After fifty steps the largest weight
change is exactly 0.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    optimizer.step()  # TL103
    loss.backward()
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
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


class Regression:
    def __init__(self):
        self.model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def loss(self, x, y):
        self.optimizer.zero_grad()
        return F.mse_loss(self.model(x), y)

    def update(self, x, y):
        loss = self.loss(x, y)
        self.optimizer.step()  # TL103
        loss.backward()

    def fit(self, loader):
        for x, y in loader:
            self.update(x, y)
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
```

The step may open the next iteration, as long as the gradients of the last one are still there:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(batches):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in batches:
        optimizer.step()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
    optimizer.step()
```

## When it is fine

A step at the head of the body that applies the gradients of the iteration before is fine, and silent.

## Not seen

Forward, step, backward without any clearing in between: torch itself raises an error there, because the step changes
weights that the backward pass needs.

## References

- https://docs.pytorch.org/docs/stable/optim.html#taking-an-optimization-step
"""

from __future__ import annotations

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    finding,
    move_after,
    rule,
    step_in_vain,
    this,
)


@rule("TL103", "step-before-backward", Category.CORRECTNESS, since="0.1", triggers=("optim", "step", "backward"))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for step in trace.of("step"):
            lost = step_in_vain(trace, step)
            if lost is None or trace.path(step, this(lost.backward), across=False) is None:
                continue
            early, late = module.statement(step.node), module.statement(lost.backward.node)
            fix = None
            if step.is_local and step.frame is lost.backward.frame and early is not None and late is not None:
                if module.parent(early) is module.parent(late):
                    fix = Fix.safe("Step after `backward()`", move_after(early, late))
            message = (
                f"`{module.code(step.node)}` runs before `{module.code(lost.backward.node)}` and finds no gradients"
            )
            see = [(lost.backward, "computed here, after the step"), (lost.clear, "cleared here, before the next step")]
            yield finding(step, message, see=see, fix=fix)


def evidence() -> Evidence:
    """Fifty SGD steps in the order clear, forward, step, backward, and in the right one."""
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
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        losses = []
        for _ in range(50):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            if bad:
                optimizer.step()
            loss.backward()
            if not bad:
                optimizer.step()
            losses.append(float(loss.detach()))
        change = max(float((p.detach() - q).abs().max()) for p, q in zip(model.parameters(), before, strict=True))
        return change, losses

    bad_change, bad_losses = train(bad=True)
    good_change, good_losses = train(bad=False)
    return Evidence(
        "a step before the backward pass leaves every weight as it was, without an error or a warning",
        (
            Measured("largest weight change in 50 steps", bad_change, good_change),
            Measured("loss at step 50", bad_losses[-1], good_losses[-1], "", bad_losses, good_losses),
        ),
        holds=bad_change == 0.0 and good_losses[-1] < 0.5 * bad_losses[-1],
    )
