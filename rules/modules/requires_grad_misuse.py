"""An assignment that looks like freezing creates a plain attribute and freezes nothing.

`requires_grad` is an attribute of tensors. On a module, `model.backbone.requires_grad = False` only makes a new
attribute that nobody reads; so does a misspelling such as `parameter.require_grad = False`. Nothing raises, every
parameter keeps training: in the experiment below the "frozen" backbone has moved after one step.

```py bad
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(width, 64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


def finetune(width: int) -> nn.Module:
    model = Net(width, 10)
    model.backbone.requires_grad = False  # TL412
    return model
```

```py fixed
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(width, 64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


def finetune(width: int) -> nn.Module:
    model = Net(width, 10)
    model.backbone.requires_grad_(False)
    return model
```

```py good
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(width, 64), nn.ReLU())
        self.head = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.backbone(x))


def finetune(width: int) -> nn.Module:
    model = Net(width, 10)
    for parameter in model.backbone.parameters():
        parameter.requires_grad = False
    model.head.weight.requires_grad = True
    return model
```

A misspelling:

```py bad
from torch import nn


def freeze(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.require_grad = False  # TL412
```

```py fixed
from torch import nn


def freeze(model: nn.Module) -> None:
    for parameter in model.parameters():
        parameter.requires_grad = False
```

```py good
import torch
from torch import nn


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.requires_grad = True
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale if self.requires_grad else x


def disable(gate: Gate) -> None:
    gate.requires_grad = False
```

The loop goes over modules where parameters were meant, and the model is built in another file:

```py bad file=model.py
from torch import nn


def build_model(classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, classes))
```

```py bad file=freeze.py
from torch import nn

from model import build_model


def frozen(classes: int) -> nn.Module:
    model = build_model(classes)
    for child in model.children():
        child.requires_grad = False  # TL412
    return model
```

```py good
from torch import nn


def frozen(model: nn.Module) -> nn.Module:
    for child in list(model.children())[:-1]:
        child.requires_grad_(False)
    for child in model.children():
        for parameter in child.parameters():
            parameter.requires_grad = parameter.dim() > 1
    return model
```

## When it is fine

On tensors and parameters the assignment is right. A module class that defines `requires_grad` itself (a property, or an
attribute that its own methods read) means something else by it.

## Not seen

Values of unknown kind. Near-misses of the name are only reported on values that are known to be tensors or modules.

## Fix safety

Unsafe: the parameters really are frozen (or unfrozen), so training changes.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.requires_grad_
- https://docs.pytorch.org/docs/stable/notes/autograd.html#setting-requires-grad
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Value,
    finding,
    is_module,
    is_tensor,
    rename_attribute,
    replace,
    rule,
    value_class,
)


@rule("TL412", "requires-grad-misuse", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for name in module.source.stored:
        misspelled = _is_near_miss(name)
        if name != "requires_grad" and not misspelled:
            continue
        for node, frame in module.stores(name):
            owner = frame.value(node.value)
            tensor, part = is_tensor(owner), _is_module(owner)
            if (not tensor or not misspelled) and not part:
                continue
            text = module.code(node.value)
            if misspelled:
                message = f"`{text}.{name}` is a new attribute, `requires_grad` stays as it was"
            else:
                message = f"`{text}` is a module, on which `requires_grad` is a plain attribute that nothing reads"
            yield finding(module.place(node), message, fix=_fix(module, node, owner))


def _fix(module: Module, node: ast.Attribute, owner: Value) -> Fix | None:
    statement = module.statement(node)
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    title = f"Set `requires_grad` of `{module.code(node.value)}`, which changes what is trained"
    if is_tensor(owner):
        return Fix.unsafe(title, rename_attribute(node, "requires_grad"))
    call = f"{module.code(node.value)}.requires_grad_({module.code(statement.value)})"
    return Fix.unsafe(title, replace(statement, call))


def _is_module(value: Value) -> bool:
    """Whether a value is a module whose class does not give `requires_grad` a meaning of its own."""
    if value.kind == "union":
        return all(_is_module(option) for option in value.items)
    if value.kind == "element" and value.base is not None:
        owner = _listed(value.base).method("children", "modules")
        return owner is not None and is_module(owner) is not False
    if value.kind == "item" and value.base is not None and value.base.kind == "element":
        pairs = value.base.base
        index = value.items[0]
        return index.const == 1 and pairs is not None and pairs.method("named_children", "named_modules") is not None
    if is_module(value) is not True:
        return False
    if value.kind != "instance" or value.target is None:
        return True
    model = value_class(value)
    return not model.stores("requires_grad") and model.class_attribute("requires_grad") is None


def _listed(value: Value) -> Value:
    """What is listed: without `list(...)` and a slice of it."""
    while True:
        if value.kind == "item" and value.base is not None and value.items[0].kind == "slice":
            value = value.base
        elif value.kind == "call" and value.name in ("list", "tuple", "reversed") and len(value.arguments) == 1:
            value = value.arguments[0]
        else:
            return value


def _is_near_miss(name: str) -> bool:
    """Whether a name is one or two slips away from `requires_grad`, and is none of torch's own."""
    meant = "requires_grad"
    if name == meant or abs(len(name) - len(meant)) > 2 or name[0] != "r" or not name.endswith(("grad", "grads")):
        return False
    row = list(range(len(meant) + 1))
    for i, letter in enumerate(name, 1):
        before, row[0] = row[0], i
        for j, other in enumerate(meant, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != other))
    return row[-1] <= 2


def evidence() -> Evidence:
    """One SGD step after `backbone.requires_grad = False` and after `backbone.requires_grad_(False)`."""
    import torch
    from torch import nn
    from torch.nn import functional

    def moved(method: bool) -> tuple[int, float]:
        torch.manual_seed(0)
        backbone, head = nn.Sequential(nn.Linear(20, 32), nn.ReLU()), nn.Linear(32, 5)
        if method:
            backbone.requires_grad_(False)
        else:
            backbone.requires_grad = False
        before = backbone[0].weight.detach().clone()
        optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.1)
        functional.cross_entropy(head(backbone(torch.randn(64, 20))), torch.randint(0, 5, (64,))).backward()
        optimizer.step()
        trainable = sum(parameter.requires_grad for parameter in backbone.parameters())
        return trainable, (backbone[0].weight - before).abs().max().item()

    (open_bad, moved_bad), (open_good, moved_good) = moved(False), moved(True)
    return Evidence(
        "parameters of a backbone that still train after `backbone.requires_grad = False`",
        (
            Measured("trainable parameters", bad=open_bad, good=open_good),
            Measured("largest change of a frozen weight", bad=moved_bad, good=moved_good),
        ),
        holds=open_bad == 2 and open_good == 0 and moved_good == 0 < moved_bad,
    )
