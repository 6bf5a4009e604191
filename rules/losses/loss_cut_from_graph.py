"""A loss that is wrapped in a new leaf tensor runs backward and trains nothing.

`backward()` refuses a loss without a history: "element 0 of tensors does not require grad". Setting `requires_grad` on
the loss, or making a new tensor out of it, silences the error by making the loss its own leaf: the gradient ends there.
Five spellings of it were run for 50 steps: the loss stays at its first value to the last digit, no parameter gets a
gradient, and torch says nothing.

```py bad
import torch
import torch.nn.functional as F


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss = torch.tensor(loss.item(), requires_grad=True)
    loss.backward()  # TL206
    optimizer.step()
    return loss.item()
```

```py fixed
import torch
import torch.nn.functional as F


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py bad
import torch


def accuracy_loss(model, x, y):
    predicted = model(x).argmax(dim=1)
    loss = (predicted != y).float().mean()
    loss.requires_grad = True
    return loss


def fit(model, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        accuracy_loss(model, x, y).backward()  # TL206
        optimizer.step()
```

```py bad
from torch import nn
from torch.autograd import Variable


class Trainer:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer
        self.criterion = nn.MSELoss()

    def compute_loss(self, x, y):
        loss = self.criterion(self.model(x), y)
        return Variable(loss.data, requires_grad=True)

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.compute_loss(x, y)
        loss.backward()  # TL206
        self.optimizer.step()
```

```py bad
import torch
import torch.nn.functional as F


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y).detach().requires_grad_()
    loss.backward()  # TL206
    optimizer.step()
    return loss
```

```py good
import torch
import torch.nn.functional as F


def gradient_penalty(critic, real):
    real = real.detach().requires_grad_(True)
    scores = critic(real).sum()
    (gradient,) = torch.autograd.grad(scores, real, create_graph=True)
    return (gradient.norm(2, dim=1) - 1).pow(2).mean()


def step(critic, optimizer, real, labels):
    optimizer.zero_grad()
    loss = F.mse_loss(critic(real), labels) + gradient_penalty(critic, real)
    loss.backward()
    optimizer.step()
    return torch.tensor(loss.item())
```

```py good
import torch.nn.functional as F


def still_attached(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.requires_grad_(True)
    loss.backward()
    optimizer.step()
```

```py good
import torch
import torch.nn.functional as F


def saliency(model, image, label):
    image = image.clone().requires_grad_(True)
    F.cross_entropy(model(image), label).backward()
    return image.grad.abs()
```

```py good
import torch
import torch.nn.functional as F


def cached_gradient(embeddings, labels, hook):
    loss = F.cross_entropy(embeddings, labels).detach().requires_grad_()
    loss.register_hook(hook)
    loss.backward()


def fitted_offset(target):
    offset = torch.tensor(0.0, requires_grad=True)
    (offset - target).pow(2).mean().backward()
    return offset.grad
```

## When it is fine

`requires_grad_()` on a loss that still has its history does nothing, and the rule is silent. A new leaf that carries a hook is a
known trick to run another backward pass (gradient caching). A leaf is the right start of a graph; only a leaf that is
itself the loss is reported.

## Not seen

A loss whose history is cut inside a function that the rule cannot read; a loss of which only one term is cut.

## Fix safety

The fix is unsafe: with it the model begins to train. It is offered where the wrapping is a statement of its own.

## References

- `torch.Tensor.requires_grad_`, "Locally disabling gradient computation" in the notes on autograd.
"""

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Frame,
    Measured,
    Module,
    Value,
    cut_of,
    finding,
    is_tensor,
    remove,
    rule,
    walk,
)

_FACTORIES = ("torch.tensor", "torch.as_tensor", "torch.FloatTensor", "torch.Tensor")


@rule("TL206", "loss-cut-from-graph", Category.CORRECTNESS, since="0.1", triggers=("requires_grad",))
def check(module: Module) -> Findings:
    for trace in module.traces:
        unrecorded = {id(event.node) for event in trace.of("loss") if event.no_grad is True}
        for event in trace.of("backward"):
            loss = event.subject
            if loss is None or _is_looked_at(event):
                continue
            cut = _is_cut(loss) or id(loss.node) in unrecorded
            leaf = _leaf(loss) or (loss if cut and _is_enabled(loss, (loss.frame, event.frame)) else None)
            if leaf is None:
                continue
            yield finding(
                event,
                f"`{module.code(event.node)}` reaches no parameter: the loss was made a new leaf of the graph",
                see=[(leaf, "the loss is cut off here")],
                fix=_unwrapped(module, leaf),
            )


