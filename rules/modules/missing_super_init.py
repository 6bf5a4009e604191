"""A module that never runs `Module.__init__` cannot hold a layer.

The tables for parameters, buffers and sub-modules are made by `Module.__init__`. Without `super().__init__()` the first
layer that is assigned raises; a module without layers can even be built, and raises when it is first called. The error appears when
the class is first used, which for a rarely chosen variant is long after it was written.

```py bad
from torch import nn


class Head(nn.Module):
    def __init__(self, width, classes):
        self.norm = nn.LayerNorm(width)  # TL402
        self.out = nn.Linear(width, classes)

    def forward(self, x):
        return self.out(self.norm(x))
```

```py fixed
from torch import nn


class Head(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, classes)

    def forward(self, x):
        return self.out(self.norm(x))
```

```py bad
import torch
from torch import nn


class Scale(nn.Module):
    def __init__(self, width):
        self.weight = nn.Parameter(torch.ones(width))  # TL402
        super().__init__()

    def forward(self, x):
        return x * self.weight
```

```py bad file=base.py
from torch import nn


class Base(nn.Module):
    def freeze(self):
        for parameter in self.parameters():
            parameter.requires_grad_(False)
```

```py bad file=encoder.py
from torch import nn

from base import Base


class Encoder(Base):
    def __init__(self, width):
        self.proj = nn.Linear(width, width)  # TL402

    def forward(self, x):
        return self.proj(x)
```

```py good
from torch import nn


class Old(nn.Module):
    def __init__(self, width):
        super(Old, self).__init__()
        self.fc = nn.Linear(width, width)

    def forward(self, x):
        return self.fc(x)


class Direct(nn.Module):
    def __init__(self, width):
        self.width = width
        nn.Module.__init__(self)
        self.fc = nn.Linear(width, width)

    def forward(self, x):
        return self.fc(x)
```

```py good
from torch import nn


class Mixin:
    def __init__(self):
        self.layer = nn.Linear(4, 4)


class Child(Mixin, nn.Module):
    def __init__(self):
        nn.Module.__init__(self)
        Mixin.__init__(self)

    def forward(self, x):
        return self.layer(x)
```

```py good
from torch import nn


class Initialised(nn.Module):
    def __init__(self, width):
        self.setup()
        self.fc = nn.Linear(width, width)

    def setup(self):
        super().__init__()

    def forward(self, x):
        return self.fc(x)
```

## When it is fine

Plain values (numbers, strings, configuration) may be assigned before `super().__init__()`.

## Not seen

A base class in a file that the rule cannot read; an `__init__` that hands `self` to an unknown function first.

## References

- `torch.nn.Module`: "an `__init__()` call to the parent class must be made before assignment on the child".
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL402", "missing-super-init", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """Four modules without `Module.__init__`, and the same ones with it: how many can be built and called."""
    import torch
    from torch import nn

    class Layer(nn.Module):
        def __init__(self, ready: bool) -> None:
            if ready:
                super().__init__()
            self.fc = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x)

    class Weight(nn.Module):
        def __init__(self, ready: bool) -> None:
            if ready:
                super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight

    class Table(nn.Module):
        def __init__(self, ready: bool) -> None:
            if ready:
                super().__init__()
            self.register_buffer("table", torch.ones(3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.table

    class Plain(nn.Module):
        def __init__(self, ready: bool) -> None:
            if ready:
                super().__init__()
            self.factor = 2.0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.factor

    def outcome(ready: bool) -> tuple[int, int]:
        built = called = 0
        for make in (Layer, Weight, Table, Plain):
            try:
                made = make(ready)
                built += 1
                made(torch.ones(1, 3))
                called += 1
            except AttributeError:
                continue
        return built, called

    (bad_built, bad_called), (good_built, good_called) = outcome(ready=False), outcome(ready=True)
    return Evidence(
        f"without Module.__init__ {bad_built} of 4 modules can be built and {bad_called} can be called",
        (
            Measured("modules that can be built", bad_built, good_built, "of 4"),
            Measured("modules that can be called", bad_called, good_called, "of 4"),
        ),
        holds=bad_called == 0 and bad_built < 4 and good_called == good_built == 4,
    )
