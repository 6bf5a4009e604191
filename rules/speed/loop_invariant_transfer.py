"""A tensor that never changes is copied to the device again in every step of the loop.

`class_weights.to(device)` inside the batch loop copies the same bytes each time, and a copy from pageable memory makes the
host wait for it. The experiment counts 100 copies of 4 MB in 100 steps where one would do.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> None:
    weights = torch.tensor([0.2, 1.0, 1.8])
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y, weight=weights.to(device))  # TL602
        loss.backward()
        optimizer.step()
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> None:
    weights = torch.tensor([0.2, 1.0, 1.8]).to(device)
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y, weight=weights)
        loss.backward()
        optimizer.step()
```

In a trainer class, with a constant made from literals:

```py bad
import torch
from torch import nn

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)


class Trainer:
    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.device = device
        self.model = model.to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def run(self, loader) -> None:
        self.model.train()
        for images, labels in loader:
            images = images.to(self.device) - MEAN.to(self.device)  # TL602
            loss = nn.functional.cross_entropy(self.model(images), labels.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
```

```py good
import torch
from torch import nn

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)


class Trainer:
    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.device = device
        self.mean = MEAN.to(device)
        self.model = model.to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)

    def run(self, loader) -> None:
        self.model.train()
        for images, labels in loader:
            images = images.to(self.device) - self.mean
            loss = nn.functional.cross_entropy(self.model(images), labels.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, teacher: torch.Tensor, device: torch.device) -> None:
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    targets = teacher
    for x, index in loader:
        x = x.to(device)
        targets = targets.to(device)
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), targets[index])
        loss.backward()
        optimizer.step()
```

## When it is fine

What the loop itself changes has to be copied, and what is too large to stay on the device is copied piece by piece.
A name that is rebound to its moved self (`targets = targets.to(device)`) is copied once: the second `to` finds the tensor in
place and returns it.

## Not seen

Tensors that travel through a function which is called in the loop; attributes that another object may change.

## References

- https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
- https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL602", "loop-invariant-transfer", Category.PERFORMANCE, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """Counts the copies between two devices in 100 steps, with the `meta` device standing in for an accelerator."""
    from typing import Any

    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Copies(TorchDispatchMode):
        count = 0
        size = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            if func is torch.ops.aten._to_copy.default and result.device != args[0].device:
                self.count += 1
                self.size += args[0].nbytes
            return result

    device = torch.device("meta")
    table = torch.ones(1024, 1024)
    with Copies() as inside:
        for _ in range(100):
            table.to(device)
    with Copies() as hoisted:
        there = table.to(device)
        for _ in range(100):
            there.to(device)
    return Evidence(
        "copies between devices of one tensor that 100 steps use (counted; their time is the device's)",
        (
            Measured("copies", bad=inside.count, good=hoisted.count),
            Measured("bytes copied", bad=inside.size, good=hoisted.size, unit="B"),
        ),
        holds=inside.count == 100 and hoisted.count == 1,
    )
