"""`squeeze()` without a dimension drops the batch as well when the batch holds one sample.

`squeeze()` removes every dimension of size one. On the output of a layer with one unit it does what was meant until the last
batch of an epoch, or a single request in production, holds one sample: then the shape is `()` and not `(1,)`.
Collecting such outputs with `torch.cat`, `len()` or `binary_cross_entropy` against a target of shape `(1,)` raises; it depends on
the size of the data set whether anybody ever sees it.

```py bad
from torch import nn


class Score(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Linear(width, width)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x).relu()).squeeze()  # TL405
```

```py fixed
from torch import nn


class Score(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Linear(width, width)
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(self.body(x).relu()).squeeze(-1)
```

```py bad file=critic.py
from torch import nn


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, observation):
        return self.net(observation)
```

```py bad file=update.py
import torch
from torch.utils.data import DataLoader, Dataset

from critic import Critic


@torch.no_grad()
def all_values(dataset: Dataset):
    critic = Critic()
    critic.eval()
    values = []
    for observations, _ in DataLoader(dataset, batch_size=64):
        values.append(torch.squeeze(critic(observations)))  # TL405
    return torch.cat(values)
```

```py good
import torch
from torch import nn


class Score(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        return self.head(x).squeeze(-1)

    def flat(self, x):
        return torch.squeeze(self.head(x), dim=1)

    def number(self, x):
        return self.head(x).squeeze().item()
```

```py good
import torch
from torch import nn

head = nn.Linear(16, 1)


def one_sample(x):
    row = head(x[:1])
    return row.mean().squeeze()


def literal():
    return torch.zeros(3, 1).squeeze()


def image_for_plot(images):
    return images[0].squeeze().cpu().numpy()
```

## When it is fine

The batch always has a known size of two or more (`drop_last=True`), or the result is a single number. Arithmetic
with a tensor of shape `(N,)` brings the dimension back, and the rule is silent. Write `squeeze(-1)` all
the same: it says what is meant.

## Not seen

Values of unknown shape. Only the output of a layer whose last dimension is literally one is reported.

## References

- `torch.squeeze`: "If the tensor has a batch dimension of size 1, then squeeze(input) will also remove the batch dimension".
"""

import ast

from torchlint.api import (
    Call,
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    add_argument,
    finding,
    is_batch,
    operand_node,
    rule,
    shape_of,
    walk,
)

_AT_ONCE = ("item", "tolist")


@rule("TL405", "squeeze-without-dim", Category.SUSPICIOUS, since="0.1", triggers=("squeeze",))
def check(module: Module) -> Findings:
    for call in module.calls("torch.squeeze", ".squeeze"):
        value = call.value
        is_method = value.name == ".squeeze"
        if value.kind != "call" or len(call.node.args) != (0 if is_method else 1) or call.node.keywords:
            continue
        tensor = value.base if is_method else value.argument(0, "input")
        operand = operand_node(value)
        if tensor is None or operand is None or _is_read_at_once(module, call) or _is_broadcast(module, call):
            continue
        shape = shape_of(tensor)
        if (
            shape is None
            or shape.last != 1
            or (shape.whole and None not in shape.sizes)
            or is_batch(tensor) is not True
        ):
            continue
        yield finding(
            call,
            f"`{module.code(call.node)}` also drops the batch dimension of a batch of one sample",
            fix=Fix.safe("Name the dimension", add_argument(call.node, "-1")),
        )


def _is_read_at_once(module: Module, call: Call) -> bool:
    parent = module.parent(call.node)
    if isinstance(parent, ast.Attribute):
        return parent.attr in _AT_ONCE
    return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in ("float", "int")


def _is_broadcast(module: Module, call: Call) -> bool:
    """Whether arithmetic with another tensor gives the batch dimension back."""
    parent = module.parent(call.node)
    if not isinstance(parent, ast.Assign) or not isinstance(parent.targets[0], ast.Name) or call.function is None:
        return isinstance(parent, ast.BinOp)
    name = parent.targets[0].id
    reads = (n for n in walk(call.function.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))
    uses = [module.parent(read) for read in reads if read.id == name]
    return bool(uses) and all(isinstance(use, ast.BinOp) for use in uses)


def evidence() -> Evidence:
    """Batches of one sample through a layer with one unit: what the usual next steps make of the result."""
    import warnings
    from collections.abc import Callable

    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(0)
    head = nn.Linear(4, 1)
    one, many = torch.randn(1, 4), torch.randn(3, 4)
    steps: tuple[Callable[[Callable[[torch.Tensor], torch.Tensor]], object], ...] = (
        lambda squeeze: len(squeeze(head(one))),
        lambda squeeze: torch.cat([squeeze(head(many)), squeeze(head(one))]),
        lambda squeeze: F.binary_cross_entropy_with_logits(squeeze(head(one)), torch.ones(1)),
        lambda squeeze: list(squeeze(head(one))),
    )

    def failures(squeeze: Callable[[torch.Tensor], torch.Tensor]) -> int:
        failed = 0
        for step in steps:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    step(squeeze)
            except (RuntimeError, TypeError, ValueError):
                failed += 1
        return failed

    bad, good = failures(lambda t: t.squeeze()), failures(lambda t: t.squeeze(-1))
    same = torch.equal(head(many).squeeze(), head(many).squeeze(-1))
    return Evidence(
        f"{bad} of {len(steps)} usual next steps raise for a batch of one sample; for larger batches the numbers are the same",
        (
            Measured("dimensions of the output for one sample", head(one).squeeze().dim(), head(one).squeeze(-1).dim()),
            Measured("next steps that raise", bad, good, f"of {len(steps)}"),
        ),
        holds=bad == len(steps) and good == 0 and same,
    )
