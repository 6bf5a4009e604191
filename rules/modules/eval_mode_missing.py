"""Evaluating in training mode keeps dropout on and lets BatchNorm learn from the test data.

A module is in training mode until `eval()` is called; `no_grad()` does not change that. Dropout then still drops, and
BatchNorm normalises with the batch at hand, so the score depends on the batch size and on the order of the test set.
In the experiment below a model with 84 % accuracy shows 50 % in batches of two and 18 % on a test set sorted by class,
and the running statistics it will be deployed with have moved.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import test_loader, train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
predictions = []
with torch.no_grad():
    for x, _ in test_loader:
        predictions.append(model(x).argmax(1))  # TL406
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

from data import test_loader, train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
predictions = []
model.eval()
with torch.no_grad():
    for x, _ in test_loader:
        predictions.append(model(x).argmax(1))
```

```py bad
import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(50, 128, num_layers=2, dropout=0.3, batch_first=True)
        self.head = nn.Linear(128, 9)

    def forward(self, x):
        return self.head(self.rnn(x)[0])


@torch.no_grad()
def predict(model, loader):
    return [model(x).argmax(-1) for x in loader]  # TL406


def main(path, loader):
    model = Tagger()
    model.load_state_dict(torch.load(path, weights_only=True))
    return predict(model, loader)
```

```py bad file=net.py
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 5))

    def forward(self, x):
        return self.body(x)
```

```py bad file=score.py
import torch

from net import Net


def accuracy(path, loader):
    model = Net()
    model.load_state_dict(torch.load(path, weights_only=True))
    hits = total = 0
    with torch.inference_mode():
        for x, y in loader:
            hits += (model(x).argmax(1) == y).sum()  # TL406
            total += len(y)
    return hits / total
```

```py good
import torch
from torch import nn


@torch.no_grad()
def predict(model: nn.Module, loader):
    was_training = model.training
    model.eval()
    outputs = [model(x).argmax(-1) for x in loader]
    model.train(was_training)
    return outputs
```

```py good
import torch
from torch import nn

from data import test_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
model.load_state_dict(torch.load("model.pt", weights_only=True))
with torch.no_grad():
    predictions = [model(x).argmax(1) for x in test_loader]
```

Dropout that is switched on again on purpose, to sample from the model's uncertainty:

```py good
import torch
from torch import nn


def sample(path, x, draws=20):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 1))
    model.load_state_dict(torch.load(path, weights_only=True))
    model.eval()
    for layer in model.modules():
        if isinstance(layer, nn.Dropout):
            layer.train()
    with torch.no_grad():
        return torch.stack([model(x) for _ in range(draws)])
```

Training targets made by the model itself, in the midst of a training step:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def fit(loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.Dropout(0.1), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for weak, strong in loader:
        with torch.no_grad():
            labels = model(weak).argmax(1)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(strong), labels)
        loss.backward()
        optimizer.step()
```

## When it is fine

Models without dropout, BatchNorm or another layer that knows two modes; Monte Carlo dropout; re-estimating BatchNorm
statistics (`update_bn`); pseudo-labels and other forwards inside a training step; `from_pretrained` models, which
arrive in evaluation mode.

## Not seen

Models whose class, and so whose layers, cannot be found; dropout whose rate is not written down; modes that are set
inside code that cannot be followed.

## Fix safety

Unsafe: the reported scores change, to those of the model that will be deployed. If training goes on afterwards it
needs `train()` again.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval
- https://docs.pytorch.org/docs/stable/notes/autograd.html#evaluation-mode-nn-module-eval
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
    Key,
    Measured,
    Module,
    Trace,
    Value,
    finding,
    insert_before,
    made_in,
    mode_layer,
    mode_setters,
    rule,
    runs_of,
    takes_over,
    this,
    unwrapped,
    value_class,
)


@rule("TL406", "eval-mode-missing", Category.SUSPICIOUS, since="0.1")
def check(module: Module) -> Findings:
    for trace in module.traces:
        seen: set[Key] = set()
        for event in trace.of("forward"):
            subject = event.subject
            if subject is None or event.no_grad is not True or unwrapped(subject).key in seen:
                continue
            seen.add(unwrapped(subject).key)
            layer = _layer_of(trace, subject)
            if layer is None:
                continue
            setters = mode_setters(trace, subject)
            for run in runs_of(trace, subject):
                if run.no_grad is True and _evaluates(trace, run, subject) and _in_training(trace, run, setters):
                    yield _report(module, run, layer)


def _layer_of(trace: Trace, subject: Value) -> Value | None:
    """The layer that makes the mode matter, for a model that is made on this trace and leaves its mode alone."""
    model = unwrapped(subject)
    if model.kind not in ("instance", "call") or not trace.complete or not made_in(trace, model):
        return None
    if model.kind == "instance" and model.target is not None and value_class(model).method("train") is not None:
        return None
    return mode_layer(model)


def _evaluates(trace: Trace, run: Event, subject: Value) -> bool:
    """Whether the model has learned something before, and is not in the midst of a training step."""
    if run.loop is not None and trace.inside(run.loop, "backward"):
        return False
    if takes_over("modes", run) is not False:
        return False
    key = unwrapped(subject).key
    learned = [*trace.of("backward"), *(event for event in trace.of("load_state_dict") if event.key == key)]
    return any(trace.path(event, this(run)) is not None for event in learned)


def _in_training(trace: Trace, run: Event, setters: list[Event]) -> bool:
    """Whether nothing but the training itself sets a mode before the model runs."""
    backwards = [event.index for event in trace.of("backward")]
    for event in setters:
        if trace.path(event, this(run)) is None:
            continue
        start, end = event.index, run.index
        between = any(start < b < end if start < end else b > start or b < end for b in backwards)
        if event.kind != "train" or event.key != run.key or not between:
            return False
    return True


def _report(module: Module, run: Event, layer: Value) -> Finding:
    kind = layer.name.rpartition(".")[2]
    message = f"`{module.code(run.node)}` evaluates in training mode: `{kind}` acts as in training"
    return finding(run, message, see=[(layer, "the layer that knows two modes")], fix=_fix(module, run))


def _fix(module: Module, run: Event) -> Fix | None:
    loop = run.loop
    node = loop.node if loop is not None and loop.frame is run.frame else run.node
    statement = module.statement(node) if run.is_local else None
    while statement is not None and isinstance(above := module.parent(statement), ast.With):
        statement = above
    if statement is None or not isinstance(run.node, ast.Call):
        return None
    code = f"{module.code(run.node.func)}.eval()"
    return Fix.unsafe("Evaluate in evaluation mode (the scores change)", insert_before(statement, code))


def evidence() -> Evidence:
    """One trained classifier with BatchNorm and dropout, scored in both modes at several batch sizes and orders."""
    import copy

    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(1024, 20, generator=generator)
    labels = (inputs @ weights + 0.5 * torch.randn(1024, 5, generator=generator)).argmax(1)
    inputs = inputs * 3 + 1
    test, wanted = inputs[768:], labels[768:]

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        F.cross_entropy(model(inputs[:768]), labels[:768]).backward()
        optimizer.step()

    def accuracy(model: nn.Module, size: int, order: torch.Tensor) -> float:
        with torch.no_grad():
            hits = [(model(test[i]).argmax(1) == wanted[i]).sum() for i in order.split(size)]
        return float(torch.stack(hits).sum()) / len(order)

    given, by_class = torch.arange(256), torch.argsort(wanted)
    training = copy.deepcopy(model).train()
    model.eval()
    right = accuracy(model, 256, given)
    before = training[1].running_mean.clone()
    small, large = accuracy(training, 2, given), accuracy(training, 256, given)
    ordered = accuracy(training, 16, by_class)
    moved = float((training[1].running_mean - before).abs().max())
    return Evidence(
        "in training mode the accuracy depends on batch size and order, and test data enters the running statistics",
        (
            Measured("accuracy, batches of 2", small, accuracy(model, 2, given)),
            Measured("accuracy, one batch of 256", large, right),
            Measured("accuracy, batches of 16 sorted by class", ordered, accuracy(model, 16, by_class)),
            Measured("shift of the running mean by scoring", moved, 0.0),
        ),
        holds=right - small > 0.2 and right - ordered > 0.4 and moved > 0.1,
    )
