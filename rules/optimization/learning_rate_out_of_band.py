"""A learning rate far outside its optimizer's range diverges or never leaves the start.

Each optimizer has its own scale. Adam moves every weight by about the learning rate, whatever the gradient: 0.5
throws all weights away at the first step, 1e-8 is lost in rounding. A value copied from an SGD recipe, or a slipped
exponent (`1e-8` for `1e-3`), raises nothing. In the evidence a small classifier trained by AdamW for 100 steps
reaches 0.49 at 1e-3, and stays at chance (1.6) or worse at 1e-8 and at 0.5 alike.

The bands are wide on purpose; only values that no one trains a network of several layers with are reported: for Adam,
AdamW, NAdam, RAdam, Adamax and RMSprop above 0.1 (above 0.03 if the model has attention) or below 1e-7, for SGD above
10 or below 1e-7.

```py bad
import torch
from torch import nn


def train(loader, epochs):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.5)  # TL109
    criterion = nn.CrossEntropyLoss()
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
```

```py bad file=settings.py
LEARNING_RATE = 1e-8
EPOCHS = 20
```

```py bad file=train.py
import torch
from torch import nn

import settings


class Trainer:
    def __init__(self):
        self.model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 30 * 30, 10))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=settings.LEARNING_RATE)  # TL109
        self.criterion = nn.CrossEntropyLoss()

    def fit(self, loader):
        self.model.train()
        for _ in range(settings.EPOCHS):
            for images, labels in loader:
                self.optimizer.zero_grad()
                self.criterion(self.model(images), labels).backward()
                self.optimizer.step()
```

```py good
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


def train(loader, width=512, warmup=4000):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0)
    scheduler = LambdaLR(optimizer, lambda s: width**-0.5 * min((s + 1) ** -0.5, (s + 1) * warmup**-1.5))
    criterion = nn.CrossEntropyLoss()
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        criterion(model(x), y).backward()
        optimizer.step()
        scheduler.step()
```

```py good
import torch
from torch.nn import functional as F


def invert(decoder, target, steps=200):
    latent = torch.randn(1, 128, requires_grad=True)
    optimizer = torch.optim.Adam([latent], lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.mse_loss(decoder(latent), target)
        loss.backward()
        optimizer.step()
    return latent.detach()
```

```py good
import torch
from torch import nn


def train(loader, epochs):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
```

## When it is fine

A base rate that a schedule multiplies (Noam, `LambdaLR`), a rate that is written into `param_groups` later,
optimising a tensor instead of a network, a linear model or a Gaussian process with a handful of parameters, and
optimizers that set their own scale (Adafactor, Prodigy, D-Adaptation, schedule-free). An optimizer that steps once, outside of
any loop, measures something.

## Not seen

Rates from the command line or a configuration file, per-group rates, optimizers outside `torch.optim`, rates that are
within the band and still wrong for the model.

## References

- https://docs.pytorch.org/docs/stable/optim.html
- Karpathy, A Recipe for Training Neural Networks, 2019 (https://karpathy.github.io/2019/04/25/recipe/)
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Measured,
    Module,
    Trace,
    Value,
    attention_in,
    finding,
    rule,
    schedules_over,
    starting_rate,
    trained_by,
    weight_layers,
)

_DECAYS = frozenset(
    f"torch.optim.lr_scheduler.{name}"
    for name in ("StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "PolynomialLR", "ReduceLROnPlateau")
)
_MOVES_BY_THE_RATE = ("Adam", "AdamW", "NAdam", "RAdam", "Adamax", "RMSprop")


@rule("TL109", "learning-rate-out-of-band", Category.SUSPICIOUS, since="0.1", triggers=("optim", "Adam", "SGD"))
def check(module: Module) -> Findings:
    reported: set[int] = set()
    for trace in () if module.is_test else module.traces:
        for event in trace.of("optimizer"):
            optimizer = event.value
            rate = starting_rate(optimizer)
            if not rate or id(event.node) in reported or not event.is_direct:
                continue
            band = _band(optimizer)
            if not event.is_local and _band(event.alone.value) is not None:
                continue
            if _only_tries(trace, optimizer):
                continue
            if band is None or band[0] <= rate <= band[1]:
                continue
            schedules = schedules_over(optimizer, module)
            if schedules is None or any(schedule.name not in _DECAYS for schedule in schedules):
                continue
            reported.add(id(event.node))
            side = f"above {band[1]:g}" if rate > band[1] else f"below {band[0]:g}"
            kind = optimizer.name.rpartition(".")[2]
            yield finding(
                event, f"a learning rate of {rate:g} is {side}, and `{kind}` does not train this model with it"
            )


def _only_tries(trace: Trace, optimizer: Value) -> bool:
    """Whether every step of the optimizer is taken once: a measurement, and no training."""
    steps = [step for step in trace.of("step") if step.subject is not None and step.subject.key == optimizer.key]
    return bool(steps) and all(step.loop is None for step in steps)


def _band(optimizer: Value) -> tuple[float, float] | None:
    """The rates between which a network of several layers can be trained; `None` for anything else."""
    owner, _, name = optimizer.name.rpartition(".")
    modules = trained_by(optimizer)
    given = optimizer.node.args[0] if isinstance(optimizer.node, ast.Call) and optimizer.node.args else None
    if owner != "torch.optim" or not modules or isinstance(given, ast.List | ast.ListComp):
        return None
    if name not in (*_MOVES_BY_THE_RATE, "SGD") or sum(weight_layers(module) for module in modules) < 2:
        return None
    if name == "SGD":
        return 1e-7, 10.0
    return 1e-7, 0.03 if any(attention_in(module) is not None for module in modules) else 0.1


def evidence() -> Evidence:
    """A three-layer classifier trained for 100 steps by AdamW and by SGD, inside and outside of the band."""
    import torch
    from torch import nn

    seed = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=seed)
    x = torch.randn(512, 20, generator=seed)
    y = (x @ weights).argmax(1)

    def losses(kind: type[torch.optim.Optimizer], lr: float) -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = kind(model.parameters(), lr=lr)
        curve = []
        for step in range(100):
            rows = slice(step * 64 % 512, step * 64 % 512 + 64)
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            curve.append(loss.item())
        return curve

    def last(curve: list[float]) -> float:
        return sum(curve[-8:]) / 8

    good, high, low = (losses(torch.optim.AdamW, lr) for lr in (1e-3, 0.5, 1e-8))
    sgd_good, sgd_high = losses(torch.optim.SGD, 0.5), losses(torch.optim.SGD, 20.0)
    return Evidence(
        f"AdamW ends at {last(high):.2f} with 0.5, {last(low):.2f} with 1e-8 and {last(good):.2f} with 1e-3",
        (
            Measured("AdamW, 0.5: loss", bad=last(high), good=last(good), bad_curve=high, good_curve=good),
            Measured("AdamW, 1e-8: loss", bad=last(low), good=last(good), bad_curve=low, good_curve=good),
            Measured("SGD, 20: highest loss", bad=max(sgd_high), good=max(sgd_good)),
        ),
        holds=min(last(high), last(low)) > 2 * last(good) and max(sgd_high) > 10 * max(sgd_good),
    )
