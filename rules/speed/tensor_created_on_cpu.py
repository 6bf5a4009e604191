"""A tensor is filled on the CPU and copied to the device on which it could have been made.

`torch.zeros(n).to(device)` allocates and fills host memory, copies it through pageable memory (which makes the host
wait for the copy), and frees the first tensor. `torch.zeros(n, device=device)` is one kernel launch. In the training
step the detour is paid once per step. The experiment counts it: 100 steps copy 100 tensors between devices, and none
if they are made in place.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> None:
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        start = torch.zeros(x.shape[0], 64).to(device)  # TL601
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x, start), y)
        loss.backward()
        optimizer.step()
```

```py fixed
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> None:
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        start = torch.zeros(x.shape[0], 64, device=device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x, start), y)
        loss.backward()
        optimizer.step()
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> None:
    model.to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        start = x.new_zeros(x.shape[0], 64)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x, start), y)
        loss.backward()
        optimizer.step()
```

Random numbers: the fix draws from the device's own generator.

```py bad
import torch


def noise_like(images: torch.Tensor) -> torch.Tensor:
    noise = torch.randn(images.shape[0], 1, 1, 1).cuda()  # TL601
    return images.cuda() + 0.1 * noise
```

```py fixed
import torch


def noise_like(images: torch.Tensor) -> torch.Tensor:
    noise = torch.randn(images.shape[0], 1, 1, 1, device="cuda")
    return images.cuda() + 0.1 * noise
```

```py good
import numpy as np
import torch


def to_device(array: np.ndarray, seed: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(array), generator=generator).to(device)
    return torch.from_numpy(array).to(device), noise
```

In a `forward`; a second step between making and moving does not help:

```py bad
import torch
from torch import nn


class Positions(nn.Module):
    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(length, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        index = torch.arange(x.shape[1])
        index = index.to(x.device)  # TL601
        return x + self.table(index)
```

```py good
import torch
from torch import nn


class Positions(nn.Module):
    def __init__(self, length: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(length, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.table(torch.arange(x.shape[1], device=x.device))
```

## When it is fine

Data that lies in host memory anyway (`from_numpy`, `torch.tensor(rows)`, what a loader yields) has to be copied. A
random tensor that is drawn on the CPU with an explicit generator, so that all devices see the same numbers, is left
alone. So is a `.to(dtype)`, a move to the CPU, a tensor without elements, and what is made once: by a script, by a
constructor, in the first call, to warm up or to trace a model, to find out whether a device works, or a few numbers
in an epoch. Outside of what runs once per batch, a finding is only an `info`.

## Not seen

Tensors that are made in one function and moved in another.

## Fix safety

Safe for `zeros`, `ones`, `full`, `empty`, `arange`, `linspace` and `eye`. Unsafe for random tensors: the device's
generator draws other numbers from the same seed.

## References

- https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
- https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution
"""

import ast

from torchlint.api import (
    CONSTANT_FACTORIES,
    RANDOM_FACTORIES,
    Call,
    Category,
    Evidence,
    Findings,
    Fix,
    Function,
    Measured,
    Module,
    Severity,
    Value,
    finding,
    move_of,
    rule,
    set_keyword,
    unwrap,
    walk,
)


@rule("TL601", "tensor-created-on-cpu", Category.PERFORMANCE, since="0.1", triggers=(".to(", ".cuda("))
def check(module: Module) -> Findings:
    if module.is_test or module.project.calls("set_default_device", "set_default_tensor_type"):
        return
    for call in module.calls(".to", ".cuda"):
        move = move_of(call.value)
        if move is None:
            continue
        made = _made(module, call)
        if made is None or _is_kept(module, call):
            continue
        hot = _runs_often(module, call)
        if not hot and not _is_repeated(module, call, made):
            continue  # as far as can be seen it is made once
        where = "in every step" if hot else "instead of being made there"
        yield finding(
            call,
            f"`{module.code(made.func)}(...)` is filled on the CPU and then copied to the device {where}",
            fix=_fix(module, call, made),
            severity=None if hot else Severity.INFO,
        )


