"""Parameters that are created after the optimizer was built are never updated.

An optimizer keeps the parameter objects that it was given. Replacing a head, adding adapters, resizing an embedding or
rebinding the model afterwards makes new objects that it has never heard of: the model computes with them, `backward()`
fills their gradients, and `step()` moves the old ones. In the experiment below the new head changes by exactly 0 and
the loss stays at 1.61 instead of falling to 0.71.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
model[2] = nn.Linear(64, 5)  # TL106
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
model[2] = nn.Linear(64, 5)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
```

```py bad
import torch
import torchvision
from torch import nn


def adapt(model, classes):
    model.fc = nn.Linear(512, classes)  # TL106


def finetune(loader):
    model = torchvision.models.resnet18(weights="DEFAULT")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    adapt(model, 10)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
```

```py bad
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM


def finetune(loader):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM"))  # TL106
    model.train()
    for batch in loader:
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
```

```py good
import torch
import torchvision
from torch import nn


def finetune(loader):
    model = torchvision.models.resnet18(weights="DEFAULT")
    model.fc = nn.Linear(512, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
```

Moving, casting, compiling or loading keeps the parameter objects (checked in torch 2.13), so this is fine:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(loader, device, checkpoint):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    model = model.to(device)
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


def train(loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model[2] = nn.Linear(64, 5)
    optimizer.add_param_group({"params": model[2].parameters()})
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
```

## When it is fine

The optimizer is built again, or the new parameters are added with `add_param_group`, before training goes on; the
replaced part is frozen; or the model with the new part is only evaluated.

## Not seen

Parameters swapped inside a call that cannot be followed. Sharding wrappers that replace parameters (`fully_shard`)
are covered when they stand between the optimizer and the loop of the same function.

## Fix safety

Unsafe: from now on the new parameters are trained.

## References

- https://docs.pytorch.org/docs/stable/optim.html#constructing-it
- https://docs.pytorch.org/tutorials/intermediate/FSDP_tutorial.html
"""

from __future__ import annotations

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Finding,
    Findings,
    Fix,
    Measured,
    Module,
    Trace,
    Value,
    finding,
    gives_parameters,
    holds,
    may_touch,
    move_after,
    rule,
    this,
    trained_by,
    walk,
)


@rule("TL106", "optimizer-stale-parameters", Category.CORRECTNESS, since="0.1", triggers=("optim",))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for made in trace.of("optimizer"):
            modules = trained_by(made.value)
            if not modules or not trace.complete:
                continue
            for event in trace.events:
                holder = gives_parameters(event)
                if (
                    holder is not None
                    and any(holds(m, holder) for m in modules)
                    and _stays(trace, made, event, modules)
                ):
                    yield _report(module, made, event)


def _stays(trace: Trace, made: Event, event: Event, modules: tuple[Value, ...]) -> bool:
    """Whether the optimizer certainly steps on without the new parameters, and gradients are computed meanwhile."""
    optimizer = made.value
    if trace.path(made, this(event)) is None:
        return False
    renewed = [e for e in trace.of("optimizer", "add_param_group") if e is not made]
    renewed += [e for e in trace.events if may_touch(e, (optimizer,))]
    steps = [step for step in trace.of("step") if step.key == optimizer.key]
    if any(trace.path(event, this(r)) is not None for r in renewed):
        return False
    for backward in trace.of("backward"):
        if trace.path(event, this(backward)) is not None:
            if any(trace.path(backward, this(step)) is not None for step in steps):
                return True
    return False


def _report(module: Module, made: Event, event: Event) -> Finding:
    node = event.node
    changed = module.code(node.targets[0] if isinstance(node, ast.Assign) else node)
    name = _name(module, made)
    message = f"`{changed}` brings parameters that `{name}` was built without: they are never updated"
    return finding(event, message, see=[(made, "the optimizer is built here")], fix=_fix(module, made, event, name))


def _name(module: Module, made: Event) -> str:
    statement = module.statement(made.node) if made.is_local else None
    return module.code(statement.targets[0]) if isinstance(statement, ast.Assign) else "the optimizer"


def _fix(module: Module, made: Event, event: Event, name: str) -> Fix | None:
    built, change = module.statement(made.node), module.statement(event.node)
    if not made.is_local or made.frame is not event.frame or built is None or change is None:
        return None
    parent = module.parent(built)
    block: list[ast.stmt] = getattr(parent, "body", [])
    if built not in block or change not in block:
        return None
    between = block[block.index(built) + 1 : block.index(change) + 1]
    words = {
        module.code(n) for statement in between for n in walk(statement) if isinstance(n, ast.Name | ast.Attribute)
    }
    if name in words:
        return None
    return Fix.unsafe(
        "Build the optimizer after the change (the new parameters are trained)", move_after(built, change)
    )


def evidence() -> Evidence:
    """A head replaced, and a whole model rebound, before and after the optimizer is built; then fifty steps."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(512, 20, generator=generator)
    targets = (inputs @ weights).argmax(1)

    def build(classes: int) -> nn.Sequential:
        return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, classes))

    def train(*, late: bool) -> tuple[float, list[float]]:
        torch.manual_seed(0)
        model = build(10)
        model[0].requires_grad_(False)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        model[2] = nn.Linear(64, 5)
        if not late:
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        before = model[2].weight.detach().clone()
        losses = []
        for _ in range(50):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        return float((model[2].weight.detach() - before).abs().max()), losses

    bad_change, bad_losses = train(late=True)
    good_change, good_losses = train(late=False)
    moved = build(5)
    optimizer = torch.optim.SGD(moved.parameters(), lr=0.1)
    moved.load_state_dict(build(5).state_dict())
    moved.to(torch.float64)
    same = optimizer.param_groups[0]["params"][0] is moved[0].weight
    return Evidence(
        "a head that replaces another after the optimizer was built is not trained; moving and loading keep parameters",
        (
            Measured("largest change of the new head in 50 steps", bad_change, good_change),
            Measured("loss at step 50", bad_losses[-1], good_losses[-1], "", bad_losses, good_losses),
        ),
        holds=bad_change == 0.0 and good_losses[-1] < 0.6 * bad_losses[-1] and same,
    )
