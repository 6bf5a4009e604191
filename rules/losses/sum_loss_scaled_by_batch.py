"""A summed loss multiplied by the batch size counts every sample many times.

`loss.item() * x.size(0)` turns a batch *mean* back into a sum before it is added up. With `reduction="sum"` the loss
is that sum already, and the reported average comes out too large by the batch size: 63 instead of 1 in the evidence.
Curves of runs with different batch sizes can no longer be compared, and nothing looks broken.

```py bad
import torch
from torch import nn


def evaluate(model: nn.Module, loader) -> float:
    criterion = nn.CrossEntropyLoss(reduction="sum")
    total, count = 0.0, 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            loss = criterion(model(x), y)
            total += loss.item() * x.size(0)  # TL210
            count += x.size(0)
    return total / count
```

```py fixed
import torch
from torch import nn


def evaluate(model: nn.Module, loader) -> float:
    criterion = nn.CrossEntropyLoss(reduction="sum")
    total, count = 0.0, 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            loss = criterion(model(x), y)
            total += loss.item()
            count += x.size(0)
    return total / count
```

```py bad
import torch
import torch.nn.functional as F


class Evaluator:
    def __init__(self, model, loader):
        self.model, self.loader = model, loader

    def loss(self, x, y):
        return F.mse_loss(self.model(x), y, reduction="sum")

    @torch.no_grad()
    def run(self):
        self.model.eval()
        total = 0.0
        for x, y in self.loader:
            total += self.loss(x, y).item() * len(x)  # TL210
        return total / len(self.loader.dataset)
```

```py good
import torch
from torch import nn


def evaluate(model, loader):
    criterion = nn.CrossEntropyLoss()
    total, count = 0.0, 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            total += criterion(model(x), y).item() * x.size(0)
            count += x.size(0)
    return total / count
```

```py good
import torch
from torch import nn


def evaluate(model, loader):
    criterion = nn.CrossEntropyLoss(reduction="sum")
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            total += criterion(model(x), y).item()
    return total / len(loader.dataset)
```

## When it is fine

The loss is a mean. A sum that is divided by another axis (pixels, tokens) before it is multiplied is not reported.

## Not seen

Losses of the project's own making, and a factor whose origin is unknown.

## Fix safety

The reported number shrinks by the batch size, so it cannot be compared with numbers reported earlier.

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
    finding,
    is_batch_size,
    operations,
    reduced,
    rule,
    unwrap,
)


@rule("TL210", "sum-loss-scaled-by-batch", Category.SUSPICIOUS, since="0.1")
def check(module: Module) -> Findings:
    for product in operations(module, ast.Mult, calling=("loss", "crit", "entropy", "objective", "backward")):
        if not isinstance(product.node, ast.BinOp):
            continue
        left, right = product.node.left, product.node.right
        if isinstance(left, ast.Constant) or isinstance(right, ast.Constant):
            continue
        sides = ((product.left, left, product.right, right), (product.right, right, product.left, left))
        for total, kept, size, factor in sides:
            loss = reduced(total)
            if loss is None or loss.kind != "sum" or not is_batch_size(size, loss.loss):
                continue
            text = ast.unparse(factor)
            yield finding(
                module.place(product.node),
                f"the loss is a sum over the batch already, and `{text}` counts every sample that many times",
                see=[(loss.loss, "this loss is a sum over the batch")],
                fix=Fix.unsafe(
                    "Leave the factor out, which makes the reported loss smaller by the batch size",
                    unwrap(product.node, kept),
                ),
            )


def evidence() -> Evidence:
    """The mean error over 1,000 samples in batches of 64, from a summed and from a mean loss."""
    import torch
    from torch.nn import functional as F

    torch.manual_seed(0)
    values = torch.ones(1000)
    batches = values.split(64)

    def average(reduction: str) -> float:
        total = sum(F.mse_loss(torch.zeros_like(b), b, reduction=reduction).item() * len(b) for b in batches)
        return total / len(values)

    bad, good = average("sum"), average("mean")
    return Evidence(
        f"the reported average is {bad:.1f} instead of {good:.1f}",
        (Measured("reported average loss", bad=bad, good=good),),
        holds=abs(good - 1) < 1e-6 and bad > 60,
    )
