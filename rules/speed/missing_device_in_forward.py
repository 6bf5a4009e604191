"""A tensor made in `forward` without a device meets inputs that may live elsewhere.

`torch.arange(n)` makes a CPU tensor. While the model runs on the CPU, in the unit test and on the laptop, all is
well; on a GPU the first operation that combines it with an input raises. An index that is used for reading only does
not even raise: it is copied to the device in every step.

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

Zero-dimensional CPU tensors mix with all devices. A tensor that is moved before it meets an input, that is only read
on the host, or that is made under `torch.device(...)` as context or after `torch.set_default_device` is right. A `to`
in the same function is what `tensor-created-on-cpu` looks at.

## Not seen

Tensors that meet the inputs in a function of another package.

## Fix safety

Safe: on the CPU nothing changes, on other devices the code raised before.

## References

- https://docs.pytorch.org/docs/stable/tensor_attributes.html#torch.device
- https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
"""

import ast
from collections.abc import Iterator

from torchlint.api import (
    CONSTANT_FACTORIES,
    FROM_HOST,
    RANDOM_FACTORIES,
    Category,
    Evidence,
    Findings,
    Fix,
    Frame,
    Function,
    Measured,
    Module,
    Value,
    finding,
    is_tensor,
    made_on_cpu,
    move_of,
    parts,
    rule,
    set_keyword,
    walk,
)


@rule("TL604", "missing-device-in-forward", Category.SUSPICIOUS, since="0.1", triggers=("def forward",))
def check(module: Module) -> Findings:
    if module.is_test or _FACTORIES.isdisjoint(module.source.by_name):
        return
    if module.project.calls("set_default_device", "set_default_tensor_type"):
        return
    seen: set[int] = set()
    for model in module.nn_modules:
        forward = model.methods.get("forward")
        if forward is None:
            continue
        frame = model.frame(forward, model.self_value)
        for made, met in _meetings(forward, frame):
            node = made.node
            if not isinstance(node, ast.Call) or made.frame is None or made.frame.source is not module.source:
                continue
            if id(node) in seen or _in_device_context(module, made.frame, node):
                continue
            seen.add(id(node))
            yield finding(
                module.place(node),
                f"`{module.code(node.func)}(...)` is made on the CPU and meets {met}, which may be on another device",
                fix=_fix(node, forward, made),
            )


_FACTORIES = frozenset(
    ("zeros", "ones", "full", "empty", "arange", "linspace", "logspace", "eye", "rand", "randn", "randint", "randperm",
     "tensor", "as_tensor", "from_numpy")
)  # fmt: skip


def _in_device_context(module: Module, frame: Frame, node: ast.AST) -> bool:
    """Whether a `with torch.device(...)` decides where the tensor is made."""
    contexts = (item.context_expr for holder in module.around(node) for item in getattr(holder, "items", ()))
    return any(frame.value(context).name == "torch.device" for context in contexts)


def _meetings(forward: Function, frame: Frame) -> Iterator[tuple[Value, str]]:
    """Tensors made without a device, and what each meets: another tensor of the module, or a layer with parameters."""
    for statement in forward.body:
        for node in walk(statement):
            if isinstance(node, ast.BinOp):
                yield from _meeting(frame, node.left, node.right)
                yield from _meeting(frame, node.right, node.left)
            elif isinstance(node, ast.Call):
                callee = frame.value(node.func)
                if callee.kind == "instance" and callee.target is None and callee.name in _WITH_PARAMETERS:
                    for argument in node.args:
                        for made in _made(frame.value(argument)):
                            yield made, f"the parameters of `{ast.unparse(node.func)}`"
                elif (
                    callee.name in ("torch.cat", "torch.stack")
                    and node.args
                    and isinstance(node.args[0], ast.List | ast.Tuple)
                ):
                    first, *others = node.args[0].elts or [node]
                    for other in others:
                        yield from _meeting(frame, first, other)
                        yield from _meeting(frame, other, first)


def _meeting(frame: Frame, one: ast.expr, other: ast.expr) -> Iterator[tuple[Value, str]]:
    made_here = _made(frame.value(one))
    if made_here and _follows_module(frame.value(other)):
        for made in made_here:
            yield made, f"`{ast.unparse(other)}`"


_WITH_PARAMETERS = frozenset(
    f"torch.nn.{name}"
    for name in ("Linear", "Embedding", "Conv1d", "Conv2d", "Conv3d", "RNN", "GRU", "LSTM", "RNNCell", "GRUCell",
                 "LSTMCell", "LayerNorm", "MultiheadAttention")
)  # fmt: skip


def _made(value: Value) -> list[Value]:
    """The factories without a device that a value certainly is on some path, and that no other path moves."""
    if value.kind in ("tuple", "list"):
        return [made for item in value.items for made in _made(item)]
    found = []
    if not any(o.kind == "call" and made_on_cpu(o) for o in value.options):
        return []
    for option in value.options:
        if any(move_of(part) is not None for part in parts(option)):
            return []
        inner = option
        while inner.kind == "call" and inner.name.startswith(".") and inner.base is not None and made_on_cpu(inner):
            inner = inner.base
        made_once = (
            inner.frame is not None and inner.frame.function is not None and inner.frame.function.name == "__init__"
        )
        if inner.name in _FILLED and made_on_cpu(inner) and _has_dimensions(inner) and not made_once:
            found.append(inner)
    return found


_FILLED = CONSTANT_FACTORIES | RANDOM_FACTORIES | {"torch.tensor"}


def _has_dimensions(made: Value) -> bool:
    if made.name in FROM_HOST:
        first = made.argument(0, "data")
        return made.name == "torch.tensor" and first is not None and first.kind == "list"
    sizes = made.arguments
    return bool(sizes) and not (sizes[0].kind == "tuple" and not sizes[0].items)


def _follows_module(value: Value) -> bool:
    """Whether a tensor certainly lies where the module's inputs and parameters do."""
    if is_tensor(value) is not True or any(made_on_cpu(part) for part in parts(value) if part.kind == "call"):
        return False
    return any(
        (part.kind == "apply" and part.base is not None and part.base.name in _WITH_PARAMETERS)
        or (part.kind == "param" and is_tensor(part))
        for part in parts(value)
        if not part.call_of(".cpu", ".numpy", ".size", ".tolist", ".item")
    ) and not any(part.call_of(".cpu") for part in parts(value))


def _fix(node: ast.Call, forward: Function, made: Value) -> Fix | None:
    """Give it the device of the first input, where that is in scope and certainly a tensor."""
    if made.frame is None or made.frame.function is not forward or len(forward.parameters) < 2:
        return None
    first = forward.parameters[1].arg
    given = Value("param", name=first, target=forward, node=forward.parameters[1], frame=made.frame)
    if is_tensor(given) is not True:
        return None
    return Fix.safe(f"Make it on the device of `{first}`", set_keyword(node, "device", f"{first}.device"))


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
