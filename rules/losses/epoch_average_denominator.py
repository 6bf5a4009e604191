"""The epoch's average divides by the wrong count and depends on the batch size.

A sum of batch means has to be divided by the number of batches, `len(loader)`; a sum over samples by the number of
samples, `len(loader.dataset)` or what the loop has counted (`seen += x.size(0)`). Crossed, the number is wrong by
about the batch size: in the evidence an average loss of 1.0 is reported as 0.016 or as 62.5. It still falls from
epoch to epoch, but early stopping thresholds, plateau schedules and every comparison with a run of another batch size
are off.

```py bad
import torch
from torch import nn
from torch.utils.data import DataLoader


def train_one_epoch(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    criterion = nn.CrossEntropyLoss()
    running = 0.0
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    return running / len(loader.dataset)  # TL211
```

```py fixed
import torch
from torch import nn
from torch.utils.data import DataLoader


def train_one_epoch(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    criterion = nn.CrossEntropyLoss()
    running = 0.0
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        running += loss.item()
    return running / len(loader)
```

The index of the last batch is no count either: it is one less, and 0 where the loader yields a single batch.

```py bad
import torch
import torch.nn.functional as F


def validate(model, loader) -> float:
    total = 0.0
    model.eval()
    with torch.no_grad():
        for i, (x, y) in enumerate(loader):
            total += F.mse_loss(model(x), y).item()
    return total / i  # TL211
```

```py fixed
import torch
import torch.nn.functional as F


def validate(model, loader) -> float:
    total = 0.0
    model.eval()
    with torch.no_grad():
        for i, (x, y) in enumerate(loader):
            total += F.mse_loss(model(x), y).item()
    return total / (i + 1)
```

A sum over samples, divided by the number of batches:

```py bad
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader


def evaluate(model, dataset):
    loader = DataLoader(dataset, batch_size=64)
    total, correct = 0.0, 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            total += F.cross_entropy(logits, y).item() * x.size(0)
            correct += (logits.argmax(dim=1) == y).sum().item()
    print(f"loss {total / len(loader):.3f}")  # TL211
    return correct / len(dataset)
```

```py good
import torch
import torch.nn.functional as F


def evaluate(model, loader):
    total, correct = 0.0, 0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            logits = model(x)
            total += F.cross_entropy(logits, y, reduction="sum").item()
            correct += (logits.argmax(dim=1) == y).sum().item()
    return total / len(loader.dataset), correct / len(loader.dataset)
```

```py good
import torch
from torch import nn


def evaluate(model, loader):
    criterion = nn.CrossEntropyLoss()
    total = 0.0
    model.eval()
    with torch.no_grad():
        for x, y in loader:
            total += criterion(model(x), y).item()
    return total / len(loader)
```

```py good
def mean_loss(model, loader, criterion):
    total = 0.0
    for i, (x, y) in enumerate(loader, 1):
        total += criterion(model(x), y).item()
    return total / i
```

## When it is fine

The batch size is one. An uneven last batch makes a mean of batch means slightly wrong as well; that is not reported.

## Not seen

Accumulators in meter objects, and divisors whose type is not known: a name like `train_data` says nothing about
whether it is a dataset or a loader.

## Fix safety

The reported number changes by about the batch size, so it cannot be compared with numbers reported earlier.

## References

- https://docs.pytorch.org/docs/stable/data.html
"""

import ast

from torchlint.api import (
    UNKNOWN,
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Operation,
    Span,
    Total,
    Value,
    finding,
    is_batch_size,
    operations,
    reduced,
    replace,
    roles,
    rule,
    statements,
    summand_unit,
    total_of,
)


@rule(
    "TL211",
    "epoch-average-denominator",
    Category.SUSPICIOUS,
    since="0.1",
    triggers=("len(", ".size(", ".shape", "enumerate(", "range("),
)
def check(module: Module) -> Findings:
    for division in operations(module, ast.Div, calling=("len", "size", "enumerate", "range", "item")):
        total = total_of(division.left, module) if division.right.kind in _MAY_COUNT else None
        if total is None or _is_inside(division.node, total.loop):
            continue
        wrong = _by_len(division, total) or _by_counted_samples(division, total, module)
        wrong = wrong or _by_last_index(division, total, module)
        if wrong is not None:
            message, fix = wrong
            yield finding(
                module.place(division.node), message, see=[(module.place(total.node), "it is added up here")], fix=fix
            )


_MAY_COUNT = ("call", "element", "union", "binary")


def _is_inside(node: ast.AST, loop: ast.For) -> bool:
    around, inside = Span.of(loop), Span.of(node)
    return around[:2] <= inside[:2] < around[2:]


def _by_len(division: Operation, total: Total) -> tuple[str, Fix | None] | None:
    """What is wrong with a division by `len(...)`: it counts what the total does not stand for."""
    counted = division.right.argument(0) if division.right.call_of("len") else None
    if counted is None:
        return None
    divisor, unit = _divisor(counted, total), summand_unit(total.added)
    if divisor is None or unit is None or divisor == unit:
        return None
    size = ast.unparse(division.right_node)
    message = (
        f"a sum of batch means is divided by the number of samples, `{size}`"
        if unit == "batch"
        else f"a sum over samples is divided by the number of batches, `{size}`"
    )
    return message, _other_count(division.right_node, unit)


