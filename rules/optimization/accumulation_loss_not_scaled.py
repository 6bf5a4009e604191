"""Accumulated losses that are not divided make the gradient k times too large.

Each loss is a mean over its micro-batch, and `backward()` adds. After `k` of them the gradient is `k` times that of
one large batch (8.0 times in the evidence, for `k` = 8). With SGD that is a learning rate `k` times higher; with
clipping almost every step is cut. Adam divides the scale out again, so its loss hardly moves (clipping and `eps`
aside); there the finding is information only. The bug shows itself when somebody changes `k` and every tuned number
is wrong.

```py bad
import torch
from torch import nn

ACCUMULATE = 8


def train_one_epoch(model, loader, lr=0.1):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    optimizer.zero_grad()
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        loss.backward()  # TL105
        if (i + 1) % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()
```

```py fixed
import torch
from torch import nn

ACCUMULATE = 8


def train_one_epoch(model, loader, lr=0.1):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    optimizer.zero_grad()
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        (loss / ACCUMULATE).backward()
        if (i + 1) % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()
```

```py bad
import torch
import torch.nn.functional as F


class Trainer:
    def __init__(self, model, micro_batches):
        self.model = model
        self.micro_batches = micro_batches
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def training_step(self, batches):
        self.model.train()
        self.optimizer.zero_grad()
        for _ in range(self.micro_batches):
            x, y = next(batches)
            loss = F.cross_entropy(self.model(x), y)
            loss.backward()  # TL105
        self.optimizer.step()
```

```py good
import torch
from torch import nn


def train_one_epoch(model, loader, accumulate=8):
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
from torch import nn


def train_step(model, optimizer, micro_batches):
    criterion = nn.CrossEntropyLoss(reduction="sum")
    count = sum(len(y) for _, y in micro_batches)
    model.train()
    optimizer.zero_grad()
    for x, y in micro_batches:
        (criterion(model(x), y) / count).backward()
    optimizer.step()
```

```py good
import torch
from torch import nn


def train_discriminator(discriminator, generator, loader):
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4)
    for real, noise in loader:
        optimizer.zero_grad()
        scores = discriminator(real)
        criterion(scores, torch.ones_like(scores)).backward()
        scores = discriminator(generator(noise).detach())
        criterion(scores, torch.zeros_like(scores)).backward()
        optimizer.step()
```

Accelerate divides by the number that it is told, and by nothing if it is told none:

```py bad
from accelerate import Accelerator
from torch import nn


def train(model, optimizer, loader, k):
    accelerator = Accelerator()
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for i, (x, y) in enumerate(loader):
        loss = criterion(model(x), y)
        accelerator.backward(loss)  # TL105
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()
```

```py good
from accelerate import Accelerator
from torch import nn


def train(model, optimizer, loader):
    accelerator = Accelerator(gradient_accumulation_steps=8)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for x, y in loader:
        with accelerator.accumulate(model):
            accelerator.backward(criterion(model(x), y))
            optimizer.step()
            optimizer.zero_grad()
```

## When it is fine

A sum-reduced loss that is normalised once, gradients that are divided before the step, several terms of one loss that
are sent backward one by one on the same batch (a GAN's real and fake halves), Lightning, DeepSpeed, and an
`Accelerator` that knows the number, which divide by themselves.

## Not seen

Accumulation that is decided in a helper or a callback, and a loss whose reduction is not known.

## Fix safety

The gradient becomes `k` times smaller: a learning rate that was tuned with the bug has to be tuned again.

## References

- https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-accumulation
"""

import ast

from torchlint.api import (
    Accumulation,
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Severity,
    Trace,
    Value,
    accumulations,
    finding,
    optimizer_of,
    parts,
    reduced,
    roles,
    rule,
    wrap,
)


@rule("TL105", "accumulation-loss-not-scaled", Category.SUSPICIOUS, since="0.1", triggers=("backward",))
def check(module: Module) -> Findings:
    for trace in () if module.is_test else module.traces:
        for found in accumulations(trace):
            loss = found.backward.subject
            if loss is None or not _is_mean(loss) or (found.times.kind == "const" and found.times.const == 1):
                continue
            if _rate_depends_on(found) or not _is_told_here(found.backward):
                continue
            count, name = ast.unparse(found.times_node), ast.unparse(_operand(found))
            yield finding(
                found.backward,
                f"`{name}` is a mean and is not divided by `{count}`: the gradient adds up to that many times its size",
                see=[(found.step, "the step uses the sum")],
                fix=_divide(found, count),
                severity=Severity.INFO if _scale_free(trace, found) else None,
            )


def _is_told_here(backward: Event) -> bool:
    """Whether this is the file to tell it: the one of the backward pass, or of the caller that chooses the loss."""
    alone = backward.alone.subject
    return backward.is_local or (backward.is_direct and (alone is None or not _is_mean(alone)))


