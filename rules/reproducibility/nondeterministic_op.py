"""The operation is not deterministic on CUDA: equal seeds give unequal runs, or it raises.

Some kernels add in whatever order their threads finish. Under `torch.use_deterministic_algorithms(True)` such an operation
raises, often only in the backward pass of the first step on a GPU; with `warn_only=True` it warns and the run is not
reproducible. The documentation's list is coarser than the code: of 60 calls that were dispatched on torch 2.13, 21 reach such a
kernel. Bilinear interpolation, `AdaptiveAvgPool2d(1)` and cross-entropy over `[N, C]` do not, and are never reported.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
torch.use_deterministic_algorithms(True)


class Upscale(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x):
        x = F.pad(x, (1, 1, 1, 1), mode="reflect")  # TL701
        return F.interpolate(self.conv(x), scale_factor=2, mode="bicubic")  # TL701


def train(loader):
    model = Upscale().to("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for low, high in loader:
        optimizer.zero_grad()
        loss = F.l1_loss(model(low.to("cuda")), high.to("cuda"))
        loss.backward()
        optimizer.step()
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
torch.use_deterministic_algorithms(True)


class Upscale(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3)

    def forward(self, x):
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        return F.interpolate(self.conv(x), scale_factor=2, mode="bilinear")


def train(loader):
    model = Upscale().to("cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for low, high in loader:
        optimizer.zero_grad()
        loss = F.l1_loss(model(low.to("cuda")), high.to("cuda"))
        loss.backward()
        optimizer.step()
```

```py bad file=seed.py
import torch


def deterministic(seed: int) -> None:
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
```

```py bad file=net.py
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.pool = nn.AdaptiveMaxPool2d(7)  # TL701
        self.head = nn.Linear(16 * 49, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv(x)))
        return self.head(x.flatten(1))
```

```py bad file=main.py
import torch
from net import Net
from seed import deterministic
from torch.nn import functional as F


def train(loader):
    deterministic(0)
    device = torch.device("cuda")
    model = Net().to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x.to(device)), y.to(device))
        loss.backward()
        optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

torch.use_deterministic_algorithms(True)
device = torch.device("cuda")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1, padding_mode="circular")
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.head = nn.Linear(16, 10)

    def forward(self, x, mask):
        x = F.interpolate(F.relu(self.conv(x)), scale_factor=2, mode="bilinear", align_corners=False)
        positions = mask.long().cumsum(-1)
        x = F.pad(x, (1, 1, 1, 1), mode="replicate") * positions.max()
        return self.head(self.pool(x).flatten(1))


def threshold(x: torch.Tensor) -> torch.Tensor:
    return x.median() + torch.kthvalue(x.flatten(), 3).values
```

A script that sets a seed shows that its runs should be equal, and is told that they are not, as information:

```py bad
import torch
from data import loader
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(7)  # TL701
        self.head = nn.Linear(49 * 3, 10)

    def forward(self, x):
        return self.head(self.pool(x).flatten(1))


torch.manual_seed(0)
model = Net().to("cuda")
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
for x, y in loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x.to("cuda")), y.to("cuda"))
    loss.backward()
    optimizer.step()
```

A file that sets none has not asked for anything, and code that never names a GPU repeats itself already:

```py good
import torch
from torch import nn

device = torch.device("cuda")


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(7)

    def forward(self, x):
        return self.pool(x)
```

```py good
import torch
from torch import nn

torch.use_deterministic_algorithms(True)


class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveMaxPool2d(7)

    def forward(self, x):
        return self.pool(x)
```

## When it is fine

In a forward pass that is never differentiated: most of these kernels are nondeterministic in the backward pass alone. If
runs need not repeat exactly, don't ask for deterministic algorithms.

## Options

`seeded` (default `false`; true in the profile `deterministic`): a seed in any file of the project counts for all of them, and
not only for the script that sets it.

## Not seen

Operations behind a condition, which another configuration may do without. Operations whose nondeterminism depends on
something that the code does not say: the dtype of a `cumsum`, the rank of the logits of a cross-entropy, an output size
that is computed. Kernels of other libraries, and operators of your own.

## Fix safety

Unsafe: another padding or interpolation computes other numbers, and a trained network expects those that it was trained
with. Where no alternative computes something similar there is no fix; the message of torch names the operation.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
- https://docs.pytorch.org/docs/stable/notes/randomness.html
- https://github.com/pytorch/pytorch/issues/89492
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from torchlint.api import (
    Asked,
    Call,
    Category,
    Evidence,
    Finding,
    Findings,
    Fix,
    Function,
    Measured,
    Module,
    Severity,
    Value,
    asked_for_determinism,
    dotted,
    ensure_import,
    finding,
    guarded,
    is_seeded,
    is_tensor,
    on_device,
    range_of,
    rename,
    rule,
    set_keyword,
    shape_of,
    torch_api,
)

Operation = torch_api.Nondeterministic

SPATIAL = {
    "torch.nn.CrossEntropyLoss": "torch.nn.functional.cross_entropy",
    "torch.nn.NLLLoss": "torch.nn.functional.nll_loss",
}
GPU = ("cuda", "gpu", "device", "accelerator")
FLOATING = frozenset(f"torch.{name}" for name in ("rand", "randn", "linspace", "normal", "rand_like", "randn_like"))
DETACHED = frozenset({"torch.no_grad", "torch.inference_mode"})


@rule("TL701", "nondeterministic-op", Category.SUSPICIOUS, since="0.1", options={"seeded": False})
def check(module: Module) -> Findings:
    found = list(_operations(module))
    spatial = any(name.rpartition(".")[2] in module.text for pair in SPATIAL.items() for name in pair)
    if not found and not spatial:
        return
    asked = asked_for_determinism(module)
    if asked is None and not _wants_equal_runs(module):
        return
    if spatial:
        found += _spatial_losses(module)
    on_gpu, trains = module.project.mentions(*GPU), module.project.mentions(".backward(", "Trainer")
    for call, operation in found:
        if (operation.device == "cuda" and not on_gpu) or (operation.passes == "backward" and not trains):
            continue
        if operation.mode == "silent" and (asked is None or asked.warn_only is not True):
            continue
        yield _finding(call, operation, asked)


def _wants_equal_runs(module: Module) -> bool:
    everywhere = module.option("seeded") and module.project.mentions("manual_seed", "seed_everything", "set_seed")
    return everywhere or is_seeded(module)


def _operations(module: Module) -> Iterator[tuple[Call, Operation]]:
    """The operations of the file that certainly reach a kernel without a deterministic form."""
    names = torch_api.nondeterministic_names()
    methods = {f".{name.rpartition('.')[2]}": name for name in names if ".Tensor." in name}
    for call in module.calls(*names - {*SPATIAL.values()}, *methods):
        operation = torch_api.nondeterministic(call.value.name)
        if operation is None:
            operation = torch_api.nondeterministic(methods.get(f".{getattr(call.node.func, 'attr', '')}", ""))
            if operation is None or not is_tensor(call.receiver):
                continue
        if (
            _conditions_hold(call, operation)
            and _runs_in_training(module, call, operation)
            and not _optional(module, call)
        ):
            yield call, operation


def _spatial_losses(module: Module) -> Iterator[tuple[Call, Operation]]:
    """The losses over classes whose input certainly has more than two dimensions, and that are reduced by the kernel."""
    for loss in module.losses():
        operation = torch_api.nondeterministic(SPATIAL.get(loss.kind, ""))
        shape = shape_of(loss.input)
        spatial = shape is not None and len(shape.sizes) >= (operation.rank if operation else 0)
        if operation and spatial and loss.event.is_local and loss.reduction in ("mean", "sum"):
            yield _call(module, loss.event.node), operation


def _call(module: Module, node: ast.AST) -> Call:
    assert isinstance(node, ast.Call)
    function = module.function(node)
    return Call(module, node, function.scope if function is not None else module.source.scope)


def _conditions_hold(call: Call, operation: Operation) -> bool:
    if not all(_holds(call, *condition) for condition in operation.when):
        return False
    if any(_holds(call, *condition) is not False for condition in operation.unless):
        return False
    if operation.dtype == "float":
        return _is_floating(call.receiver if ".Tensor." in operation.name else call.argument(0, "input"))
    return True


def _holds(call: Call, argument: str, position: int, *values: Any) -> bool | None:
    """Whether an argument is one of the values; `None` if it cannot be told."""
    given = call.argument(position, argument)
    if "given" in values:
        return given is not None and not (given.kind == "const" and given.const is None)
    if given is None:
        return False
    literal = _literal(given)
    return None if literal is ... else literal in values


def _literal(value: Value) -> Any:
    if value.kind == "const":
        return value.const
    if value.kind in ("tuple", "list") and all(item.kind == "const" for item in value.items):
        return tuple(item.const for item in value.items)
    return ...


def _is_floating(value: Value | None) -> bool:
    if value is None or not is_tensor(value):
        return False
    known = range_of(value)
    return (known is not None and known.state != "int") or value.call_of(*FLOATING) or value.method("float") is not None


def _optional(module: Module, call: Call) -> bool:
    """Whether the operation stands under a condition of its function: another configuration may do without it."""
    conditions = ast.If, ast.IfExp, ast.Try, ast.Match
    return any(isinstance(holder, conditions) for holder in module.around(call.node)) or guarded(module, call.node)


def _runs_in_training(module: Module, call: Call, operation: Operation) -> bool:
    """Whether the operation runs on the device of the model, and its gradient is taken if that is what varies.

    That is so for a layer of a module, for a step of its `forward`, and for what is done to a tensor on a device.
    """
    function = call.function
    owner = module.class_of(function) if function is not None else None
    in_module = owner is not None and owner.is_module is True
    if operation.passes == "forward" and operation.name not in torch_api.module_classes():
        tensor = call.receiver if ".Tensor." in operation.name else call.argument(0, "input")
        return (
            operation.device == "any"
            or (in_module and function is not None and function.name == "forward")
            or (tensor is not None and on_device(tensor) is True)
        )
    if function is None or not in_module:
        return False
    if operation.name.startswith("torch.nn.") and not operation.name.startswith("torch.nn.functional."):
        return function.name == "__init__"
    return function.name == "forward" and not _without_gradient(module, call, function)


def _without_gradient(module: Module, call: Call, function: Function) -> bool:
    if any(function.has_decorator(name.rpartition(".")[2]) for name in DETACHED):
        return True
    contexts = (item.context_expr for holder in module.around(call.node) for item in getattr(holder, "items", ()))
    return any(module.value(context).call_of(*DETACHED) for context in contexts)


def _finding(call: Call, operation: Operation, asked: Asked | None) -> Finding:
    name = f"`{dotted(call.node.func) or call.module.code(call.node.func)}`"
    what = f"{name} has no deterministic {'CUDA ' if operation.device == 'cuda' else ''}"
    what += "gradient" if operation.passes == "backward" else "implementation"
    strict = asked is not None and asked.warn_only is False
    raises = ", so the step raises" if operation.passes == "backward" else ", so the call raises"
    effect = (
        raises if strict else ", and warn_only=True lets it vary" if asked is not None else ", so equal seeds differ"
    )
    severity = Severity.ERROR if strict else Severity.WARNING if asked is not None else Severity.INFO
    see = [(asked.place, "deterministic algorithms are asked for here")] if asked is not None else []
    return finding(call, what + effect, see=see, fix=_fix(call, operation), severity=severity)


def _fix(call: Call, operation: Operation) -> Fix | None:
    if operation.rename:
        title = f"Replace by {operation.rename.rpartition('.')[2]}, which computes other numbers"
        return Fix.unsafe(title, rename(call.node.func, operation.rename), ensure_import("torch"))
    if operation.swap:
        argument, value, other = operation.swap
        if any(
            item.arg == argument and _literal(call.module.value(item.value)) == value for item in call.node.keywords
        ):
            title = f"Set {argument}={other!r}, which computes other numbers"
            return Fix.unsafe(title, set_keyword(call.node, argument, f'"{other}"'))
    return None


def evidence() -> Evidence:
    """Operations and their alternatives run without data; the kernels that CUDA refuses in deterministic mode are counted."""
    from collections.abc import Callable

    import torch
    from torch.nn import functional as F
    from torch.utils._python_dispatch import TorchDispatchMode

    refused = {
        "adaptive_max_pool2d_backward",
        "_adaptive_avg_pool2d_backward",
        "upsample_bicubic2d_backward",
        "reflection_pad2d_backward",
        "nll_loss2d_forward",
        "cumsum",
    }

    def reaches(operation: Callable[[torch.Tensor], torch.Tensor]) -> bool:
        """Whether the operation or its gradient reaches a kernel that deterministic mode refuses on CUDA."""
        names: set[str] = set()

        class Log(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
                if func.overloadpacket.__name__ != "cumsum" or args[0].is_floating_point():
                    names.add(func.overloadpacket.__name__)
                return func(*args, **(kwargs or {}))

        with Log():
            result = operation(torch.empty(2, 3, 8, 8, device="meta", requires_grad=True))
            if result.requires_grad:
                result.sum().backward()
        return bool(names & refused)

    labels = torch.zeros(2, 8, 8, dtype=torch.long, device="meta")
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True)
    fill, torch.utils.deterministic.fill_uninitialized_memory = (
        torch.utils.deterministic.fill_uninitialized_memory,
        False,
    )
    try:
        bad = [
            reaches(lambda x: F.adaptive_max_pool2d(x, 1)),
            reaches(lambda x: F.adaptive_avg_pool2d(x, 7)),
            reaches(lambda x: F.interpolate(x, scale_factor=2, mode="bicubic")),
            reaches(lambda x: F.pad(x, (1, 1, 1, 1), mode="reflect")),
            reaches(lambda x: F.cross_entropy(x, labels)),
            reaches(lambda x: x.cumsum(1)),
        ]
        good = [
            reaches(lambda x: x.amax((-2, -1), keepdim=True)),
            reaches(lambda x: F.adaptive_avg_pool2d(x, 1)),
            reaches(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
            reaches(lambda x: F.pad(x, (1, 1, 1, 1), mode="circular")),
            reaches(lambda x: F.cross_entropy(x.movedim(1, -1).flatten(0, -2), labels.flatten())),
            reaches(lambda x: labels.cumsum(1)),
        ]
    finally:
        torch.use_deterministic_algorithms(before)
        torch.utils.deterministic.fill_uninitialized_memory = fill
    return Evidence(
        f"{sum(bad)} of {len(bad)} operations reach a kernel that deterministic mode refuses on CUDA, "
        f"{sum(good)} of their alternatives do",
        (Measured("refused kernels", bad=sum(bad), good=sum(good)),),
        holds=all(bad) and not any(good),
    )