def _made(module: Module, call: Call) -> ast.Call | None:
    """The factory whose result is moved: written in front of the move, or in the statement before it."""
    assert isinstance(call.node.func, ast.Attribute)
    node: ast.expr = call.node.func.value
    if isinstance(node, ast.Name):
        before = _statement_before(module, call.node)
        if not isinstance(before, ast.Assign) or [module.code(target) for target in before.targets] != [node.id]:
            return None
        node = before.value
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SAME_DEVICE:
        node = node.func.value
    if not isinstance(node, ast.Call):
        return None
    value = call.frame.value(node)
    if value.node is not node:
        return None
    if value.name not in CONSTANT_FACTORIES and value.name not in RANDOM_FACTORIES:
        return None
    given = {keyword.arg for keyword in node.keywords}
    if given & {"device", "generator", "out", "pin_memory", None}:
        return None
    return None if any(_is_zero(size) for size in _sizes(value)) else node  # a tensor without elements is not copied


def _sizes(made: Value) -> tuple[Value, ...]:
    """The sizes that a factory is given, as far as they are written in its call."""
    given = made.arguments
    if made.name in ("torch.arange", "torch.randperm"):
        return given if len(given) == 1 else ()
    if made.name in ("torch.linspace", "torch.logspace"):
        return given[2:3]
    if made.name == "torch.randint":
        given = given[1:] if len(given) > 1 and given[1].kind in ("tuple", "list") else given[2:]
    shape = made.argument(None, "size") or (given[0] if given else None)
    if shape is not None and shape.kind in ("tuple", "list"):
        return shape.items
    return given


def _is_zero(size: Value) -> bool:
    return size.kind == "const" and size.const == 0 and not isinstance(size.const, bool)


_SAME_DEVICE = frozenset({"view", "reshape", "unsqueeze", "squeeze", "float", "long", "half", "double", "bool", "int",
                          "expand", "repeat", "transpose", "permute", "t", "contiguous", "flatten"})  # fmt: skip


def _statement_before(module: Module, node: ast.AST) -> ast.stmt | None:
    statement = module.statement(node)
    holder = module.parent(statement) if statement is not None else None
    for field in ("body", "orelse", "finalbody"):
        block = getattr(holder, field, None)
        if isinstance(block, list) and statement in block:
            index = block.index(statement)
            return block[index - 1] if index else None
    return None


def _runs_often(module: Module, call: Call) -> bool:
    """Whether the call stands in a loop over batches, or in what runs once per batch."""
    if call.function is not None and call.function.name in ("forward", "training_step", "loss", "compute_loss"):
        return True
    return any(
        event.loop is not None
        and event.node is call.node
        and any(other.loop == event.loop for other in trace.inside(event.loop, "backward", "forward"))
        for trace in module.traces
        for event in trace.of("transfer")
    )


def _is_repeated(module: Module, call: Call, made: ast.Call) -> bool:
    """Whether a call outside of the training step is made again and again, by the look of what is around it.

    That is: in a loop, in what a module does with data, or with a size or a device that comes from the data or the caller.
    """
    function = call.function
    if function is None or function.name in ("__init__", "__post_init__") or "example" in function.name:
        return False  # an example is made once, to trace or to export a model with it
    owner = module.class_of(function)
    if owner is not None and owner.is_module is True and function.name.startswith(_WITH_THE_DATA):
        return True
    if _is_around_batches(call, function) and all(size.kind == "const" for size in _sizes(call.frame.value(made))):
        return False  # a few numbers once in an epoch
    if any(isinstance(holder, ast.For | ast.While | ast.AsyncFor) for holder in module.around(call.node)):
        return True
    return _follows(call, made, function)


def _follows(call: Call, made: ast.Call, function: Function) -> bool:
    """Whether the size or the device comes from the data or from the caller."""
    if any(isinstance(n, ast.Attribute) and n.attr in ("shape", "size") for n in walk(made)):
        return True
    given = {parameter.arg for parameter in function.parameters}
    if any(isinstance(size, ast.Name) and size.id in given for size in made.args):
        return True
    move = move_of(call.value)
    devices = move.device.options if move is not None and move.device is not None else ()
    return any(_is_given(option, call) for option in devices)


