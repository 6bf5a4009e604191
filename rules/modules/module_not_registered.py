"""Layers in a plain list or dictionary are never trained, never moved and never saved.

`nn.Module` finds its layers among its attributes. Layers inside a Python list, tuple or dictionary, and layers made
in the class body, are invisible to `parameters()`, `to()` and `state_dict()`: the forward pass uses them with their
initial random weights. In the experiment the loss stops at 1.4 where the registered form reaches 0.04, and loading
the saved model into a fresh one reports `<All keys matched successfully>` while its accuracy falls to chance.

```py bad
from torch import nn


class Stack(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.layers = [nn.Linear(width, width) for _ in range(depth)]  # TL401
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x)
```

```py fixed
from torch import nn


class Stack(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return self.head(x)
```

```py bad
from torch import nn


class MultiTask(nn.Module):
    def __init__(self, tasks):
        super().__init__()
        self.body = nn.Linear(64, 64)
        self.heads = {  # TL401
            "quality": nn.Linear(64, 5),
            "style": nn.Linear(64, 12),
        }

    def forward(self, x):
        x = self.body(x).relu()
        return {name: head(x) for name, head in self.heads.items()}
```

```py bad file=block.py
from torch import nn


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Linear(width, width)

    def forward(self, x):
        return x + self.mix(self.norm(x))
```

```py bad file=tower.py
from torch import nn

from block import Block


class Tower(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        self.blocks = []  # TL401
        for _ in range(depth):
            self.blocks.append(Block(width))
        self.head = nn.Linear(width, 1)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head(x)
```

```py good
from torch import nn


class Stack(nn.Module):
    def __init__(self, width, depth):
        super().__init__()
        layers = []
        for _ in range(depth):
            layers += [nn.Linear(width, width), nn.ReLU()]
        self.net = nn.Sequential(*layers)
        self.heads = nn.ModuleDict({"a": nn.Linear(width, 2), "b": nn.Linear(width, 3)})

    def forward(self, x):
        x = self.net(x)
        return {name: head(x) for name, head in self.heads.items()}
```

```py good
from torch import nn


class Named(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, width)
        self.second = nn.Linear(width, width)
        self.order = [self.second, self.first]
        self.activations = [nn.ReLU(), nn.GELU()]
        self.extra = [nn.Linear(width, width) for _ in range(3)]
        for index, layer in enumerate(self.extra):
            self.add_module(f"extra{index}", layer)

    def forward(self, x):
        for layer in [*self.order, *self.activations, *self.extra]:
            x = layer(x)
        return x
```

```py good
from torch import nn


class Student(nn.Module):
    def __init__(self, teacher):
        super().__init__()
        self.hidden = [teacher]
        self.net = nn.Linear(16, 4)
        self.parts = [nn.Linear(4, 4), nn.Linear(4, 4)]
        self.tail = nn.Sequential(*self.parts)

    def forward(self, x):
        return self.tail(self.net(x)), self.hidden[0](x)


class Pipeline:
    def __init__(self):
        self.stages = [nn.Linear(4, 4), nn.Linear(4, 4)]
```

## When it is fine

A list that only orders layers which are registered elsewhere, a teacher that is hidden on purpose (a module that comes in
from outside), and modules without parameters (activations, pooling) are not reported.

## Not seen

Layers that are added to the list from another class, or in a loop over a configuration.

## Fix safety

The fix is unsafe: the layers begin to train, and their names appear in `state_dict()`, so older checkpoints no longer
match.

## References

- `torch.nn.ModuleList`, `torch.nn.ModuleDict`.
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    Kept,
    Measured,
    Module,
    class_layers,
    finding,
    is_used,
    may_register,
    plain_containers,
    rule,
    wrap,
)

_WRAPPERS = {"list": "ModuleList", "tuple": "ModuleList", "dict": "ModuleDict"}


@rule("TL401", "module-not-registered", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for cls in module.nn_modules:
        for kept in plain_containers(cls):
            if not kept.are_fresh("module") or not is_used(cls, kept.attribute) or may_register(cls, kept.attribute):
                continue
            yield finding(
                module.place(kept.store.node),
                f"`{cls.name}.{kept.attribute}` is a plain {kept.kind}: its layers are not trained, moved or saved",
                see=[(kept.first, "this layer is not registered")],
                fix=_wrapped(kept),
            )
        for name, layer in class_layers(cls):
            if is_used(cls, name) and not may_register(cls, name):
                what = f"`{cls.name}.{name}` belongs to the class: it is not trained, moved or saved, and all instances share it"
                yield finding(layer, what)


def _wrapped(kept: Kept) -> Fix | None:
    value, first = kept.store.value, kept.elements[0][0]
    wrapper = _WRAPPERS.get(kept.kind)
    if value is None or wrapper is None or not kept.first.name.startswith("torch.nn."):
        return None
    if not isinstance(first, ast.Call) or not isinstance(first.func, ast.Attribute):
        return None
    title = f"Register the layers in an `nn.{wrapper}`: they are trained, and appear in `state_dict()`"
    return Fix.unsafe(title, wrap(value, f"{ast.unparse(first.func.value)}.{wrapper}({{}})"))


def evidence() -> Evidence:
    """The same three layers in a list and in a `ModuleList`: 60 steps, then saved and loaded into a fresh model."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 20, generator=generator)
    y = (x @ torch.randn(20, 5, generator=generator)).argmax(1)

    class Stack(nn.Module):
        def __init__(self, plain: bool) -> None:
            super().__init__()
            layers = [nn.Linear(20, 64), nn.Linear(64, 64)]
            self.layers = layers if plain else nn.ModuleList(layers)
            self.head = nn.Linear(64, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for layer in self.layers:
                x = layer(x).relu()
            return self.head(x)

    def train(plain: bool) -> tuple[int, list[float], float]:
        torch.manual_seed(0)
        model = Stack(plain)
        optimizer = torch.optim.Adam(model.parameters(), 3e-3)
        losses = []
        for _ in range(60):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        loaded = Stack(plain)
        loaded.load_state_dict(model.state_dict())
        with torch.no_grad():
            accuracy = (loaded(x).argmax(1) == y).float().mean().item()
        return sum(p.numel() for p in model.parameters()), losses, accuracy

    class Shared(nn.Module):
        layer = nn.Linear(20, 5)

    in_the_body = sum(p.numel() for p in Shared().parameters())
    bad_count, bad, bad_accuracy = train(plain=True)
    good_count, good, good_accuracy = train(plain=False)
    return Evidence(
        f"{good_count - bad_count} of {good_count} weights are not trained and not saved; loading reports no missing key",
        (
            Measured("registered parameters", bad_count, good_count),
            Measured("loss after 60 steps", bad[-1], good[-1], bad_curve=bad, good_curve=good),
            Measured("accuracy after saving and loading", bad_accuracy, good_accuracy),
            Measured("registered parameters of a layer in the class body", in_the_body, 105),
        ),
        holds=bad_count < good_count
        and in_the_body == 0
        and bad[-1] > 10 * good[-1]
        and bad_accuracy < 0.5 < good_accuracy,
    )
