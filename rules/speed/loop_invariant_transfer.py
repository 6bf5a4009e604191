"""A tensor that never changes is copied to the device again in every step of the loop.

`class_weights.to(device)` inside the batch loop copies the same bytes each time, and a copy from pageable memory
makes the host wait for it. The experiment counts 100 copies of 4 MB in 100 steps where one would do.

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

```py fixed
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> None:
    weights = torch.tensor([0.2, 1.0, 1.8])
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weights = weights.to(device)
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y, weight=weights)
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

What the loop itself changes has to be copied, and what is too large to stay on the device is copied piece by piece. A
name that is rebound to its moved self (`targets = targets.to(device)`) is copied once: the second `to` finds the
tensor in place and returns it.

## Not seen

Tensors that travel through a function which is called in the loop; attributes that another object may change.

## Fix safety

Unsafe, although the numbers stay the same: the tensor occupies memory of the device for the whole loop, and code that
reads it on the host finds it elsewhere.

## References

- https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
- https://docs.pytorch.org/tutorials/intermediate/pinmem_nonblock.html
"""

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Loop,
    Measured,
    Module,
    Move,
    Trace,
    dotted,
    finding,
    insert_before,
    made_on_cpu,
    move_of,
    rule,
    unwrap,
    walk,
)


@rule("TL602", "loop-invariant-transfer", Category.PERFORMANCE, since="0.1", triggers=(".to(", ".cuda("))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for event in trace.of("transfer"):
            loop = _step_loop(trace, event) if event.is_local else None
            if loop is None or not isinstance(event.node, ast.Call) or not isinstance(event.node.func, ast.Attribute):
                continue
            moved = event.node.func.value
            move = move_of(event.value)
            if move is None or not made_on_cpu(move.receiver) or not _is_invariant(module, event, loop, moved):
                continue
            text = module.code(moved)
            yield finding(
                event,
                f"`{text}` does not change in the loop and is copied to the device in every step",
                fix=_fix(module, event, loop, event.node, move),
            )


def _step_loop(trace: Trace, event: Event) -> Loop | None:
    """The innermost loop around a transfer, if it is a loop over training or evaluation steps."""
    loop = event.loop
    return loop if loop is not None and trace.inside(loop, "backward", "forward", "loss") else None


def _fix(module: Module, event: Event, loop: Loop, node: ast.Call, move: Move) -> Fix | None:
    """Copy a local name once, in front of the outermost loop around the steps in the same function."""
    assert isinstance(node.func, ast.Attribute)
    name = node.func.value
    outermost = [around for around in event.loops if around.frame is event.frame]
    if not isinstance(name, ast.Name) or name.id not in _locals(event) or loop.frame is not event.frame:
        return None
    device = move.device_node
    if device is not None and dotted(device) is None and not isinstance(device, ast.Constant):
        return None
    if device is not None and not outermost[0].assigned.isdisjoint((dotted(device) or "").split(".")):
        return None
    if outermost[0].assigned & {name.id}:
        return None
    before = insert_before(outermost[0].node, f"{name.id} = {module.excerpt(node)}")
    title = f"Copy `{name.id}` once, before the loop, which keeps it on the device from there on"
    return Fix.unsafe(title, before, unwrap(node, name))


def _is_invariant(module: Module, event: Event, loop: Loop, moved: ast.expr) -> bool:
    """Whether nothing in the loop can change what a name or an attribute of `self` refers to, or holds."""
    root = moved
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(root, ast.Name):
        return False
    name = moved.attr if isinstance(moved, ast.Attribute) else root.id
    if isinstance(moved, ast.Name) and event.frame is not loop.frame and name in _locals(event):
        return False
    if name in loop.assigned or root.id in loop.assigned:
        return False
    text = module.code(moved)
    holder: ast.AST = event.frame.source.tree if isinstance(moved, ast.Attribute) else loop.node
    return not any(_changes(node, text, module) for node in walk(holder))


def _locals(event: Event) -> set[str]:
    function = event.frame.function
    return set(function.scope.names) if function is not None else set()


def _changes(node: ast.AST, text: str, module: Module) -> bool:
    """Whether a node writes into a tensor: `x[i] = ...`, `x += ...`, `x.fill_(...)`."""
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        return module.code(node.value).startswith(text)
    if isinstance(node, ast.AugAssign):
        return module.code(node.target).startswith(text)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
        return module.code(node.func.value).startswith(text)
    return False


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
