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

The loop goes over modules where parameters were meant, and the model is built in another file:

```py bad file=model.py
from torch import nn


def build_model(classes: int) -> nn.Module:
    return nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, classes))
```

```py bad file=freeze.py
from model import build_model


def frozen(classes: int):
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

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL412", "requires-grad-misuse", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


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
            setattr(backbone, "requires_grad", False)
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
