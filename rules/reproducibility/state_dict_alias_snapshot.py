"""A kept `state_dict()` refers to the living weights, so the snapshot follows the training.

`model.state_dict()` returns references. Keeping it as "the best weights" and restoring it at the end restores the
*last* weights. `dict(...)`, `.copy()` and a comprehension over the items copy the dictionary and not the tensors;
`.cpu()` copies only if the model is on another device. In the experiment below the kept weights have moved as far as
the living ones.

```py bad
import torch
from torch import nn


def fit(model: nn.Module, loader, validate, epochs: int) -> nn.Module:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best_loss, best_state = float("inf"), None
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        score = validate(model)
        if score < best_loss:
            best_loss = score
            best_state = model.state_dict()  # TL702
    model.load_state_dict(best_state)
    return model
```

```py fixed
import copy

import torch
from torch import nn


def fit(model: nn.Module, loader, validate, epochs: int) -> nn.Module:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best_loss, best_state = float("inf"), None
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        score = validate(model)
        if score < best_loss:
            best_loss = score
            best_state = copy.deepcopy(model.state_dict())
    model.load_state_dict(best_state)
    return model
```

```py good
import copy

import torch
from torch import nn


def fit(model: nn.Module, loader, validate, epochs: int) -> nn.Module:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best_loss, best_state = float("inf"), copy.deepcopy(model.state_dict())
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        score = validate(model)
        if score < best_loss:
            best_loss = score
            best_state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best_state)
    return model
```

In an early-stopping object, with a shallow copy; the training step is in another file:

```py bad file=stopping.py
class EarlyStopping:
    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.waited = 0
        self.best = float("inf")
        self.weights = None

    def update(self, loss: float, model) -> bool:
        if loss < self.best:
            self.best, self.waited = loss, 0
            self.weights = model.state_dict().copy()
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model) -> None:
        model.load_state_dict(self.weights)
```

```py bad file=train.py
import torch
from torch import nn

from stopping import EarlyStopping


def fit(model: nn.Module, loader, validate, epochs: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    stopping = EarlyStopping(patience=3)
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        if stopping.update(validate(model), model):  # TL702
            break
    stopping.restore(model)
```

```py good
import torch
from torch import nn


def fit(model: nn.Module, loader, validate, epochs: int, path: str) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best_loss = float("inf")
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        state = model.state_dict()
        score = validate(model)
        if score < best_loss:
            best_loss = score
            torch.save({"model": state, "score": score}, path)
```

```py good
import torch
from torch import nn


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    state = source.state_dict()
    target.load_state_dict({name: value for name, value in state.items() if name in target.state_dict()})


def average(models: list[nn.Module]) -> dict[str, torch.Tensor]:
    states = [model.state_dict() for model in models]
    return {name: torch.stack([state[name].float() for state in states]).mean(dim=0) for name in states[0]}
```

## When it is fine

A state dict that is saved, loaded or compared before the model trains on is current when it is used. The state of a
model that does not train (an average of weights, a teacher) stands still.

## Not seen

Snapshots of models that are trained by code outside the checked project. `{k: v.cpu() ...}` is not reported: it
copies if the model is on another device.

## Fix safety

Unsafe: the restored weights are those of the best epoch and no longer those of the last, which is what the code says.

## References

- https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html (the note on `deepcopy`)
- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.state_dict
"""

import ast
from typing import NamedTuple

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Trace,
    ensure_import,
    finding,
    holds,
    optimizer_of,
    rule,
    trained_by,
    walk,
    wrap,
)