def _leaf(loss: Value) -> Value | None:
    """The expression that makes a leaf out of a loss, if the value certainly is one."""
    if loss.kind not in ("call", "instance"):
        return None
    if loss.name == ".requires_grad_" and loss.base is not None:
        return loss if _is_cut(loss.base) else None
    flag = loss.argument(1 if loss.name.endswith("Variable") else None, "requires_grad")
    if flag is None or flag.kind != "const" or flag.const is not True:
        return None
    if loss.name in ("torch.autograd.Variable", "torch.autograd.variable.Variable"):
        return loss
    data = loss.argument(0, "data") if loss.name in _FACTORIES else None
    return loss if data is not None and (data.method("item") is not None or is_tensor(data) is True) else None


def _is_enabled(loss: Value, frames: tuple[Frame | None, ...]) -> bool:
    """Whether a statement sets `requires_grad` on the loss itself."""
    for frame in frames:
        function = frame.function if frame is not None else None
        if frame is None or function is None:
            continue
        for node in walk(function.node):
            part: ast.expr | None = None
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is True:
                part = node.targets[0]
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                part = node.value.func
            if isinstance(part, ast.Attribute) and part.attr in ("requires_grad", "requires_grad_"):
                if frame.value(part.value).key == loss.key:
                    return True
    return False


def _is_cut(value: Value) -> bool:
    """Whether a value has no history: detached, an index, a comparison, a rounded number."""
    while value.kind == "call" and value.name in (".mean", ".sum", ".float", ".double", ".to"):
        value = value.base or value
    return value.kind == "compare" or cut_of(value) is not None


def _is_looked_at(event: Event) -> bool:
    """Whether a hook or a read of `.grad` makes use of the leaf."""
    function = event.frame.function
    if function is None:
        return False
    grads = (n for n in walk(function.node) if isinstance(n, ast.Attribute) and n.attr == "grad")
    return "register_hook" in function.words or any(ast.unparse(n.value) == event.text for n in grads)


def _unwrapped(module: Module, leaf: Value) -> Fix | None:
    if leaf.frame is None or leaf.frame.source is not module.source or not isinstance(leaf.node, ast.Call):
        return None
    statement = module.statement(leaf.node)
    if not isinstance(statement, ast.Assign) or statement.value is not leaf.node or len(statement.targets) != 1:
        return None
    target, data = statement.targets[0], leaf.node.args[0] if leaf.node.args else None
    while isinstance(data, ast.Attribute | ast.Call):
        data = data.func if isinstance(data, ast.Call) else data.value
    if not isinstance(target, ast.Name) or not isinstance(data, ast.Name) or data.id != target.id:
        return None
    return Fix.unsafe("Keep the loss in the graph, so that the model is trained", remove(statement))


def evidence() -> Evidence:
    """Five classes, 50 steps: five ways to cut the loss off, and the loss as it is."""
    import warnings

    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 20, generator=generator)
    y = (x @ torch.randn(20, 5, generator=generator)).argmax(1)

    def no_history(model: nn.Module) -> torch.Tensor:
        with torch.no_grad():
            loss = F.cross_entropy(model(x), y)
        loss.requires_grad = True
        return loss

    cuts = (
        lambda model: torch.tensor(F.cross_entropy(model(x), y).item(), requires_grad=True),
        lambda model: torch.autograd.Variable(F.cross_entropy(model(x), y).data, requires_grad=True),
        lambda model: F.cross_entropy(model(x), y).detach().requires_grad_(),
        lambda model: (model(x).argmax(1) != y).float().mean().requires_grad_(),
        no_history,
    )

    def train(loss_of) -> tuple[list[float], int]:  # type: ignore[no-untyped-def]
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
        losses = []
        for _ in range(50):
            optimizer.zero_grad()
            loss_of(model).backward()
            optimizer.step()
            with torch.no_grad():
                losses.append(F.cross_entropy(model(x), y).item())
        return losses, sum(p.grad is not None for p in model.parameters())

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        bad = [train(cut) for cut in cuts]
    good, good_gradients = train(lambda model: F.cross_entropy(model(x), y))
    moved = max(abs(losses[-1] - losses[0]) for losses, _ in bad)
    return Evidence(
        f"{len(cuts)} ways to cut the loss off: no parameter gets a gradient, the loss stays where it was, "
        f"and torch warns {len(said)} times",
        (
            Measured("loss after 50 steps", bad[0][0][-1], good[-1], bad_curve=bad[0][0], good_curve=good),
            Measured("parameters with a gradient", max(gradients for _, gradients in bad), good_gradients),
        ),
        holds=moved == 0 and not said and all(gradients == 0 for _, gradients in bad) and good[-1] < 0.2,
    )