def _by_counted_samples(division: Operation, total: Total, module: Module) -> tuple[str, Fix | None] | None:
    """What is wrong with a sum of batch means over the samples that the same loop has counted."""
    loss = reduced(total.added) if summand_unit(total.added) == "batch" else None
    count = total_of(division.right, module) if loss is not None else None
    if loss is None or count is None or count.loop is not total.loop or _has_single_samples(total):
        return None
    if is_batch_size(count.added, loss.loss) is not True:
        return None
    message = f"a sum of batch means is divided by the number of samples, `{ast.unparse(division.right_node)}`"
    if not isinstance(total.node, ast.AugAssign) or not isinstance(count.node, ast.AugAssign):
        return message, None
    mean, size = total.node.value, ast.unparse(count.node.value)
    product = f"{ast.unparse(mean)} * {size}" if isinstance(mean, ast.Call | ast.Name | ast.Attribute) else None
    title = "Add the sum over the batch, which changes the reported number"
    return message, None if product is None else Fix.unsafe(title, replace(mean, product))


def _by_last_index(division: Operation, total: Total, module: Module) -> tuple[str, Fix] | None:
    """What is wrong with a total that is divided by the index of the loop that added it up."""
    index = division.right
    counter = index.base
    if index.kind != "element" or counter is None or len(counter.arguments) != 1:
        return None
    from_zero = counter.name == "range" or (index.name == "index" and counter.argument(1, "start") is None)
    if not from_zero or division.frame.value(total.loop.iter).key != counter.key:
        return None
    if not _is_in_every_round(total, module):
        return None
    name = ast.unparse(division.right_node)
    message = f"the sum is divided by `{name}`, the index of the last round, which is one less than their number"
    title = "Divide by the number of rounds, which changes the reported number"
    return message, Fix.unsafe(title, replace(division.right_node, f"{name} + 1"))


def _is_in_every_round(total: Total, module: Module) -> bool:
    """Whether each round of the loop adds to the total before anything can leave it."""
    node = module.parent(total.node)
    while isinstance(node, ast.With):
        node = module.parent(node)
    leaves = (n for n in statements(total.loop) if isinstance(n, ast.Continue | ast.Break))
    return node is total.loop and all(leave.lineno > total.node.lineno for leave in leaves)


def _divisor(counted: Value, total: Total) -> str | None:
    """What `len(counted)` counts, if it belongs to the loader that the loop runs over."""
    loader = total.iterable
    if _has_single_samples(total):
        return None
    if counted.kind == "attribute" and counted.name == "dataset" and counted.base is not None:
        return "samples" if counted.base.key == loader.key else None
    if not loader.is_instance(roles.LOADER):
        return None
    if counted.key == loader.key:
        return "batch"
    dataset = loader.argument(0, "dataset") if _is_made(loader) else None
    return "samples" if dataset is not None and dataset.known and dataset.key == counted.key else None


def _is_made(loader: Value) -> bool:
    return isinstance(loader.node, ast.Call) and loader.kind == "instance" and loader.name == roles.LOADER


def _has_single_samples(total: Total) -> bool:
    """Whether the loop goes through batches of one, for which a mean is a sum."""
    size = total.iterable.argument(1, "batch_size") if _is_made(total.iterable) else UNKNOWN
    return size is None or (size.kind == "const" and size.const in (1, None))


def _other_count(divisor: ast.expr, unit: str) -> Fix | None:
    if not isinstance(divisor, ast.Call) or len(divisor.args) != 1:
        return None
    counted = divisor.args[0]
    if unit == "samples":
        code = f"{ast.unparse(counted)}.dataset"
    elif isinstance(counted, ast.Attribute) and counted.attr == "dataset":
        code = ast.unparse(counted.value)
    else:
        return None
    other = "samples" if unit == "samples" else "batches"
    return Fix.unsafe(f"Divide by the number of {other}, which changes the reported number", replace(counted, code))


def evidence() -> Evidence:
    """1,000 samples whose loss is exactly 1, in batches of 64, averaged over the epoch in four ways."""
    import torch
    from torch.nn import functional as F
    from torch.utils.data import DataLoader

    loader = DataLoader(torch.ones(1000), batch_size=64)
    means, sums = 0.0, 0.0
    for x in loader:
        loss = F.mse_loss(torch.zeros_like(x), x).item()
        means += loss
        sums += loss * len(x)
    samples, batches = 1000, len(loader)
    return Evidence(
        f"an average of 1 is reported as {means / samples:.3f} (batch means over samples) or as {sums / batches:.1f} "
        "(sums over batches)",
        (
            Measured("batch means", bad=means / samples, good=means / batches),
            Measured("sample sums", bad=sums / batches, good=sums / samples),
        ),
        holds=abs(means / batches - 1) < 1e-6 and abs(sums / samples - 1) < 1e-6 and sums / batches > 60 > means,
    )
