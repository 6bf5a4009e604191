"""A method of the training step is named but not called, so nothing happens.

`optimizer.step` without parentheses evaluates to a bound method and drops it. No exception, no warning: the weights stay
where they were; with `zero_grad` the gradients pile up, with `eval` dropout stays on. In the experiment below the loss
after fifty steps is the loss of the first.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader, epochs: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step  # TL411
```

```py fixed
import torch
from torch import nn


def train(model: nn.Module, loader, epochs: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, epochs: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    criterion = nn.CrossEntropyLoss()
    clear = optimizer.zero_grad
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            clear()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
```

The model is an attribute, the evaluation a method:

```py bad
import torch
from torch import nn


class Classifier:
    def __init__(self, width: int) -> None:
        self.net = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 2))

    @torch.no_grad()
    def predict(self, x: torch.Tensor) -> torch.Tensor:
        self.net.eval  # TL411
        return self.net(x).argmax(dim=1)
```

```py good
import torch
from torch import nn


class Classifier:
    def __init__(self, width: int) -> None:
        self.net = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 2))

    @torch.no_grad()
    def predict(self, x: torch.Tensor) -> torch.Tensor:
        self.net.eval()
        return self.net(x).argmax(dim=1)
```

## When it is fine

A method handed on as a callback (`register(optimizer.step)`) or bound to a name is no statement and is not looked at.
The last line of a notebook cell displays its value.

## Not seen

Receivers of which it is not known that they are a module, an optimizer, a scheduler, a gradient scaler or a loss.

## Fix safety

Unsafe: the method runs for the first time, so training or evaluation changes from that line on.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.optim.Optimizer.zero_grad.html
- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.eval
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Value,
    append_call,
    finding,
    is_module,
    is_optimizer,
    is_scaler,
    is_scheduler,
    is_tensor,
    rule,
    value_class,
)

_METHODS = {
    "module": frozenset({"train", "eval", "zero_grad", "cuda", "cpu", "half", "double"}),
    "optimizer": frozenset({"step", "zero_grad"}),
    "scheduler": frozenset({"step"}),
    "gradient scaler": frozenset({"update"}),
    "loss": frozenset({"backward"}),
}
_ANY = frozenset[str]().union(*_METHODS.values())


@rule("TL411", "method-not-called", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for node, frame in module.discarded():
        if not isinstance(node, ast.Attribute) or node.attr not in _ANY:
            continue
        if frame.function is None and module.path.endswith(".ipynb"):
            continue
        role = _role(frame.value(node.value))
        if role is None or node.attr not in _METHODS[role]:
            continue
        text = module.code(node)
        yield finding(
            module.place(node),
            f"`{text}` is named and not called, so the {role} does nothing here",
            fix=Fix.unsafe(f"Call `{text}()`, which takes effect for the first time", append_call(node)),
        )


def _role(value: Value) -> str | None:
    if is_optimizer(value):
        return "optimizer"
    if is_scheduler(value):
        return "scheduler"
    if is_scaler(value):
        return "gradient scaler"
    if is_module(value) and value.kind == "instance":
        return None if value.target is not None and _redefines(value) else "module"
    return "loss" if is_tensor(value) else None


def _redefines(value: Value) -> bool:
    """Whether a class makes properties or attributes of the methods in question."""
    model = value_class(value)
    return any(model.stores(name) or model.method(name) is not None for name in _METHODS["module"])


def evidence() -> Evidence:
    """Fifty SGD steps on random data, with `step` named and with `step` called; and `eval` named."""
    import torch
    from torch import nn
    from torch.nn import functional

    def losses(called: bool) -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        x, y = torch.randn(256, 20), torch.randint(0, 5, (256,))
        curve = []
        for _ in range(50):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            curve.append(loss.item())
            if called:
                optimizer.step()
            else:
                optimizer.step  # noqa: B018
        return curve

    bad, good = losses(False), losses(True)
    dropout = nn.Dropout(0.5)
    dropout.eval  # noqa: B018
    return Evidence(
        "loss after fifty steps in which `optimizer.step` is named and not called",
        (
            Measured("loss", bad=bad[-1], good=good[-1], bad_curve=bad, good_curve=good),
            Measured("dropout active after `eval`", bad=float(dropout.training), good=float(dropout.eval().training)),
        ),
        holds=bad[-1] == bad[0] and good[-1] < 0.7 * good[0],
    )
