"""The result of an out-of-place tensor operation is thrown away.

`scores.masked_fill(mask, value)`, `x.clamp(0, 1)`, `batch.to(device)` and `F.normalize(x)` return a new tensor and leave
their receiver as it was. Written as a statement they cost a kernel and do nothing: the mask is not applied, the batch
stays on the CPU, the loss is not detached. In the experiment below a causal attention whose mask is discarded puts
half of its weight on the future. `torch.compile(model)` and `DistributedDataParallel(model)` are the same mistake
with a module: they return the wrapped module, the old name stays unwrapped.

```py bad
import math

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, future: torch.Tensor) -> torch.Tensor:
        scores = self.query(x) @ self.key(x).transpose(-2, -1) / math.sqrt(self.width)
        scores.masked_fill(future, float("-inf"))  # TL410
        return scores.softmax(dim=-1) @ self.value(x)
```

```py fixed
import math

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, future: torch.Tensor) -> torch.Tensor:
        scores = self.query(x) @ self.key(x).transpose(-2, -1) / math.sqrt(self.width)
        scores = scores.masked_fill(future, float("-inf"))
        return scores.softmax(dim=-1) @ self.value(x)
```

```py good
import math

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, future: torch.Tensor) -> torch.Tensor:
        scores = self.query(x) @ self.key(x).transpose(-2, -1) / math.sqrt(self.width)
        scores.masked_fill_(future, float("-inf"))
        return scores.softmax(dim=-1) @ self.value(x)
```

A batch that is moved nowhere; `model.to(device)` on the other hand works in place:

```py bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def train(features: torch.Tensor, targets: torch.Tensor, device: torch.device) -> nn.Module:
    dataset = TensorDataset(features.float(), targets)
    loader = DataLoader(dataset, batch_size=32, shuffle=True)
    model = nn.Linear(16, 4)
    model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        x.to(device)  # TL410
        y.to(device)  # TL410
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return model
```

```py good
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def train(features: torch.Tensor, targets: torch.Tensor, device: torch.device) -> nn.Module:
    dataset = TensorDataset(features.float(), targets)
    loader = DataLoader(dataset, batch_size=32, shuffle=True)
    model = nn.Linear(16, 4)
    model.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return model
```

A wrapper that nobody keeps:

```py bad
import torch
from torch import nn


def build() -> nn.Module:
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
    torch.compile(model)  # TL410
    return model
```

```py good
import torch
from torch import nn


def build() -> nn.Module:
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
    model.half()
    model.compile()
    return torch.compile(nn.SyncBatchNorm.convert_sync_batchnorm(model))
```

## When it is fine

A module's `to`, `cuda`, `half`, `float` and `requires_grad_` act in place, as do all tensor methods whose name ends in an
underscore; a tokenizer's batch has an in-place `to` too. The last line of a notebook cell displays its value. A call
whose only purpose is that it may raise (a shape check by `view` inside `try`, or under `pytest.raises`) is left alone.

## Not seen

Receivers of which it is not known that they are tensors: parameters without annotation, results of unknown calls.

## Fix safety

Unsafe: the operation takes effect for the first time, so everything computed afterwards changes.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html
- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.to
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL410", "discarded-tensor-result", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """Causal attention over random states, with the mask discarded and with the mask assigned."""
    import torch

    torch.manual_seed(0)
    width, length = 16, 32
    query, key = torch.randn(8, length, width), torch.randn(8, length, width)
    future = torch.ones(length, length, dtype=torch.bool).triu(1)

    scores = query @ key.transpose(-2, -1) / width**0.5
    scores.masked_fill(future, float("-inf"))
    leaked = scores.softmax(-1)[:, future].sum() / (8 * length)

    scores = scores.masked_fill(future, float("-inf"))
    masked = scores.softmax(-1)[:, future].sum() / (8 * length)

    bad, good = leaked.item(), masked.item()
    return Evidence(
        "attention weight that falls on future positions when the masked scores are discarded",
        (Measured("weight on the future", bad=bad, good=good),),
        holds=good == 0 and bad > 0.3,
    )
