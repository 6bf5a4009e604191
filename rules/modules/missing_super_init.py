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

Plain values (numbers, strings, configuration) may be assigned before `super().__init__()`. The files `modular_*.py` of
transformers are templates that are rewritten before they run, and a metaclass may run `Module.__init__` by itself.

## Not seen

A base class in a file that the rule cannot read; an `__init__` that hands `self` to an unknown function first.

## References

- `torch.nn.Module`: "an `__init__()` call to the parent class must be made before assignment on the child".
"""

import ast
from collections.abc import Iterator

from torchlint.api import (
    PARAMETER,
    Category,
    ClassModel,
    Evidence,
    Findings,
    Fix,
    Frame,
    Function,
    Measured,
    Module,
    finding,
    insert_first,
    is_module,
    rule,
    walk,
)

_TEMPLATE = "modular_"


@rule("TL402", "missing-super-init", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    if module.path.rpartition("/")[2].startswith(_TEMPLATE):
        return
    for cls in module.nn_modules:
        init = cls.methods.get("__init__")
        if init is None or not init.parameters or cls.method("__new__") is not None:
            continue
        if any(base.kind not in ("class", "ref") for base in cls.lineage) or _has_metaclass(cls):
            continue
        store = _first_store(init, cls.frame(init, cls.self_value))
        if store is None:
            continue
        yield finding(
            module.place(store),
            f"`{module.code(store)}` is assigned before `Module.__init__` has run in `{cls.name}`, which raises",
            fix=_call_first(cls, init),
        )


def _has_metaclass(cls: ClassModel) -> bool:
    bases = (base.target.node for base in cls.lineage if base.kind == "class")
    return any(node.keywords for node in (cls.node, *bases))


def _first_store(init: Function, frame: Frame) -> ast.Attribute | None:
    """The first layer or parameter that is assigned to `self`, if nothing before can have run `Module.__init__`."""
    owner = init.parameters[0].arg
    for node in _in_order(init.body):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            value = frame.value(node.value)
            if (
                isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id == owner
                and value.kind == "instance"
                and (is_module(value) is True or value.name == PARAMETER)
            ):
                return target
        elif isinstance(node, ast.Call) and _may_initialise(node, owner):
            return None
    return None


def _may_initialise(call: ast.Call, owner: str) -> bool:
    if isinstance(call.func, ast.Attribute) and call.func.attr == "__init__":
        return True
    if isinstance(call.func, ast.Name) and call.func.id == "super":
        return False
    return any(isinstance(node, ast.Name) and node.id in (owner, "super") for node in walk(call))


def _in_order(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """Calls and statements in the order in which they run; the call comes before the statement that uses it."""
    for statement in statements:
        inner = [s for field in ("body", "orelse", "finalbody") for s in getattr(statement, field, ())]
        if inner:
            header = (n for n in ast.iter_child_nodes(statement) if not isinstance(n, ast.stmt))
            yield from (n for part in header for n in walk(part) if isinstance(n, ast.Call))
            yield from _in_order(inner)
        else:
            yield from (n for n in walk(statement) if isinstance(n, ast.Call))
            yield statement


def _call_first(cls: ClassModel, init: Function) -> Fix | None:
    if isinstance(init.node, ast.Lambda) or "super" in init.words:
        return None
    if any(base.kind == "class" and "__init__" in base.target.methods for base in cls.lineage):
        return None
    return Fix.safe("Run `Module.__init__` first", insert_first(init.node, "super().__init__()"))


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
