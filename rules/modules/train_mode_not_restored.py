"""After the first validation the model goes on training in evaluation mode.

`eval()` stays in force until `train()` is called. When validation sits in the epoch loop and only the code before the
loop calls `train()`, everything from the second epoch on is learned without dropout and with frozen BatchNorm
statistics. The loss goes on falling. In the experiment below BatchNorm sees 6 batches instead of 180, and the
validation loss ends at 0.45 instead of 0.34.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader, val_x

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model.train()
for epoch in range(10):
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)  # TL407
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(model(val_x).argmax(1))
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader, val_x

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model.train()
for epoch in range(10):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(model(val_x).argmax(1))
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


class Trainer:
    def __init__(self):
        self.model = nn.Sequential(nn.Linear(20, 64), nn.Dropout(0.5), nn.ReLU(), nn.Linear(64, 5))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    @torch.no_grad()
    def validate(self, loader):
        self.model.eval()
        return [self.model(x).argmax(1) for x, _ in loader]

    def fit(self, train_loader, val_loader, epochs):
        for epoch in range(epochs):
            for x, y in train_loader:
                self.optimizer.zero_grad()
                F.cross_entropy(self.model(x), y).backward()  # TL407
                self.optimizer.step()
            self.validate(val_loader)
```

```py bad file=scoring.py
import torch


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return [model(x).argmax(1) for x, _ in loader]
```

```py bad file=train.py
import torch
from torch import nn
from torch.nn import functional as F

from scoring import evaluate


def main(train_loader, val_loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.Dropout(0.5), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, (x, y) in enumerate(train_loader):
        loss = F.cross_entropy(model(x), y)  # TL407
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0:
            evaluate(model, val_loader)
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader, val_x

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for epoch in range(10):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(model(val_x).argmax(1))
```

```py good file=scoring.py
import torch


@torch.no_grad()
def evaluate(model, loader):
    was_training = model.training
    model.eval()
    outputs = [model(x).argmax(1) for x, _ in loader]
    model.train(was_training)
    return outputs
```

```py good file=train.py
import torch
from torch import nn
from torch.nn import functional as F

from scoring import evaluate


def main(train_loader, val_loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.Dropout(0.5), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step, (x, y) in enumerate(train_loader):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0:
            evaluate(model, val_loader)
```

An averaged copy is another model; it may stay in evaluation mode for good:

```py good
import copy

import torch
from torch import nn
from torch.nn import functional as F


def main(loader, val_x):
    model = nn.Sequential(nn.Linear(20, 64), nn.Dropout(0.5), nn.ReLU(), nn.Linear(64, 5))
    average = copy.deepcopy(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        average.eval()
        with torch.no_grad():
            print(average(val_x).argmax(1))
```

## When it is fine

Fine-tuning with frozen BatchNorm on purpose (only the BatchNorm layers are put in evaluation mode); a model without
a layer that knows two modes; validation that restores the mode it found.

## Not seen

Models whose mode is changed by code that cannot be followed. A pretrained model that arrives in evaluation mode and is
never put in training mode is another mistake, and not reported here.

## Fix safety

Unsafe: from the second epoch on training uses dropout and batch statistics again.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.train
"""

from __future__ import annotations

import ast

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
    common_loop,
    finding,
    insert_first,
    knows_modes,
    mode_events,
    mode_setters,
    rule,
    runs_of,
    takes_over,
    this,
)


@rule("TL407", "train-mode-not-restored", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for trace in module.traces:
        for off in trace.of("eval"):
            if off.subject is None or not trace.complete:
                continue
            runs = [run for run in runs_of(trace, off.subject) if _trains_beside(trace, off, run)]
            setters = mode_setters(trace, off.subject) if runs else []
            if off not in setters or not _has_modes(trace, off, setters):
                continue
            run = next((run for run in runs if _trains_in_eval(trace, off, run, setters)), None)
            if run is not None:
                yield _report(module, off, run)


def _has_modes(trace: Trace, off: Event, setters: list[Event]) -> bool:
    assert off.subject is not None
    known = knows_modes(off.subject)
    if known is None:
        before = [event for event in setters if event.kind == "train" and event.key == off.key]
        return any(trace.path(event, this(off)) is not None for event in before)
    return known


def _trains_beside(trace: Trace, off: Event, run: Event) -> bool:
    """Whether a forward pass records gradients in a loop that also calls `eval()`, and never `train()`."""
    if common_loop(off, run) is None or run.no_grad is not False or run.loop is None:
        return False
    if takes_over("modes", run) is not False or not trace.inside(run.loop, "backward"):
        return False
    around = common_loop(off, run)
    assert off.subject is not None
    return not any(event.kind != "eval" and around in event.loops for event in mode_events(trace, off.subject))


def _trains_in_eval(trace: Trace, off: Event, run: Event, setters: list[Event]) -> bool:
    loop = common_loop(off, run)
    if loop is None or run.loop is None:
        return False
    backwards = trace.inside(run.loop, "backward")
    if not any(trace.path(run, this(b), across=False) is not None for b in backwards):
        return False
    others = [event for event in setters if event.kind != "eval"]
    if any(loop in event.loops for event in others):
        return False
    evals = [event for event in setters if event.kind == "eval"]
    if trace.from_entry(this(run), lambda e: e in evals) is None:
        return False
    reached = [trace.path(off, this(b), within=loop) for b in backwards]
    return any(reached) and trace.path(off, this(run), within=loop) is not None


def _report(module: Module, off: Event, run: Event) -> Finding:
    message = f"`{module.code(run.node)}` trains in evaluation mode after the first `{module.code(off.node)}`"
    outer = common_loop(off, run)
    fix = None
    if outer is not None and run.is_local and outer.frame is run.frame and isinstance(run.node, ast.Call):
        verb = insert_first(outer.node, f"{module.code(run.node.func)}.train()")
        fix = Fix.unsafe("Return to training mode in each round (dropout and BatchNorm work again)", verb)
    return finding(run, message, see=[(off, "evaluation mode starts here and is not left before that")], fix=fix)


def evidence() -> Evidence:
    """Thirty epochs of six batches with a validation after each, with and without `train()` at the head."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(1024, 20, generator=generator)
    labels = (inputs @ weights + 0.5 * torch.randn(1024, 5, generator=generator)).argmax(1)
    inputs = inputs * 3 + 1
    test, wanted = inputs[768:], labels[768:]

    def train(*, restore: bool) -> tuple[float, list[float]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 5))
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        losses = []
        for _ in range(30):
            if restore:
                model.train()
            for i in range(0, 768, 128):
                optimizer.zero_grad()
                F.cross_entropy(model(inputs[i : i + 128]), labels[i : i + 128]).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                losses.append(float(F.cross_entropy(model(test), wanted)))
        return float(model[1].num_batches_tracked), losses

    bad_batches, bad_losses = train(restore=False)
    good_batches, good_losses = train(restore=True)
    return Evidence(
        "from the second epoch on dropout is off and BatchNorm learns nothing; the validation loss ends higher",
        (
            Measured("batches seen by BatchNorm in 30 epochs of 6", bad_batches, good_batches),
            Measured("validation loss", bad_losses[-1], good_losses[-1], "", bad_losses, good_losses, "epoch"),
        ),
        holds=bad_batches == 6 and good_batches == 180 and bad_losses[-1] > 1.1 * good_losses[-1],
    )
