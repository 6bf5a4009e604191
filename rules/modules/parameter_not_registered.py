"""A weight that is a plain tensor is never seen by the optimizer or the checkpoint.

`nn.Module` registers an attribute only if it is an `nn.Parameter`. Any operation on the parameter, even a move to another
device or a scale factor, returns a plain tensor, and so does `torch.randn(..., requires_grad=True)`: gradients arrive,
`parameters()` is silent about it, and the weight keeps its initial value. A move that changes nothing, such as `.to("cpu")` on a CPU,
returns the parameter itself, so the bug waits for the first GPU.

```py bad
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(width)) * 0.02  # TL403
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        return self.proj(x) * self.scale
```

```py fixed
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(width) * 0.02)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        return self.proj(x) * self.scale
```

```py bad
import torch
from torch import nn


class Prompt(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.tokens = torch.randn(length, width, requires_grad=True)  # TL403
        self.mix = nn.Linear(width, width)

    def forward(self, x):
        tokens = self.tokens.to(x.device).expand(x.shape[0], -1, -1)
        return self.mix(torch.cat([tokens, x], dim=1))
```

```py bad
import torch
from torch import nn


class Memory(nn.Module):
    def __init__(self, slots, width, device):
        super().__init__()
        keys = nn.Parameter(torch.randn(slots, width))
        self.keys = keys.to(device)  # TL403
        self.query = nn.Linear(width, width)

    def forward(self, x):
        return torch.softmax(self.query(x) @ self.keys.T, dim=-1)
```

```py bad
import torch
from torch import nn


class Mixture(nn.Module):
    def __init__(self, parts, width):
        super().__init__()
        self.weights = [nn.Parameter(torch.zeros(width)) for _ in range(parts)]  # TL403

    def forward(self, x):
        return sum(x * weight for weight in self.weights)
```

```py good
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width) * 0.02)
        self.shift = nn.Parameter(torch.empty(width)).requires_grad_(True)
        nn.init.zeros_(self.shift)
        self.weights = nn.ParameterList([nn.Parameter(torch.zeros(width)) for _ in range(3)])

    def forward(self, x):
        effective = self.scale * 2.0
        return x * effective + self.shift + sum(self.weights)
```

```py good
import torch
from torch import nn


class Derived(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.base = nn.Parameter(torch.ones(width))
        self.cached = None

    def forward(self, x):
        self.cached = self.base.clone()
        return x * self.cached
```

```py good
import torch
from torch import nn


class Registered(nn.Module):
    def __init__(self, width, device):
        super().__init__()
        scale = nn.Parameter(torch.ones(width, device=device))
        self.register_parameter("scale", scale)
        raw = torch.randn(width, requires_grad=True)
        self.weight = nn.Parameter(raw.detach())

    def forward(self, x):
        return x * self.scale + self.weight
```

```py good
import torch


class Attack:
    def __init__(self, shape):
        self.delta = torch.zeros(shape, requires_grad=True)
        self.optimizer = torch.optim.SGD([self.delta], lr=0.1)
```

## When it is fine

`requires_grad_()` and the functions of `nn.init` return the parameter itself. A tensor that the class hands to an optimizer by
itself is trained; a derived tensor that `forward` computes anew is no weight.

## Not seen

A parameter that is moved by a function of your own. `.float()`, which returns the parameter itself where it is
already of that type.

## Fix safety

The fix is unsafe: the weight begins to train, and its name appears in `state_dict()`.

## References

- `torch.nn.Parameter`; "Note that `.to()` returns a new tensor" in `torch.Tensor.to`.
"""

import ast

from torchlint.api import (
    PARAMETER,
    Category,
    Evidence,
    Findings,
    Fix,
    Function,
    Measured,
    Module,
    Value,
    finding,
    is_handed_out,
    is_used,
    may_register,
    plain_containers,
    replace,
    rule,
    walk,
)

_NEW = frozenset(
    [
        "to",
        "cuda",
        "half",
        "double",
        "bfloat16",
        "type",
        "clone",
        "unsqueeze",
        "view",
        "reshape",
        "expand",
        "repeat",
        "transpose",
        "permute",
        "t",
        "mul",
        "div",
        "add",
        "sub",
        "exp",
        "abs",
        "flatten",
        "sigmoid",
        "softmax",
        "tanh",
        "normalize",
        "sqrt",
    ]
)
_FACTORIES = frozenset(
    f"torch.{name}"
    for name in ["zeros", "ones", "randn", "rand", "tensor", "empty", "full", "eye", "arange", "linspace"]
)


