"""Dropout called as a function stays on in evaluation unless it is told the mode.

`F.dropout(x, p)` has `training=True` as its default, `F.scaled_dot_product_attention(dropout_p=p)` knows no mode at
all, and an `nn.Dropout` built inside `forward` is born in training mode each time. `model.eval()` reaches none of them,
so predictions stay random: in the experiment below two evaluations of the same input differ by up to 18.6 in a
logit, and the accuracy is 95 % instead of 100 %.

```py bad
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(20, 64)
        self.output = nn.Linear(64, 5)

    def forward(self, x):
        x = F.relu(self.hidden(x))
        x = F.dropout(x, 0.5)  # TL409
        return self.output(x)
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(20, 64)
        self.output = nn.Linear(64, 5)

    def forward(self, x):
        x = F.relu(self.hidden(x))
        x = F.dropout(x, 0.5, training=self.training)
        return self.output(x)
```

```py bad
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, dim, heads, dropout=0.1):
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim)

    def attend(self, q, k, v):
        return F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout)  # TL409

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return self.attend(q, k, v).transpose(1, 2).reshape(b, t, d)
```

```py bad
from torch import nn


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.output = nn.Linear(64, 5)

    def forward(self, x):
        x = nn.Dropout(0.3)(x)  # TL409
        return self.output(x)
```

```py good
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(20, 64)
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(64, 5)

    def forward(self, x):
        x = F.dropout(F.relu(self.hidden(x)), 0.2, self.training)
        return self.output(self.dropout(x))
```

```py good
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, dim, dropout=0.1):
        super().__init__()
        self.dropout = dropout
        self.qkv = nn.Linear(dim, 3 * dim)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        rate = self.dropout if self.training else 0.0
        out = F.scaled_dot_product_attention(q, k, v, dropout_p=rate)
        if self.training:
            out = F.dropout(out, self.dropout)
        return out
```

Staying random on purpose is said in so many words:

```py good
from torch import nn
from torch.nn import functional as F


class Prenet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(80, 256)

    def forward(self, x):
        return F.dropout(F.relu(self.layer(x)), 0.5, training=True)
```

## When it is fine

Monte Carlo dropout and designs that keep dropout at inference (a Tacotron pre-net): `training=True` in words is never
reported. Nor are calls under `if self.training` or under a flag that the caller passes, a rate of 0, and functions outside
a module, which cannot know a mode.

## Not seen

A rate that comes from a method or from another object, and kernels of other libraries (`flash_attn`).

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.dropout.html
- https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html
"""

from __future__ import annotations

import ast

from torchlint.api import (
    Call,
    Category,
    ClassModel,
    Evidence,
    Finding,
    Findings,
    Fix,
    Function,
    Measured,
    Module,
    Value,
    finding,
    forward_methods,
    replace,
    rule,
    set_keyword,
    walk,
)

_DROPOUTS = tuple(f"torch.nn.functional.dropout{n}" for n in ("", "1d", "2d", "3d"))
_LAYERS = tuple(f"torch.nn.Dropout{n}" for n in ("", "1d", "2d", "3d"))
_LEAVES = (ast.Return, ast.Raise, ast.Continue)
_ATTENTION = "torch.nn.functional.scaled_dot_product_attention"


@rule(
    "TL409",
    "functional-dropout-always-on",
    Category.CORRECTNESS,
    since="0.1",
    triggers=("dropout", "Dropout"),
)
def check(module: Module) -> Findings:
    for call in module.calls(*_DROPOUTS, *_LAYERS, _ATTENTION):
        function = call.function
        owner = module.class_of(function) if function is not None else None
        if function is None or owner is None or owner.is_module is not True or owner.method("train") is not None:
            continue
        if function not in forward_methods(owner):
            continue
        found = _always_on(module, call, function, owner)
        if found is not None and not _knows_mode(module, call, function) and not _is_meant(module, owner):
            yield found


