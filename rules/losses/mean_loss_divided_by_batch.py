"""Dividing a mean loss by the batch size again makes the gradient as many times too small.

`reduction="mean"` is the default of every loss in `torch.nn`; it has divided by the batch already. A second division
shrinks the gradient by the batch size (64 times in the evidence, where the loss stays at 1.40 instead of 0.02 after
the same 100 steps). The model learns, just slowly, and the learning rate gets the blame.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader, epochs: int) -> None:
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y) / x.size(0)  # TL209
            loss.backward()
            optimizer.step()
```

```py fixed
import torch
from torch import nn


def train(model: nn.Module, loader, epochs: int) -> None:
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
```

```py bad file=objective.py
import torch.nn.functional as F


def objective(model, batch):
    inputs, targets = batch
    error = F.mse_loss(model(inputs), targets)
    return error / len(inputs)  # TL209
```

```py bad file=train.py
import torch

from objective import objective


def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for batch in loader:
        optimizer.zero_grad()
        loss = objective(model, batch)
        loss.backward()
        optimizer.step()
```

```py good
import torch
from torch import nn


def train(model, loader):
    criterion = nn.CrossEntropyLoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y) / x.size(0)
        loss.backward()
        optimizer.step()
```

```py good
import torch
from torch import nn


def train(model, loader, accumulate=4):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    optimizer.zero_grad()
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y) / accumulate
        loss.backward()
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
```

```py good
import torch
import torch.nn.functional as F


def train(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y, reduction="none").sum() / len(x)
        loss.backward()
        optimizer.step()
```

## When it is fine

The loss is a sum, or the divisor is the number of accumulation steps. A loss that is only printed is not reported.

## Not seen

A divisor whose origin is unknown, and losses of the project's own making.

## Fix safety

The gradient grows by the batch size: a learning rate that was tuned with the second division is too high afterwards.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Operation,
    finding,
    is_batch_size,
    operations,
    reduced,
    remove,
    rule,
    unwrap,
)


@rule("TL209", "mean-loss-divided-by-batch", Category.SUSPICIOUS, since="0.1")
def check(module: Module) -> Findings:
    for division in operations(module, ast.Div, calling=("loss", "crit", "entropy", "objective", "mean")):
        if isinstance(division.right_node, ast.Constant) or _is_number(division.left_node):
            continue
        loss = reduced(division.left)
        if loss is None or loss.kind != "mean" or not is_batch_size(division.right, loss.loss):
            continue
        size = ast.unparse(division.right_node)
        yield finding(
            module.place(division.node),
            f"the loss is a mean already, and the division by `{size}` makes its gradient that many times smaller",
            see=[(loss.loss, "this loss is a mean over the batch")],
            fix=_undivided(division),
        )


def _is_number(value: ast.expr) -> bool:
    """Whether the value has left the graph and is only reported."""
    return (
        isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("item", "detach")
    )


def _undivided(division: Operation) -> Fix:
    title = "Leave the division out, which makes the gradient larger by the batch size"
    node = division.node
    return Fix.unsafe(title, unwrap(node, node.left) if isinstance(node, ast.BinOp) else remove(node))


def evidence() -> Evidence:
    """A classifier on one batch of 64 with SGD, with and without the second division."""
    import torch
    from torch import nn

    seed = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=seed)
    x = torch.randn(64, 20, generator=seed)
    y = (x @ weights).argmax(1)

    def run(divisor: int) -> tuple[float, list[float]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        first, curve = 0.0, []
        for _ in range(100):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            (loss / divisor).backward()
            norm = sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None) ** 0.5
            first = first or norm
            optimizer.step()
            curve.append(loss.item())
        return first, curve

    bad, good = run(64), run(1)
    return Evidence(
        f"the gradient is {good[0] / bad[0]:.0f} times smaller; the loss after 100 steps {bad[1][-1]:.2f} "
        f"instead of {good[1][-1]:.2f}",
        (
            Measured("norm of the first gradient", bad=bad[0], good=good[0]),
            Measured("training loss", bad=bad[1][-1], good=good[1][-1], bad_curve=bad[1], good_curve=good[1]),
        ),
        holds=abs(good[0] / bad[0] - 64) < 0.1 and bad[1][-1] > 10 * good[1][-1],
    )
