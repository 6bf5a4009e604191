"""A loss without reduction is one number per element, and `backward()` refuses it.

`reduction="none"` keeps the loss of every sample, for weighting or mining. Sent backward as it is, it raises "grad
can be implicitly created only for scalar outputs", at the first step, after the data has been loaded and the job has
waited in the queue. Only a batch of one single element passes.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader, epochs: int) -> None:
    criterion = nn.CrossEntropyLoss(reduction="none")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()  # TL212
            optimizer.step()
```

```py fixed
import torch
from torch import nn


def train(model: nn.Module, loader, epochs: int) -> None:
    criterion = nn.CrossEntropyLoss(reduction="none")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.mean().backward()
            optimizer.step()
```

```py bad file=losses.py
import torch.nn.functional as F


def weighted_loss(logits, labels, weights):
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="none") * weights
```

```py bad file=train.py
import torch

from losses import weighted_loss


def train(model, loader):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for x, labels, weights in loader:
        optimizer.zero_grad()
        loss = weighted_loss(model(x), labels, weights)
        loss.backward()  # TL212
        optimizer.step()
```

```py good
import torch
from torch import nn


def train(model, loader):
    criterion = nn.CrossEntropyLoss(reduction="none")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for x, y, weights in loader:
        optimizer.zero_grad()
        loss = (criterion(model(x), y) * weights).mean()
        loss.backward()
        optimizer.step()
```

```py good
import torch
from torch import nn


def train(model, loader):
    criterion = nn.MSELoss(reduction="none")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        errors = criterion(model(x), y)
        errors.backward(torch.ones_like(errors) / errors.numel())
        optimizer.step()
```

## When it is fine

`backward(gradient)` with a gradient of the loss's own shape says how to reduce it. Batches of one element pass as
well.

## Not seen

Losses of the project's own making whose shape is not known.

## Fix safety

The code could not run before. The mean is the usual reduction; a sum or a weighted mean may be what was meant.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.Tensor.backward.html
"""

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    finding,
    is_unreduced,
    rule,
    wrap,
)


@rule("TL212", "unreduced-loss-backward", Category.CORRECTNESS, since="0.1", triggers=("backward",))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for event in trace.of("backward"):
            loss = event.subject
            if loss is None or not is_unreduced(loss) or _gradient_given(event) or _is_told_elsewhere(event):
                continue
            name = f"`{ast.unparse(_operand(event))}`"
            yield finding(
                event,
                f"{name} has one element per sample, and `backward()` raises on more than one",
                see=[(loss, "it is computed without a reduction here")] if loss.node is not None else [],
                fix=_mean(event),
            )


def _is_told_elsewhere(event: Event) -> bool:
    """Whether the other file in which this happens can be told without its caller."""
    loss = event.alone.subject
    return not event.is_local and loss is not None and is_unreduced(loss) is True


def _operand(event: Event) -> ast.expr:
    """The loss as it is written: what is sent backward, or what is passed to a scaler or an accelerator."""
    node = event.node
    assert isinstance(node, ast.Call)
    if event.manager is None and isinstance(node.func, ast.Attribute):
        return node.func.value
    if node.args:
        return node.args[0]
    scaled = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    return scaled.args[0] if isinstance(scaled, ast.Call) and scaled.args else scaled


def _gradient_given(event: Event) -> bool:
    node = event.node
    if not isinstance(node, ast.Call):
        return True
    return (event.manager is None and bool(node.args)) or any(k.arg in ("gradient", None) for k in node.keywords)


def _mean(event: Event) -> Fix:
    operand = _operand(event)
    template = "{}.mean()" if isinstance(operand, ast.Name | ast.Attribute | ast.Call) else "({}).mean()"
    return Fix.unsafe("Send the mean backward, the usual reduction", wrap(operand, template))


def evidence() -> Evidence:
    """Steps out of ten that end without an exception, unreduced and reduced."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    model = nn.Linear(4, 3)

    def finished(reduction: str) -> int:
        count = 0
        for _ in range(10):
            loss = nn.functional.cross_entropy(model(torch.randn(8, 4)), torch.arange(8) % 3, reduction=reduction)
            try:
                loss.backward()
            except RuntimeError as error:
                if "implicitly created only for scalar" not in str(error):
                    raise
                continue
            count += 1
        return count

    bad, good = finished("none"), finished("mean")
    return Evidence(
        f"{bad} of 10 backward passes work without a reduction, {good} of 10 with the mean",
        (Measured("backward passes that work, of ten", bad=bad, good=good),),
        holds=bad == 0 and good == 10,
    )