def _is_around_batches(call: Call, function: Function) -> bool:
    """Whether the call stands beside the loop over batches, which trains or goes through a loader, and not in it."""
    loops = [n for n in walk(function.node) if isinstance(n, ast.For) and _goes_through_batches(n)]
    return bool(loops) and not any(node is call.node for loop in loops for node in walk(loop))


def _goes_through_batches(loop: ast.For) -> bool:
    if any(isinstance(n, ast.For | ast.While) for statement in loop.body for n in walk(statement)):
        return False
    called = {n.func.attr for n in walk(loop) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
    return "backward" in called or "loader" in ast.unparse(loop.iter)


def _is_given(device: Value, call: Call) -> bool:
    """Whether a device is a parameter of the function, or that of a tensor."""
    owner = device.base if device.kind == "attribute" and device.name == "device" else None
    receiver = call.frame.receiver
    if owner is not None and (receiver is None or owner.key != receiver.key):
        return True
    return device.kind == "param" and device.target is call.function


_WITH_THE_DATA = ("forward", "_forward", "loss", "compute", "backward", "encode", "decode", "predict", "step")


def _is_kept(module: Module, call: Call) -> bool:
    """Whether the call makes something once and keeps it: under `if self.x is None:` and the like."""
    statement = module.statement(call.node)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    keeps = any(isinstance(n, ast.Attribute) for target in targets if target is not None for n in walk(target))
    child: ast.AST = call.node
    for holder in module.around(call.node):
        if isinstance(holder, ast.If) and child in holder.body:
            tests = holder.test.values if isinstance(holder.test, ast.BoolOp) else [holder.test]
            if any(_is_first_call(test, module, call, holder, keeps) for test in tests):
                return True
        child = holder
    return False


def _is_first_call(test: ast.expr, module: Module, call: Call, branch: ast.If, keeps: bool) -> bool:
    """Whether a test asks if something is still missing that its branch makes.

    That is `self.x is None`, `not self.ready` or `not hasattr(self, "x")`. In front of what is kept in an attribute
    also a property of that name, and `former is None` outside of `forward`.
    """
    asked: ast.expr | None = None
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        asked = test.operand.func if isinstance(test.operand, ast.Call) else test.operand
        if isinstance(asked, ast.Name):
            return keeps and asked.id == "hasattr"
    elif isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is):
        right = test.comparators[0]
        asked = test.left if isinstance(right, ast.Constant) and right.value is None else None
        if isinstance(asked, ast.Name):
            return keeps and call.function is not None and call.function.name != "forward"
    if not isinstance(asked, ast.Attribute):
        return False
    owner = module.class_of(call.function) if call.function is not None else None
    stored = {n.attr for n in walk(branch) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)}
    return asked.attr in stored or (keeps and owner is not None and owner.method(asked.attr) is not None)


def _fix(module: Module, call: Call, made: ast.Call) -> Fix | None:
    move = move_of(call.value)
    others = [keyword.arg for keyword in call.node.keywords if keyword.arg not in ("device", "non_blocking")]
    if move is None or others or len(call.node.args) > 1:
        return None
    assert isinstance(call.node.func, ast.Attribute)
    kept = call.node.func.value
    if kept is not made:
        return None
    device = '"cuda"' if move.device_node is None else module.code(move.device_node)
    verbs = unwrap(call.node, made), set_keyword(made, "device", device)
    if call.frame.value(made).name in RANDOM_FACTORIES:
        return Fix.unsafe("Make it on the device, whose generator draws other numbers from the same seed", *verbs)
    return Fix.safe("Make it on the device", *verbs)


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
    with Copies() as moved:
        for _ in range(100):
            torch.zeros(256, 1024).to(device)
    with Copies() as made:
        for _ in range(100):
            torch.zeros(256, 1024, device=device)
    return Evidence(
        "copies between devices in 100 steps that each need a tensor of zeros (counted; their time is the device's)",
        (
            Measured("copies", bad=moved.count, good=made.count),
            Measured("bytes copied", bad=moved.size, good=made.size, unit="B"),
        ),
        holds=moved.count == 100 and made.count == 0,
    )
