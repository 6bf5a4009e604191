"""Every step adds in the gradients of all earlier batches when nothing clears them.

`backward()` adds to `.grad`, it never replaces it. Without `zero_grad()` the fiftieth step follows the sum of fifty
gradients, most of them taken at weights that are long gone. The loss falls for a while before it stalls or blows up,
so the run looks like a bad learning rate: in the experiment below the last gradient is 44 times too long and the loss
ends at 14.1 instead of 0.21.

```py bad
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from data import train_set

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    for x, y in DataLoader(train_set, batch_size=64, shuffle=True):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()  # TL101
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from data import train_set

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    for x, y in DataLoader(train_set, batch_size=64, shuffle=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
```

Clearing once per epoch is not enough, wherever the loops stand:

```py bad
import torch
from torch import nn
from torch.nn import functional as F


def train_one_epoch(model, loader, optimizer):
    model.train()
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()  # TL101


def main(loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(10):
        optimizer.zero_grad()
        train_one_epoch(model, loader, optimizer)
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


class Trainer:
    def __init__(self, model: nn.Module, loader):
        self.model = model
        self.loader = loader
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def train_step(self, x, y):
        loss = F.mse_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()  # TL101

    def fit(self, epochs):
        self.model.train()
        for epoch in range(epochs):
            for x, y in self.loader:
                self.train_step(x, y)
```

```py bad file=update.py
def apply_update(loss, optimizer):
    loss.backward()
    optimizer.step()
```

```py bad file=train.py
import torch
from torch import nn
from torch.nn import functional as F

from update import apply_update


def train(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        apply_update(loss, optimizer)  # TL101
```

```py good
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from data import train_set

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(10):
    for x, y in DataLoader(train_set, batch_size=64, shuffle=True):
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(loader, accumulate=4):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.zero_grad()
    for i, (x, y) in enumerate(loader):
        loss = F.cross_entropy(model(x), y) / accumulate
        loss.backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


class Trainer:
    def __init__(self, model: nn.Module, loader):
        self.model = model
        self.loader = loader
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def clear(self):
        for p in self.model.parameters():
            p.grad = None

    def fit(self, epochs):
        self.model.train()
        for epoch in range(epochs):
            for x, y in self.loader:
                self.clear()
                F.mse_loss(self.model(x), y).backward()
                self.optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


def fit(model: nn.Module, x, y):
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=20)

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), y)
        loss.backward()
        return loss

    for _ in range(10):
        optimizer.step(closure)
```

```py good file=update.py
def apply_update(loss, optimizer, model):
    model.zero_grad()
    loss.backward()
    optimizer.step()
```

```py good file=train.py
import torch
from torch import nn
from torch.nn import functional as F

from update import apply_update


def train(loader):
    model = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        apply_update(loss, optimizer, model)
```

With `automatic_optimization = False` the step belongs to `training_step`, and so does the clearing:

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
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.manual_backward(loss)
        optimizer.step()  # TL101
        self.log("loss", loss)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
```

```py good
import lightning
import torch
from torch import nn
from torch.nn import functional as F


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(20, 5)

    def training_step(self, batch, batch_idx):
        loss = F.cross_entropy(self.net(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
```

## When it is fine

Accumulating over several batches is fine as long as the gradients are cleared after the step. Clearing through the
model, through `p.grad = None`, inside a closure or at the end of the body all counts. Loops whose optimizer is built
anew for every item, gradients written by hand (`p.grad = ...`), optimizers that clear by themselves and frameworks
that own the step (Lightning unless it is told otherwise, DeepSpeed, Ignite, `dist_autograd`) are left alone.

## Not seen

An optimizer that comes out of a configuration object or a factory outside the project, and a step inside a callback.

## Fix safety

Unsafe: training changes, as it should. The learning rate may have been tuned to the summed gradients.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
- https://docs.pytorch.org/tutorials/recipes/recipes/zeroing_out_gradients.html
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
    Loop,
    Measured,
    Module,
    Trace,
    Value,
    common_loop,
    concerns,
    finding,
    gradients_by_hand,
    insert_after,
    insert_first,
    made_inside,
    managed,
    may_touch,
    opposed,
    optimizer_of,
    own_words,
    rule,
    runs_for_each_batch,
    takes_over,
    this,
    trained_by,
)


@rule("TL101", "missing-zero-grad", Category.CORRECTNESS, since="0.1", triggers=("optim", "step", "backward"))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for step in trace.of("step"):
            optimizer = optimizer_of(step)
            if optimizer is None or takes_over("zero-grad", step) is not False:
                continue
            touched: dict[int, bool] = {}
            for backward in trace.of("backward"):
                loop = common_loop(step, backward)
                if loop is None or any(not opposed(clear, step, loop) for clear in _clears(trace, optimizer, loop)):
                    continue
                if loop.header not in touched:
                    touched[loop.header] = _may_be_touched(trace, optimizer, loop) or _forgot_to_call(module, loop)
                if not touched[loop.header] and _piles_up(trace, step, backward, loop):
                    yield _report(module, step, backward, loop)
                    break
        if runs_for_each_batch(trace) is True and trace.complete:
            yield from _from_batch_to_batch(module, trace)


def _from_batch_to_batch(module: Module, trace: Trace) -> Findings:
    """A `training_step` that steps by hand: Lightning runs it for each batch, and clears nothing between."""
    function = trace.function
    owner = module.class_of(function) if function is not None else None
    words = own_words(owner) if owner is not None else None
    if words is None or not words.isdisjoint(("zero_grad", "grad", "backward", "optimizer_step")):
        return
    for step in trace.of("step"):
        optimizer = optimizer_of(step)
        backward = next((b for b in trace.of("backward") if trace.path(b, this(step)) is not None), None)
        if optimizer is None or backward is None or trace.of("zero_grad") or managed(backward) is not False:
            continue
        objects = (optimizer, *(trained_by(optimizer) or ()))
        if not any(may_touch(call, objects) for call in trace.of("call")):
            yield _report(module, step, backward, None)
            return


def _clears(trace: Trace, optimizer: Value, loop: Loop) -> list[Event]:
    return [clear for clear in trace.inside(loop, "zero_grad") if concerns(clear, optimizer) is not False]


def _may_be_touched(trace: Trace, optimizer: Value, loop: Loop) -> bool:
    if made_inside(optimizer, loop):
        return True
    objects = (optimizer, *(trained_by(optimizer) or ()))
    return any(may_touch(call, objects) for call in trace.inside(loop, "call")) or gradients_by_hand(trace, loop)


def _piles_up(trace: Trace, step: Event, backward: Event, loop: Loop) -> bool:
    if managed(backward) is not False:
        return False
    again = trace.path(step, this(backward), within=loop)
    return again is not None and trace.path(backward, this(step), within=loop) is not None


def _forgot_to_call(module: Module, loop: Loop) -> bool:
    """Whether `zero_grad` stands in the loop without its brackets, which is a finding of its own."""
    named = (n for n, _ in module.discarded() if isinstance(n, ast.Attribute) and n.attr == "zero_grad")
    return any(loop.node in module.around(node) for node in named)


def _report(module: Module, step: Event, backward: Event, loop: Loop | None) -> Finding:
    statement = module.statement(step.node) if step.is_local else None
    fix = None
    if statement is not None:
        given = getattr(step.node, "args", ()) if step.manager is not None else ()
        owner = next(
            (a for a in given if step.subject is not None and step.frame.value(a).key == step.subject.key), None
        )
        code = f"{step.text if owner is None else module.code(owner)}.zero_grad()"
        direct = loop is not None and module.parent(statement) is loop.node
        verb = insert_first(loop.node, code) if loop is not None and direct else insert_after(statement, code)
        fix = Fix.unsafe("Clear the gradients once per step (each step then follows its own gradients)", verb)
    where = "in the loop" if loop is not None else "between the batches"
    if loop is not None and any(opposed(clear, step, loop) for clear in backward.trace.inside(loop, "zero_grad")):
        where = "in this branch"
    message = f"`{module.code(step.node)}` follows the sum of all gradients so far: nothing {where} clears them"
    return finding(step, message, see=[(backward, "gradients are added here")], fix=fix)


def evidence() -> Evidence:
    """Fifty SGD steps of a small classifier on eight fixed batches, with and without clearing."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(512, 20, generator=generator)
    targets = (inputs @ weights).argmax(1)

    def train(*, clear: bool) -> tuple[list[float], list[float]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        norms, losses = [], []
        for step in range(50):
            if clear:
                optimizer.zero_grad()
            batch = slice(step % 8 * 64, step % 8 * 64 + 64)
            F.cross_entropy(model(inputs[batch]), targets[batch]).backward()
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            norms.append(float(torch.linalg.vector_norm(torch.cat([g.flatten() for g in gradients]))))
            optimizer.step()
            with torch.no_grad():
                losses.append(float(F.cross_entropy(model(inputs), targets)))
        return norms, losses

    bad_norms, bad_losses = train(clear=False)
    good_norms, good_losses = train(clear=True)
    return Evidence(
        "without `zero_grad()` the gradient grows with every step and the loss does not come down",
        (
            Measured("gradient norm at step 50", bad_norms[-1], good_norms[-1], "", bad_norms, good_norms),
            Measured("training loss after 50 steps", bad_losses[-1], good_losses[-1], "", bad_losses, good_losses),
        ),
        holds=bad_norms[-1] > 10 * good_norms[-1] and bad_losses[-1] > 10 * good_losses[-1],
    )
