"""A column of predictions against a row of targets fits every sample to the mean.

A prediction of shape `(N, 1)` and a target of shape `(N,)` broadcast to `(N, N)`. The best answer to that loss is the mean
of the targets, for every input: in the experiment the predictions spread by 0.01 where the targets spread by 2.7, and the
loss settles at the variance. `mse_loss`, `l1_loss`, `huber_loss` and `smooth_l1_loss` warn once; a loss written by hand,
`gaussian_nll_loss` and `poisson_nll_loss` don't.

```py bad
import torch
from torch import nn


def fit(x, y):
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(200):
        optimizer.zero_grad()
        loss = ((model(x) - y.view(-1)) ** 2).mean()  # TL205
        loss.backward()
        optimizer.step()
    return model
```

```py fixed
import torch
from torch import nn


def fit(x, y):
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(200):
        optimizer.zero_grad()
        loss = ((model(x).squeeze(-1) - y.view(-1)) ** 2).mean()
        loss.backward()
        optimizer.step()
    return model
```

```py bad file=regressor.py
from torch import nn


class Regressor(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.body = nn.Linear(features, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        return self.head(self.body(x).relu())
```

```py bad file=steps.py
import torch.nn.functional as F

from regressor import Regressor


def regression_loss(model: Regressor, batch):
    inputs, targets = batch["x"].flatten(1), batch["y"].flatten()
    predictions = model(inputs)
    return F.smooth_l1_loss(predictions, targets)  # TL205
```

```py bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def fit():
    x = torch.randn(256, 8)
    loader = DataLoader(TensorDataset(x, x.sum(dim=1)), batch_size=32, shuffle=True)
    model, criterion = nn.Linear(8, 1), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)  # TL205
        loss.backward()
        optimizer.step()
    return model
```

```py good
import torch.nn.functional as F
from torch import nn


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        return self.head(x).squeeze(-1)


def loss_of(model: Regressor, x, y):
    return F.mse_loss(model(x), y.view(-1))
```

```py good
import torch.nn.functional as F
from torch import nn

head = nn.Linear(32, 1)


def column_targets(x, y):
    return F.mse_loss(head(x), y.view(-1, 1))


def first_column(x, y):
    return F.l1_loss(head(x)[:, 0], y.flatten())


def per_step(sequence, y):
    return F.mse_loss(head(sequence), y)
```

```py good
import torch
from torch import nn


class Energy(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(32, 1)

    def forward(self, x):
        return self.score(x)


def pairwise(model: Energy, x):
    scores = model(x)
    return torch.relu(1 - (scores - scores.squeeze(1)))


def distances(a, b):
    return (a[:, None] - b[None, :]).pow(2).sum(dim=-1)
```

## When it is fine

A table of all pairs is sometimes wanted (ranking losses, kernels, distances). The rule looks only at losses that compare a
prediction to a target, and at squared or absolute differences of a layer's output that are averaged or summed at once. A
column that is made on purpose (`view(-1, 1)`, `[:, None]`) and two views of the same value are never reported.

## Not seen

Shapes that the code does not spell out: a target that comes from a data set in an unread file, a model whose last layer
has a computed width. `binary_cross_entropy` and its form with logits raise by themselves.

## Fix safety

The fix is unsafe: the loss and all trained numbers change. It drops the last dimension, of size one, of the prediction.

## References

- The warning of `torch.nn.functional.mse_loss`: "Using a target size that is different to the input size".
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from torchlint.api import (
    UNKNOWN,
    Call,
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Value,
    difference_of,
    finding,
    roles,
    rule,
    shape_of,
    wrap,
)

_LOSSES = frozenset(f"torch.nn.{name}Loss" for name in ("MSE", "L1", "SmoothL1", "Huber", "GaussianNLL", "PoissonNLL"))


class _Side(NamedTuple):
    value: Value
    node: ast.expr | None

    @property
    def text(self) -> str:
        text = ast.unparse(self.node) if self.node is not None else ""
        return f"`{text}`" if 0 < len(text) <= 30 else "one side"


@rule("TL205", "broadcast-loss-shape", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for where, first, second in _compared(module):
        column, row = (first, second) if _is_column(first.value) else (second, first)
        if not _is_column(column.value) or not _is_row(row.value):
            continue
        if any(part.key == column.value.key for part in row.value.walk()):
            continue
        yield finding(
            where,
            f"{column.text} is a column and {row.text} a row: every sample meets every target",
            fix=_flattened(module, column.value),
        )


def _compared(module: Module) -> Iterator[tuple[Event | Call, _Side, _Side]]:
    """The two sides of every element-wise loss, of torch or written by hand."""
    for loss in module.losses():
        if loss.kind in _LOSSES:
            yield loss.event, _Side(loss.input, loss.input_node), _Side(loss.target, loss.target_node)
    for call in module.calls(".mean", ".sum", "torch.mean", "torch.sum"):
        difference = difference_of(call.value)
        if difference is None or not isinstance(difference.node, ast.BinOp):
            continue
        left, right = difference.items
        if _is_prediction(left) or _is_prediction(right):
            yield call, _Side(left, difference.node.left), _Side(right, difference.node.right)


def _is_prediction(value: Value) -> bool:
    """Whether this is the output of a layer, activated or not; a column made on purpose (`view(-1, 1)`) is none."""
    while value.kind == "call" and value.name in roles.RANGE_AFTER:
        value = (value.base if value.name.startswith(".") else value.argument(0, "input")) or UNKNOWN
    return value.kind == "apply" and _is_column(value)


def _is_column(value: Value) -> bool:
    shape = shape_of(value)
    return shape is not None and shape.last == 1 and (not shape.whole or (shape.rank == 2 and shape.sizes[0] != 1))


def _is_row(value: Value) -> bool:
    shape = shape_of(value)
    return shape is not None and shape.rank == 1 and shape.last != 1


def _flattened(module: Module, column: Value) -> Fix | None:
    node = column.node
    if not isinstance(node, ast.expr) or column.frame is None or column.frame.source is not module.source:
        return None
    return Fix.unsafe("Drop the last dimension, which changes the loss and its gradients", wrap(node, "{}.squeeze(-1)"))


def evidence() -> Evidence:
    """A linear target of five features, 150 steps of Adam on the hand-written squared error."""
    import torch
    from torch import nn

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 5, generator=generator)
    y = x @ torch.randn(5, generator=generator)

    def train(column: bool) -> tuple[list[float], float, float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 1))
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        losses = []
        for _ in range(150):
            optimizer.zero_grad()
            out = model(x)
            loss = (((out if column else out.squeeze(-1)) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            out = model(x).squeeze(-1)
        return losses, 1 - ((out - y) ** 2).mean().item() / y.var().item(), out.std().item()

    bad, bad_r2, bad_spread = train(column=True)
    good, good_r2, good_spread = train(column=False)
    return Evidence(
        f"the predictions collapse to the mean of the targets: they spread by {bad_spread:.2g}, the targets by "
        f"{y.std().item():.2g}",
        (
            Measured("share of the variance explained", bad_r2, good_r2),
            Measured("spread of the predictions", bad_spread, good_spread),
            Measured("reported loss after 150 steps", bad[-1], good[-1], bad_curve=bad, good_curve=good),
        ),
        holds=bad_r2 < 0.1 and good_r2 > 0.95,
    )
