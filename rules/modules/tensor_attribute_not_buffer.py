"""A constant tensor of a module stays behind when the module moves or is saved.

`to()`, `half()`, `state_dict()` and the wrappers for several devices know parameters and buffers alone. A tensor that
`__init__` keeps as a plain attribute stays on the CPU and in its old type: the first forward pass on a GPU raises, or each one
copies it; and a checkpoint does not contain it, so values that were computed or updated come back as they were built.

```py bad
import torch
from torch import nn


class Causal(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.mask = torch.tril(torch.ones(length, length))  # TL404
        self.score = nn.Linear(width, length)

    def forward(self, x):
        scores = self.score(x)
        return scores.masked_fill(self.mask == 0, float("-inf"))
```

```py fixed
import torch
from torch import nn


class Causal(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.register_buffer("mask", torch.tril(torch.ones(length, length)), persistent=False)
        self.score = nn.Linear(width, length)

    def forward(self, x):
        scores = self.score(x)
        return scores.masked_fill(self.mask == 0, float("-inf"))
```

```py bad
import torch
from torch import nn


class Normalise(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)  # TL404
        self.conv = nn.Conv2d(3, 8, 3)

    def standardise(self, x):
        return x - self.mean

    def forward(self, x):
        return self.conv(self.standardise(x))
```

```py good
import torch
from torch import nn


class Causal(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.register_buffer("mask", torch.tril(torch.ones(length, length)))
        self.bias = nn.Parameter(torch.zeros(length))
        self.score = nn.Linear(width, length)

    def forward(self, x):
        scores = self.score(x) + self.bias
        return scores.masked_fill(self.mask == 0, float("-inf"))
```

```py good
import torch
from torch import nn


class Moved(nn.Module):
    def __init__(self, device):
        super().__init__()
        self.mean = torch.tensor([0.5, 0.5, 0.5])
        self.grid = torch.arange(8, device=device)
        self.shape = torch.tensor([3, 32, 32]).tolist()
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        x = x - self.mean.to(x.device).mean()
        return self.fc(x) + self.grid
```

```py good
import torch
from torch import nn


class Cached(nn.Module):
    def __init__(self):
        super().__init__()
        self.grid = torch.empty(0)
        self.history = torch.zeros(10)
        self.fc = nn.Linear(8, 8)

    def forward(self, x):
        if self.grid.shape[0] != x.shape[0]:
            self.grid = torch.arange(x.shape[0], device=x.device)
        return self.fc(x) + self.grid[:, None]
```

## When it is fine

The tensor is moved where it is used, is made again in `forward`, lives on a device that the constructor was given, or is
never used in `forward`. A model that only ever runs on the CPU works with it too, but its checkpoint lacks the values.

## Not seen

Tensors in lists or dictionaries; a use outside the class.

## Fix safety

The fix is unsafe in two ways: `half()` and `to(dtype)` now convert the tensor as well, and the name can no longer be
assigned a value that is not a tensor. The keys of `state_dict()` stay as they are (`persistent=False`).

## References

- `torch.nn.Module.register_buffer`.
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Value,
    finding,
    is_tensor,
    made_on_cpu,
    operands,
    replace,
    rule,
    shape_of,
)

_MOVES = ("_apply", "to", "cuda")


@rule("TL404", "tensor-attribute-not-buffer", Category.SUSPICIOUS, since="0.1")
def check(module: Module) -> Findings:
    for cls in module.nn_modules:
        if any(cls.method(name) is not None for name in _MOVES):
            continue
        for name, stores in cls.cls.stores.items():
            store = stores[0]
            if len(stores) != 1 or store.function.name != "__init__" or store.path or len(cls.stores(name)) != 1:
                continue
            if not isinstance(store.value, ast.Call | ast.BinOp | ast.UnaryOp | ast.Compare):
                continue
            value = cls.frame(store.function, cls.self_value).value(store.value)
            if not _stays_behind(value):
                continue
            uses = [use for use in operands(cls, name) or () if any(_follows_input(other) for other in use.others)]
            if not uses:
                continue
            yield finding(
                module.place(store.node),
                f"`{module.code(store.node)}` is a plain tensor: `{cls.name}.to(...)` and `state_dict()` pass it by",
                see=[(module.place(uses[0].node), "it meets the input here")],
                fix=_as_buffer(store.statement, name),
            )


def _stays_behind(value: Value) -> bool:
    if is_tensor(value) is not True or made_on_cpu(value) is not True:
        return False
    shape = shape_of(value)
    return shape is not None and bool(shape.sizes)


def _follows_input(value: Value) -> bool:
    """Whether a value comes from a parameter of the method or from a layer, and so lies where the model lies."""
    return any(part.kind in ("param", "apply") for part in value.walk())


def _as_buffer(statement: ast.stmt, name: str) -> Fix | None:
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target = statement.targets[0]
    if not isinstance(target, ast.Attribute):
        return None
    code = f'{ast.unparse(target.value)}.register_buffer("{name}", {ast.unparse(statement.value)}, persistent=False)'
    return Fix.unsafe(
        "Register it as a buffer, which `to()`, `half()` and `double()` then convert", replace(statement, code)
    )


def evidence() -> Evidence:
    """Two modules, moved to another device and another type, and saved: what follows and what stays behind."""
    import torch
    from torch import nn

    class Masked(nn.Module):
        def __init__(self, buffer: bool) -> None:
            super().__init__()
            mask = torch.tril(torch.ones(4, 4))
            if buffer:
                self.register_buffer("mask", mask)
            else:
                self.mask = mask

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.mask

    def left_behind(buffer: bool) -> tuple[int, int, int]:
        moved = Masked(buffer).to("meta")
        raised = 0
        try:
            moved(torch.ones(4, 4, device="meta"))
        except RuntimeError:
            raised = 1
        stayed = int(moved.mask.device.type == "cpu") + int(Masked(buffer).double().mask.dtype == torch.float32)
        return stayed, raised, len(Masked(buffer).state_dict())

    bad, good = left_behind(buffer=False), left_behind(buffer=True)
    return Evidence(
        "a plain tensor stays on its device, keeps its type, and is not in the state_dict",
        (
            Measured("moves that it did not follow", bad[0], good[0], "of 2"),
            Measured("forward passes on another device that raise", bad[1], good[1], "of 1"),
            Measured("entries in the state_dict", bad[2], good[2]),
        ),
        holds=bad == (2, 1, 0) and good == (0, 0, 1),
    )
