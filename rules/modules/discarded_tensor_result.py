"""The result of an out-of-place tensor operation is thrown away.

`scores.masked_fill(mask, value)`, `x.clamp(0, 1)`, `batch.to(device)` and `F.normalize(x)` return a new tensor and
leave their receiver as it was. Written as a statement they cost a kernel and do nothing: the mask is not applied, the
batch stays on the CPU, the loss is not detached. In the experiment below a causal attention whose mask is discarded
puts half of its weight on the future. `torch.compile(model)` and `DistributedDataParallel(model)` are the same
mistake with a module: they return the wrapped module, the old name stays unwrapped.

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

A module's `to`, `cuda`, `half`, `float` and `requires_grad_` act in place, as do all tensor methods whose name ends
in an underscore; a tokenizer's batch has an in-place `to` too. The last line of a notebook cell displays its value. A
call whose only purpose is that it may raise (a shape check by `view` inside `try`, or under `pytest.raises`) is left
alone.

## Not seen

Receivers of which it is not known that they are tensors: parameters without annotation, results of unknown calls.

## Fix safety

Unsafe: the operation takes effect for the first time, so everything computed afterwards changes.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.Tensor.to.html
- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.to
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    Frame,
    Measured,
    Module,
    Value,
    assign,
    dotted,
    finding,
    is_tensor,
    roles,
    rule,
    torch_api,
)


@rule("TL410", "discarded-tensor-result", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for node, frame in () if module.is_test else module.discarded():
        if not isinstance(node, ast.Call) or not _may_be_pure(node.func):
            continue
        if isinstance(node.func, ast.Name) and frame.value(node.func).kind != "ref":
            continue
        value = frame.value(node)
        wraps = value.node is node and (value.name in roles.WRAPPERS or value.name == "torch.compile")
        kept = _wrapped(node) if wraps else _operand(node, value, frame)
        if kept is None or _on_purpose(module, node, frame):
            continue
        text = module.code(kept)
        if wraps:
            message = f"`{module.code(node.func)}({text})` returns the wrapped module, which is thrown away"
        else:
            message = (
                f"`{module.code(node.func)}(...)` returns a new tensor, which is thrown away; `{text}` stays as it was"
            )
        yield finding(module.place(node), message, fix=_assignment(module, node, kept, frame))


def _may_be_pure(func: ast.expr) -> bool:
    """Whether the name alone allows a discarded result to matter; imported names may be anything."""
    return isinstance(func, ast.Name) or (
        isinstance(func, ast.Attribute) and (func.attr in _LAST_NAMES or func.attr in torch_api.pure_tensor_methods())
    )


def _wrapped(node: ast.Call) -> ast.expr | None:
    return node.args[0] if node.args else None


def _operand(node: ast.Call, value: Value, frame: Frame) -> ast.expr | None:
    """The tensor that an out-of-place operation leaves as it was; `None` if this is no such operation."""
    if (
        value.node is not node
        or value.kind != "call"
        or any(keyword.arg in ("out", "inplace", None) for keyword in node.keywords)
    ):
        return None
    owner, _, name = value.name.rpartition(".")
    if not owner and isinstance(node.func, ast.Attribute) and name in torch_api.pure_tensor_methods():
        return node.func.value if value.base is not None and is_tensor(value.base) else None
    plain = owner == "torch" and name in torch_api.pure_tensor_methods()
    if not plain and value.name not in _FUNCTIONS:
        return None
    return node.args[0] if node.args and is_tensor(frame.value(node.args[0])) else None


_FUNCTIONS = frozenset(
    f"torch.nn.functional.{name}"
    for name in ("normalize", "pad", "softmax", "log_softmax", "interpolate", "one_hot", "sigmoid", "tanh")
)
_LAST_NAMES = frozenset(name.rpartition(".")[2] for name in (*_FUNCTIONS, *roles.WRAPPERS, "torch.compile"))
_CLOCKS = frozenset({"perf_counter", "time", "monotonic", "synchronize", "do_bench", "timeit", "Timer", "process_time"})
_RAISING = frozenset({"raises", "assertRaises", "assertRaisesRegex", "assert_raises", "suppress", "warns"})


def _on_purpose(module: Module, node: ast.Call, frame: Frame) -> bool:
    """Whether the call is there for what it raises or how long it takes, or shows its value in a notebook."""
    function = frame.function
    if function is None and module.path.endswith(".ipynb"):
        return True
    if function is not None and (function.name.startswith("test") or not function.words.isdisjoint(_CLOCKS)):
        return True
    for holder in module.around(node):
        if isinstance(holder, ast.Try) and holder.handlers:
            return True
        if isinstance(holder, ast.With) and any(_called(item.context_expr) in _RAISING for item in holder.items):
            return True
    return False


def _called(node: ast.expr) -> str:
    text = dotted(node.func) if isinstance(node, ast.Call) else None
    return text.rpartition(".")[2] if text else ""


def _is_place(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) or (isinstance(node, ast.Attribute) and dotted(node) is not None)


def _assignment(module: Module, node: ast.Call, kept: ast.expr, frame: Frame) -> Fix | None:
    """The result assigned; not where that would raise, as for a parameter of a module."""
    text = module.code(kept)
    if not _is_place(kept) or frame.value(kept).name == "torch.nn.Parameter":
        return None
    statement = module.statement(node)
    if not isinstance(statement, ast.Expr):
        return None
    title = f"Assign the result to `{text}`, which changes what is computed from it"
    return Fix.unsafe(title, assign(statement, text))


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
