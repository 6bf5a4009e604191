"""A running sum of live losses keeps a piece of every iteration's graph in memory.

`total += loss` builds one graph over all iterations. After `backward()` the activations are gone, but the nodes of the graph
stay; in the experiment each iteration leaves eight of them behind, so memory grows with the length of the epoch. Where no
`backward()` runs at all, the activations stay too: an evaluation that holds its outputs needs memory for every batch at
once, and dies at the size of data set that nobody had tried.

```py bad
import torch
from torch import nn


def train_epoch(model, loader, optimizer):
    criterion = nn.CrossEntropyLoss()
    model.train()
    running_loss = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        running_loss += loss  # TL207
    return running_loss / len(loader)
```

```py fixed
import torch
from torch import nn


def train_epoch(model, loader, optimizer):
    criterion = nn.CrossEntropyLoss()
    model.train()
    running_loss = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        running_loss += loss.detach()
    return running_loss / len(loader)
```

```py bad
import torch.nn.functional as F


class Trainer:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer
        self.history = []

    def step(self, x, y):
        self.optimizer.zero_grad()
        loss = F.mse_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def fit(self, loader):
        self.model.train()
        for x, y in loader:
            loss = self.step(x, y)
            self.history.append(loss)  # TL207
```

```py good
import torch
import torch.nn.functional as F


def train_epoch(model, loader, optimizer):
    model.train()
    total, values = 0.0, []
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total += loss.detach()
        values.append(loss.item())
    return total / len(loader), values


@torch.no_grad()
def validate(model, loader):
    model.eval()
    total = 0.0
    for x, y in loader:
        total += F.cross_entropy(model(x), y)
    return total / len(loader)
```

```py good
import torch.nn.functional as F


def unrolled_step(model, optimizer, sequence, targets):
    optimizer.zero_grad()
    loss, state = 0.0, None
    for x, y in zip(sequence, targets):
        out, state = model(x, state)
        loss += F.cross_entropy(out, y)
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py good
import torch
import torch.nn.functional as F


def multi_task_step(models, optimizer, x, y):
    losses = []
    for model in models:
        losses.append(F.cross_entropy(model(x), y))
    optimizer.zero_grad()
    torch.stack(losses).mean().backward()
    optimizer.step()


def deep_supervision(outputs, y):
    total = 0.0
    for out in outputs:
        total = total + F.cross_entropy(out, y)
    return total
```

## When it is fine

The sum is itself the loss: `backward()` runs on it, or it is returned to someone who may do so. The rule looks
only at losses whose own backward pass has run, so that their graph can't be wanted any more.

## Not seen

Losses stored in an object that the rule cannot follow, or handed to a logger. An evaluation that records gradients
nobody asked for is the matter of `missing-no-grad`.

## References

- "My model reports cuda runtime error: out of memory" in the PyTorch FAQ: don't accumulate history across the training loop.
"""

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Function,
    Key,
    Loop,
    Measured,
    Module,
    Severity,
    Value,
    dotted,
    finding,
    roles,
    rule,
    statements,
    walk,
    wrap,
)

_COMPUTED = ("call", "apply", "binary", "attribute", "item")


@rule("TL207", "graph-accumulation", Category.PERFORMANCE, since="0.1", severity=Severity.INFO, triggers=("backward",))
def check(module: Module) -> Findings:
    if "detach_" in module.source.by_name:
        return
    additions = _additions(module)
    for trace in module.traces:
        backward = trace.of("backward")
        passes = [event for event in backward if _uses_up(event)]
        wanted = {dotted(part) for event in backward for part in walk(event.node)}
        for loop in trace.loops:
            inside = [event for event in passes if loop in event.loops]
            if not inside or loop.frame.source is not module.source:
                continue
            for name, kept in _kept(module, loop, inside, additions.get(loop.frame.function, ())):
                if name in wanted:
                    continue
                yield finding(
                    module.place(kept),
                    f"`{name}` keeps a piece of the graph of every `{module.code(kept)}` in memory",
                    see=[(inside[0], "its graph is used up here")],
                    fix=Fix.safe("Keep the number without its graph", wrap(kept, "{}.detach()")),
                )


def _uses_up(event: Event) -> bool:
    """Whether the backward pass starts at a scalar and frees the graph, as that of a loss does."""
    node = event.node
    if not isinstance(node, ast.Call) or node.keywords or not isinstance(node.func, ast.Attribute):
        return False
    return node.func.attr in ("backward", "manual_backward") and len(node.args) <= (0 if event.manager is None else 1)


class Addition(NamedTuple):
    """What is added to something, and the statement or call that does it: `x += y` and `x.append(y)`."""

    node: ast.AugAssign | ast.Call
    holder: ast.expr
    kept: ast.expr