def _is_mean(loss: Value) -> bool:
    """Whether a loss is a mean, at least with one of the criteria or models that a configuration chooses from."""
    if loss.kind == "union":
        means = [option for option in loss.items if _is_mean(option)]
        return bool(means) and all(option in means or _is_chosen(option) for option in loss.items)
    found = reduced(loss)
    if found is not None:
        return found.kind == "mean"
    made = loss.base.base if loss.kind == "attribute" and loss.name == "loss" and loss.base is not None else None
    return made is not None and made.kind == "call" and made.name.startswith("transformers.")


def _is_chosen(loss: Value) -> bool:
    """Whether a value is nothing, or the output of another criterion or model, with no arithmetic behind it."""
    if loss.kind == "item" and loss.base is not None:
        loss = loss.base
    return loss.kind == "apply" or (loss.kind == "const" and loss.const is None)


def _operand(found: Accumulation) -> ast.expr:
    """The loss as it is written: what is sent backward, by itself or by a framework, or what a scaler scales."""
    node = found.backward.node
    assert isinstance(node, ast.Call)
    if found.backward.manager is not None and node.args:
        return node.args[0]
    assert isinstance(node.func, ast.Attribute)
    receiver = node.func.value
    scaled = found.backward.manager is not None and isinstance(receiver, ast.Call) and receiver.args
    return receiver.args[0] if scaled and isinstance(receiver, ast.Call) else receiver


def _rate_depends_on(found: Accumulation) -> bool:
    """Whether the learning rate is made from the number of micro-batches, which may divide for it."""
    optimizer = optimizer_of(found.step)
    rate = optimizer.argument(1, "lr") if optimizer is not None else None
    if rate is None or found.times.kind == "const":
        return False
    return any(part.key == found.times.key for part in parts(rate))


def _scale_free(trace: Trace, found: Accumulation) -> bool:
    """Whether the optimizer divides the scale of the gradient out again, and nothing clips before."""
    optimizer = optimizer_of(found.step)
    loops = [loop for loop in (found.loop, found.step.loop) if loop is not None]
    if any(trace.inside(loop, "clip") for loop in loops) or (found.loop is None and trace.of("clip")):
        return False
    return optimizer is not None and optimizer.name in roles.ADAM_FAMILY


def _divide(found: Accumulation, count: str) -> Fix | None:
    manager = found.backward.manager
    divisor = count if isinstance(found.times_node, ast.Name | ast.Attribute | ast.Constant) else f"({count})"
    template = f"{{}} / {divisor}" if manager is not None else f"({{}} / {divisor})"
    return Fix.unsafe(
        f"Divide the loss by `{count}`, which makes the gradient that many times smaller",
        wrap(_operand(found), template),
    )


def evidence() -> Evidence:
    """Eight micro-batches of 16 against one batch of 128: the gradient's norm, and the path of AdamW."""
    import torch
    from torch import nn

    seed = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=seed)
    x = torch.randn(512, 20, generator=seed)
    y = (x @ weights + 0.5 * torch.randn(512, 5, generator=seed)).argmax(1)
    parts = 8

    def run(kind: type[torch.optim.Optimizer], lr: float, divisor: int) -> tuple[float, float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = kind(model.parameters(), lr=lr)
        first = 0.0
        for step in range(40):
            optimizer.zero_grad()
            for part in range(parts):
                start = (step * parts + part) * 16 % 512
                rows = slice(start, start + 16)
                (nn.functional.cross_entropy(model(x[rows]), y[rows]) / divisor).backward()
            norm = sum(float(p.grad.square().sum()) for p in model.parameters() if p.grad is not None) ** 0.5
            first = first or norm
            optimizer.step()
        return first, nn.functional.cross_entropy(model(x), y).item()

    bad, good = run(torch.optim.SGD, 0.3, 1), run(torch.optim.SGD, 0.3, parts)
    adam_bad, adam_good = run(torch.optim.AdamW, 1e-2, 1), run(torch.optim.AdamW, 1e-2, parts)
    return Evidence(
        f"the first gradient is {bad[0] / good[0]:.1f} times too large for {parts} micro-batches; "
        f"AdamW ends at {adam_bad[1]:.3f} instead of {adam_good[1]:.3f}",
        (
            Measured("norm of the first gradient", bad=bad[0], good=good[0]),
            Measured("loss with SGD after 40 steps", bad=bad[1], good=good[1]),
            Measured("loss with AdamW after 40 steps", bad=adam_bad[1], good=adam_good[1]),
        ),
        holds=abs(bad[0] / good[0] - parts) < 0.01 and abs(adam_bad[1] - adam_good[1]) < 0.1,
    )