def _always_on(module: Module, call: Call, function: Function, owner: ClassModel) -> Finding | None:
    """What is to be said of a dropout that knows of no mode by itself."""
    name = call.value.name
    if name in _DROPOUTS:
        if call.argument(2, "training") is not None or not _rate_is_on(call.argument(1, "p")):
            return None
        code = set_keyword(call.node, "training", f"{function.parameters[0].arg}.training")
        message = f"`{module.code(call.node)}` stays on in evaluation: `training` is not passed and defaults to true"
        return finding(call, message, fix=Fix.safe("Pass the mode (training stays as it is)", code))
    if name == _ATTENTION:
        rate = call.argument(4, "dropout_p")
        if rate is None or not _rate_is_on(rate) or _is_zero_there(owner, _rate_code(module, call)):
            return None
        message = f"`{_rate_code(module, call)}` stays on in evaluation: the attention function knows no mode"
        return finding(call, message, fix=_gate(module, call, function))
    if name in _LAYERS and _rate_is_on(call.argument(0, "p")) and _used_at_once(module, call, function):
        return finding(
            call, f"`{module.code(call.node)}` is built in `{function.name}` and so never leaves training mode"
        )
    return None


def _knows_mode(module: Module, call: Call, function: Function) -> bool:
    """Whether the call stands under a test of the mode, or of a flag of the caller, or behind one that leaves the method."""
    words = _mode_words(function.node)
    flags = {parameter.arg for parameter in function.parameters[1:]}
    node: ast.AST | None = call.node
    while node is not None and node is not function.node:
        above = module.parent(node)
        tests = [getattr(above, "test", None)]
        block = next((b for b in _blocks(above) if node in b), [])
        before = block[: block.index(node)] if isinstance(node, ast.stmt) and block else []
        tests += [
            earlier.test for earlier in before if isinstance(earlier, ast.If) and isinstance(earlier.body[-1], _LEAVES)
        ]
        if any(t is not None and not (words.isdisjoint(_words(t)) and flags.isdisjoint(_asked(t))) for t in tests):
            return True
        node = above
    return False


def _asked(test: ast.expr) -> set[str]:
    """The names that a test asks for being true or false, and nothing else about them."""
    if isinstance(test, ast.BoolOp):
        return {name for value in test.values for name in _asked(value)}
    if isinstance(test, ast.UnaryOp):
        return _asked(test.operand)
    return {test.id} if isinstance(test, ast.Name) else set()


def _blocks(node: ast.AST | None) -> list[list[ast.stmt]]:
    return [
        getattr(node, field, [])
        for field in ("body", "orelse", "finalbody")
        if isinstance(getattr(node, field, []), list)
    ]


def _mode_words(node: ast.AST) -> set[str]:
    """Names in a method that speak of the mode, and the variables that are computed from them."""
    found = {word for word in _words(node) if "train" in word or "eval" in word}
    for assignment in walk(node):
        if (
            isinstance(assignment, ast.Assign)
            and not isinstance(assignment.value, ast.Call)
            and not found.isdisjoint(_words(assignment.value))
        ):
            found.update(target.id for target in assignment.targets if isinstance(target, ast.Name))
    return found


def _words(node: ast.AST) -> set[str]:
    named = (n for n in walk(node) if isinstance(n, ast.Attribute | ast.Name))
    return {n.attr if isinstance(n, ast.Attribute) else n.id for n in named}


def _is_meant(module: Module, owner: ClassModel) -> bool:
    """Whether the class is a Tacotron pre-net, or says in its own words that its dropout stays on."""
    nodes = [owner.node, *(f.node for f in owner.methods.values() if not isinstance(f.node, ast.Lambda))]
    said = " ".join(ast.get_docstring(node) or "" for node in nodes).lower()
    return "prenet" in owner.name.lower() or "monte carlo" in said or ("dropout" in said and "alway" in said)