def _kept(
    module: Module, loop: Loop, passes: list[Event], additions: Iterable[Addition]
) -> Iterator[tuple[str, ast.expr]]:
    """What the loop adds to a sum or list that outlives it, where that is a loss whose graph is used up."""
    losses = {key for event in passes if event.subject is not None for key in _scaled(event.subject)}
    lines = range(loop.node.lineno, (loop.node.end_lineno or loop.node.lineno) + 1)
    for node, holder, kept in additions:
        name = dotted(holder) if node.lineno in lines else None
        if name is None or any(losses.isdisjoint(_scaled(option)) for option in loop.frame.value(kept).options):
            continue
        if _starts_anew(loop, name):
            continue
        if not (isinstance(node, ast.AugAssign) and _without_gradients(module, node, loop)):
            yield name, kept


def _additions(module: Module) -> dict[Function | None, list[Addition]]:
    """All additions of the file by the function that they stand in."""
    found: dict[Function | None, list[Addition]] = {}
    for operation, function in module.source.operators.get(ast.Add, ()):
        if isinstance(operation, ast.AugAssign):
            found.setdefault(function, []).append(Addition(operation, operation.target, operation.value))
    for call, scope in module.source.by_name.get("append", ()):
        if isinstance(call.func, ast.Attribute) and call.args:
            found.setdefault(scope.function, []).append(Addition(call, call.func.value, call.args[0]))
    return found


def _scaled(value: Value) -> set[Key]:
    """The identities of a loss, and of what it is a multiple of."""
    keys: set[Key] = set()
    for option in value.options:
        keys.update(part.key for part in (option, *_multiplied(option)) if part.kind in _COMPUTED)
    return keys


def _multiplied(value: Value) -> list[Value]:
    """What a product or quotient is a multiple of, without what it is divided by and without factors from settings."""
    if value.kind != "binary" or value.name not in ("Mult", "Div"):
        return []
    factors = value.items if value.name == "Mult" else value.items[:1]
    return [factor for factor in factors if not _is_setting(factor)]


def _is_setting(value: Value) -> bool:
    """Whether a value is `config.scale` or `self.scale`, an attribute of something that no call has computed."""
    while value.kind == "attribute" and value.base is not None:
        value = value.base
        if value.kind in ("param", "instance", "ref", "package", "class"):
            return True
    return False


def _starts_anew(loop: Loop, name: str) -> bool:
    """Whether the loop itself gives the name a new value, as at the start of a window."""
    stored = (n for n in (loop.node, *statements(loop.node)) if isinstance(n, ast.Assign | ast.AnnAssign | ast.For))
    targets = (t for n in stored for t in (n.targets if isinstance(n, ast.Assign) else [n.target]))
    return any(dotted(part) == name for target in targets for part in walk(target))


def _without_gradients(module: Module, node: ast.AST, loop: Loop) -> bool:
    for holder in module.around(node):
        if holder is loop.node:
            return False
        if isinstance(holder, ast.With):
            if any(loop.frame.value(item.context_expr).name in roles.NO_GRAD for item in holder.items):
                return True
    return False


def evidence() -> Evidence:
    """Three hundred training steps: nodes of the graph held by the sum; forty forward passes without backward: bytes held."""
    import weakref

    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(0)
    x, y = torch.randn(64, 20), torch.randint(0, 5, (64,))

    def network() -> nn.Module:
        return nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 5))

    def nodes(total: torch.Tensor) -> int:
        seen, waiting = set(), [total.grad_fn]
        while waiting:
            node = waiting.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
        return len(seen)

    def train(live: bool) -> list[float]:
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.01)
        total = torch.zeros(())
        held: list[float] = []
        for _ in range(300):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total = total + (loss if live else loss.detach())
            held.append(float(nodes(total))) if len(held) % 60 == 0 or len(held) == 299 else held.append(held[-1])
        return held

    class Saved:
        def __init__(self, tensor: torch.Tensor) -> None:
            self.tensor = tensor.detach()

    def activations(live: bool) -> int:
        model, kept = network(), []
        alive: weakref.WeakSet[Saved] = weakref.WeakSet()

        def pack(tensor: torch.Tensor) -> Saved:
            saved = Saved(tensor)
            alive.add(saved)
            return saved

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved.tensor):
            for _ in range(40):
                loss = F.cross_entropy(model(x), y)
                kept.append(loss if live else loss.detach())
        del loss
        held = {saved.tensor.data_ptr(): saved.tensor for saved in alive}
        return sum(tensor.numel() * tensor.element_size() for tensor in held.values())

    bad, good = train(live=True), train(live=False)
    bad_bytes, good_bytes = activations(live=True), activations(live=False)
    return Evidence(
        f"after 300 steps the sum holds {bad[-1]:.0f} nodes of the graph, {bad[-1] / 300:.0f} an iteration; without backward it "
        "holds all activations",
        (
            Measured("nodes held by the sum", bad[-1], good[-1], bad_curve=bad, good_curve=good),
            Measured("activations held after 40 batches without backward", bad_bytes / 1e6, good_bytes / 1e6, "MB"),
        ),
        holds=bad[-1] > 300 and good[-1] == 0 and bad_bytes > 1e6 and good_bytes < bad_bytes / 10,
    )