@rule("TL403", "parameter-not-registered", Category.CORRECTNESS, since="0.1", triggers=("Parameter", "requires_grad"))
def check(module: Module) -> Findings:
    for cls in module.nn_modules:
        for kept in plain_containers(cls):
            if kept.are_fresh("parameter") and is_used(cls, kept.attribute) and not may_register(cls, kept.attribute):
                what = f"`{cls.name}.{kept.attribute}` is a plain {kept.kind}: its parameters are not trained, moved or saved"
                yield finding(module.place(kept.store.node), what)
        for name, stores in cls.cls.stores.items():
            store = stores[0]
            if len(stores) != 1 or store.function.name != "__init__" or store.path or len(cls.stores(name)) != 1:
                continue
            if not isinstance(store.value, ast.Call | ast.BinOp):
                continue
            value = cls.frame(store.function, cls.self_value).value(store.value)
            text = module.code(store.node)
            if _is_lost(value, store.value, store.function):
                what = f"`{text}` is computed from a parameter, so `{cls.name}` does not register it"
            elif _is_free_leaf(value) and not module.project.mentions(f".{name}]"):
                what = f"`{text}` is a plain tensor with `requires_grad`, which `{cls.name}` does not register"
            else:
                continue
            if is_used(cls, name) and not is_handed_out(cls, name):
                yield finding(module.place(store.node), what, fix=_moved_inside(store.value))


def _is_lost(value: Value, expression: ast.expr, init: Function) -> bool:
    operand: Value | None = None
    if value.kind == "binary":
        operand = next((item for item in value.items if item.name == PARAMETER), None)
    elif value.kind == "call" and value.name.rpartition(".")[2] in _NEW:
        operand = value.base if value.name.startswith(".") else value.argument(0)
        moved = value.argument(0, "dtype") if value.name in (".to", ".type") else None
        if moved is not None and (moved.const == "cpu" or moved.name in ("torch.float", "torch.float32")):
            return False
    if operand is None or operand.kind != "instance" or operand.name != PARAMETER:
        return False
    if operand.argument(1, "requires_grad") is not None:
        return False
    inside = list(walk(expression))
    if operand.node in inside:
        return True
    names = {node.id for node in inside if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    uses = [n for n in walk(init.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n not in inside]
    return not any(
        isinstance(n, ast.Attribute) for n in inside if n is not getattr(expression, "func", None)
    ) and names.isdisjoint({n.id for n in uses} - {a.arg for a in init.parameters})


def _is_free_leaf(value: Value) -> bool:
    if value.kind == "call" and value.name == ".requires_grad_" and value.base is not None:
        flag = value.argument(0, "requires_grad")
        return value.base.call_of(*_FACTORIES) and (flag is None or flag.const is True)
    flag = value.argument(None, "requires_grad") if value.call_of(*_FACTORIES) else None
    return flag is not None and flag.const is True


def _moved_inside(expression: ast.expr) -> Fix | None:
    title = "Move the operation inside the parameter, which is then trained and saved"
    if isinstance(expression, ast.BinOp) and isinstance(expression.left, ast.Call) and len(expression.left.args) == 1:
        made, inner = expression.left, expression.left.args[0]
        if isinstance(inner, ast.Call | ast.Name | ast.Constant) and not made.keywords:
            changed = ast.BinOp(left=inner, op=expression.op, right=expression.right)
            return Fix.unsafe(title, replace(expression, f"{ast.unparse(made.func)}({ast.unparse(changed)})"))
    return None


def evidence() -> Evidence:
    """Seven ways to write a weight: which are registered; and a fit of `y = 3x` with one of them."""
    import torch
    from torch import nn

    class Spellings(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scaled = nn.Parameter(torch.zeros(3)) * 0.02
            self.moved = nn.Parameter(torch.zeros(3)).to(torch.float64)
            self.leaf = torch.zeros(3, requires_grad=True)
            self.reshaped = nn.Parameter(torch.zeros(3)).unsqueeze(0)
            self.cloned = nn.Parameter(torch.zeros(3)).clone()
            self.expanded = nn.Parameter(torch.zeros(3)).expand(2, 3)
            self.listed = [nn.Parameter(torch.zeros(3))]
            self.not_moved = nn.Parameter(torch.zeros(3)).to("cpu")
            self.asked = nn.Parameter(torch.zeros(3)).requires_grad_(True)
            self.filled = nn.init.ones_(nn.Parameter(torch.zeros(3)))

    registered = [name for name, _ in Spellings().named_parameters()]

    class Scale(nn.Module):
        def __init__(self, lost: bool) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1)) * 0.5 if lost else nn.Parameter(torch.ones(1) * 0.5)
            self.bias = nn.Parameter(torch.zeros(1))

    def fit(lost: bool) -> float:
        torch.manual_seed(0)
        x = torch.randn(64)
        model = Scale(lost)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(50):
            optimizer.zero_grad()
            ((x * model.weight + model.bias - 3 * x) ** 2).mean().backward(retain_graph=True)
            optimizer.step()
        return model.weight.item()

    bad, good = fit(lost=True), fit(lost=False)
    return Evidence(
        f"of ten spellings {len(registered)} are registered ({', '.join(registered)}); a lost weight keeps its initial value",
        (Measured("weight after fitting y = 3x, from 0.5", bad, good),),
        holds=registered == ["not_moved", "asked", "filled"] and bad == 0.5 and abs(good - 3) < 0.1,
    )