def _rate_is_on(rate: Value | None) -> bool:
    """Whether a rate certainly is fixed when the module is built, and not zero as far as that can be seen."""
    if rate is None:
        return True
    if rate.kind == "const":
        return isinstance(rate.const, int | float) and rate.const > 0
    if rate.kind == "attribute" and rate.name == "p" and rate.base is not None and rate.base.name in _LAYERS:
        return _rate_is_on(rate.base.argument(0, "p"))
    while rate.kind in ("attribute", "item") and rate.base is not None:
        rate = rate.base
    return rate.kind == "param" and getattr(rate.target, "name", "") == "__init__"


def _rate_code(module: Module, call: Call) -> str:
    node = next((k.value for k in call.node.keywords if k.arg == "dropout_p"), None)
    return "dropout_p=" + module.code(node if node is not None else call.node.args[4])


def _is_zero_there(owner: ClassModel, rate: str) -> bool:
    """Whether the class asks if the rate is 0, to attend in this way only then."""
    name = rate.rpartition("=")[2].rpartition(".")[2]
    for node in walk(owner.node):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq) and name in _words(node):
            if any(isinstance(n, ast.Constant) and n.value == 0 for n in node.comparators):
                return True
    return False


def _gate(module: Module, call: Call, function: Function) -> Fix:
    gated = f"{_rate_code(module, call).removeprefix('dropout_p=')} if {function.parameters[0].arg}.training else 0.0"
    passed = any(k.arg == "dropout_p" for k in call.node.keywords)
    verb = set_keyword(call.node, "dropout_p", gated) if passed else replace(call.node.args[4], gated)
    return Fix.safe("Drop only in training mode (training stays as it is)", verb)


def _used_at_once(module: Module, call: Call, function: Function) -> bool:
    parent = module.parent(call.node)
    if isinstance(parent, ast.Call) and parent.func is call.node:
        return True
    if not isinstance(parent, ast.Assign) or len(parent.targets) != 1 or not isinstance(parent.targets[0], ast.Name):
        return False
    name = parent.targets[0].id
    reads = [n for n in walk(function.node) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Load)]
    holders = [module.parent(read) for read in reads]
    return bool(reads) and all(isinstance(h, ast.Call) and h.func is r for h, r in zip(holders, reads, strict=True))


def evidence() -> Evidence:
    """A small classifier with functional dropout, evaluated twice; attention and a fresh `nn.Dropout`, likewise."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(512, 20, generator=generator)
    targets = (inputs @ weights).argmax(1)

    class Net(nn.Module):
        def __init__(self, gated: bool) -> None:
            super().__init__()
            self.hidden, self.output, self.gated = nn.Linear(20, 64), nn.Linear(64, 5), gated

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = F.relu(self.hidden(x))
            x = F.dropout(x, 0.5, training=self.training) if self.gated else F.dropout(x, 0.5)
            return self.output(x)

    def train(*, gated: bool) -> tuple[float, float]:
        torch.manual_seed(0)
        model = Net(gated)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        for _ in range(150):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            first, second = model(inputs), model(inputs)
        return float((first.argmax(1) == targets).float().mean()), float((first - second).abs().max())

    bad_accuracy, bad_difference = train(gated=False)
    good_accuracy, good_difference = train(gated=True)
    q, k, v = torch.randn(3, 2, 4, 8, 16, generator=generator)
    attention = [F.scaled_dot_product_attention(q, k, v, dropout_p=0.1) for _ in range(2)]
    attended = float((attention[0] - attention[1]).abs().max())
    dropped = float((nn.Dropout(0.5)(torch.ones(1000)) == 0).float().mean())
    return Evidence(
        "dropout that is not told the mode goes on dropping in evaluation",
        (
            Measured("accuracy in evaluation mode", bad_accuracy, good_accuracy),
            Measured("difference of two evaluations, largest logit", bad_difference, good_difference),
            Measured("difference of two attentions with dropout_p=0.1", attended, 0.0),
            Measured("share dropped by an `nn.Dropout(0.5)` built on the spot", dropped, 0.0),
        ),
        holds=bad_difference > 1.0 and good_difference == 0.0 and bad_accuracy < good_accuracy and attended > 0.1,
    )