@rule("TL702", "state-dict-alias-snapshot", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for trace in module.traces:
        for taken in trace.of("state_dict"):
            kept = _kept(taken)
            if kept is None:
                continue
            step, used = _overtaken(trace, taken, kept.value)
            if step is None or used is None or not any(event.is_local for event in (taken, step, used)):
                continue
            name = module.code(kept.name)
            yield finding(
                taken,
                f"`{name}` refers to the weights themselves, which `{module.code(step.node)}` goes on changing",
                see=[(step, "this step changes the kept weights too"), (used, "the kept weights are used here")],
                fix=_fix(kept),
            )


class _Kept(NamedTuple):
    """What keeps a state dict: the name and the expression that it is kept by."""

    name: ast.expr
    value: ast.expr


def _kept(taken: Event) -> _Kept | None:
    """The assignment that keeps a state dict, alone, in a tuple or in a dictionary, or that copies only its dictionary."""
    statement = taken.frame.source.statement(taken.node)
    if not isinstance(statement, ast.Assign):
        return None
    name, value = statement.targets[0], statement.value
    if isinstance(name, ast.Tuple) and isinstance(value, ast.Tuple) and len(name.elts) == len(value.elts):
        pairs = zip(name.elts, value.elts, strict=True)
        name, value = next(((n, v) for n, v in pairs if _shares(v, taken)), (name, value))
    if isinstance(value, ast.Dict):
        value = next((part for part in value.values if _shares(part, taken)), value)
    if not isinstance(name, ast.Name | ast.Attribute) or not _shares(value, taken):
        return None
    return _Kept(name, value)


def _shares(node: ast.expr, taken: Event) -> bool:
    """Whether an expression is a state dict or a copy of its dictionary, which shares its tensors."""
    if isinstance(node, ast.DictComp) and isinstance(node.value, ast.Name) and len(node.generators) == 1:
        pair, items = node.generators[0].target, node.generators[0].iter
        names = [n.id for n in walk(pair) if isinstance(n, ast.Name)]
        owner = items.func if isinstance(items, ast.Call) else None
        return node.value.id in names and isinstance(owner, ast.Attribute) and owner.value is taken.node
    if isinstance(node, ast.Call) and node is not taken.node:
        callee = taken.frame.value(node.func)
        if callee.name in ("dict", "copy.copy", "collections.OrderedDict") and len(node.args) == 1:
            return node.args[0] is taken.node
        return isinstance(node.func, ast.Attribute) and node.func.attr == "copy" and node.func.value is taken.node
    return node is taken.node


def _overtaken(trace: Trace, taken: Event, kept: ast.expr) -> tuple[Event | None, Event | None]:
    """A step that changes the model after its state was kept, and a use of the state after that step."""

    def again(event: Event) -> bool:
        return event.node is taken.node  # taken afresh, also by another call of the same function

    step = trace.path(taken, lambda event: _trains(trace, event, taken), again)
    if step is None:
        return None, None
    shared = {id(node) for node in walk(kept)}
    return step, trace.path(step, lambda event: _uses(event, taken, kept, shared), again)


def _trains(trace: Trace, event: Event, taken: Event) -> bool:
    """Whether an event is a step of an optimizer that certainly changes the model."""
    if event.kind != "step" or taken.subject is None:
        return False
    optimizer = optimizer_of(event)
    modules = trained_by(optimizer) if optimizer is not None else None
    if modules is not None:
        return any(holds(taken.subject, module) or holds(module, taken.subject) for module in modules)
    loop = event.loop
    applied = trace.inside(loop, "forward", "call") if loop is not None else []
    return any(one.key == taken.key for one in applied)


def _uses(event: Event, taken: Event, kept: ast.expr, shared: set[int]) -> bool:
    """Whether an event loads or saves what was kept."""
    if event.kind == "load_state_dict" and event.key != taken.key:
        return False
    if event.kind not in ("load_state_dict", "save") or not isinstance(event.node, ast.Call) or not event.node.args:
        return False
    given = event.node.args[0]
    parts = given.values if isinstance(given, ast.Dict) else [given]
    for part in parts:
        if any(definition.value is kept for definition in event.frame.flow.reaching.get(id(part), ())):
            return True
        if any(id(option.node) in shared for option in event.frame.value(part).options):
            return True
    return False


def _fix(kept: _Kept) -> Fix:
    title = "Copy the weights, so that later steps leave them as they are"
    return Fix.unsafe(title, wrap(kept.value, "copy.deepcopy({})"), ensure_import("copy"))


def evidence() -> Evidence:
    """Keeps the weights in four ways, trains for twenty steps, and measures how far the kept weights moved."""
    import copy

    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    x, y = torch.randn(256, 20), torch.randint(0, 5, (256,))
    start = model[0].weight.detach().clone()
    kept, shallow = model.state_dict(), dict(model.state_dict())
    deep = copy.deepcopy(model.state_dict())
    cloned = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for _ in range(20):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    def drift(state: dict[str, torch.Tensor]) -> float:
        return (state["0.weight"] - start).abs().max().item()

    return Evidence(
        "how far weights that were kept before training have moved after twenty steps of it",
        (
            Measured("kept `state_dict()` against a deep copy", bad=drift(kept), good=drift(deep)),
            Measured("copy of the dictionary against clones", bad=drift(shallow), good=drift(cloned)),
        ),
        holds=min(drift(kept), drift(shallow)) > 0.01 and drift(deep) == drift(cloned) == 0,
    )
