"""Gradient clipping in the wrong place, or over a spent iterator, clips nothing.

Clipping scales `.grad`, so it only counts between the last `backward()` and `step()`. After the step the damage is
done; before `backward()` there is nothing to scale yet; and a generator such as `params = model.parameters()` is empty
once the optimizer has read it, so clipping it returns a norm of 0 and touches no gradient. None of the three raises.
With a maximum norm of 0.1 and a learning rate of 0.1 no update may be longer than 0.01: clipped too late, the first
one below is 9.97.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # TL104
```

```py fixed
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


class Learner:
    def __init__(self, model: nn.Module):
        self.model = model
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def prepare(self):
        self.optimizer.zero_grad()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 0.5)  # TL104

    def fit(self, loader):
        self.model.train()
        for x, y in loader:
            self.prepare()
            loss = F.mse_loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


def finetune(model: nn.Module, loader):
    params = filter(lambda p: p.requires_grad, model.parameters())
    optimizer = torch.optim.AdamW(params, lr=1e-4)
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)  # TL104
        optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


def finetune(model: nn.Module, loader):
    params = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(params, lr=1e-4)
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
        optimizer.zero_grad()
```

Clipping each micro-batch works on the sum so far; that is another method than clipping once, but it does something:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(loader, accumulate=4):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for i, (x, y) in enumerate(loader):
        (F.cross_entropy(model(x), y) / accumulate).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


def train(model: nn.Module, loader):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        params = filter(lambda p: p.requires_grad, model.parameters())
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(params, 1.0)
        optimizer.step()
```

## When it is fine

A call with an infinite maximum norm only measures, and may stand anywhere the gradients live. A generator that is
built again before every use is not spent.

## Not seen

Clipping through hooks, through an optimizer of your own, or by a framework that owns the step. Clipping before
`scaler.unscale_(optimizer)` is the rule `clip-before-unscale`.

## Fix safety

Unsafe: the clipping starts to work, so updates become smaller than they were.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
- https://github.com/pytorch/pytorch/issues/148259
"""

from __future__ import annotations

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Fix,
    Measured,
    Module,
    Trace,
    Value,
    clearing,
    common_loop,
    concerns,
    filling,
    finding,
    gradients_by_hand,
    managed,
    may_touch,
    move_before,
    one_shot,
    optimizer_of,
    rule,
    step_in_vain,
    this,
    trained_by,
    wrap,
)


@rule("TL104", "clip-has-no-effect", Category.CORRECTNESS, since="0.1", triggers=("clip", "optim", "backward"))
def check(module: Module) -> Findings:
    for trace in module.traces:
        for clip in trace.of("clip"):
            if _only_measures(clip):
                continue
            for step in trace.of("step"):
                optimizer = optimizer_of(step)
                if optimizer is None:
                    continue
                found = list(_spent(module, trace, clip, optimizer)) or list(
                    _misplaced(module, trace, clip, step, optimizer)
                )
                if found:
                    yield found[0]
                    break


def _only_measures(clip: Event) -> bool:
    limit = clip.argument(1, "max_norm") or clip.argument(None, "clip_value")
    if limit is None:
        return clip.manager is None
    if limit.kind == "const":
        return isinstance(limit.const, int | float) and limit.const >= 1e5
    return any(part.name.endswith("inf") or part.const in ("inf", "Inf") for part in limit.walk())


def _spent(module: Module, trace: Trace, clip: Event, optimizer: Value) -> Findings:
    params = clip.subject
    given = optimizer.argument(0, "params")
    if params is None or given is None or params.key != given.key or not one_shot(params) or params.node is None:
        return
    fix = None
    if params.frame is not None and params.frame.source is trace.source and isinstance(params.node, ast.expr):
        fix = Fix.unsafe("Keep the parameters in a list (the clipping starts to work)", wrap(params.node, "list({})"))
    message = f"`{module.code(clip.node)}` clips nothing: the optimizer has used up the iterator"
    yield finding(clip, message, see=[(params, "an iterator that can be read once"), (optimizer, "read here")], fix=fix)


def _misplaced(module: Module, trace: Trace, clip: Event, step: Event, optimizer: Value) -> Findings:
    loop = common_loop(clip, step)
    if loop is None or concerns(clip, optimizer) is not True or not trace.complete:
        return
    clears = clearing(trace, optimizer)
    backwards = trace.inside(loop, "backward")
    users = [event for event in trace.of("step") if concerns(event, optimizer) is not False]
    if not backwards or not clears or any(managed(backward) is not False for backward in backwards):
        return
    filled = any(trace.path(backward, this(clip), lambda e: e in clears) for backward in backwards)
    used = trace.path(clip, lambda e: e in users, lambda e: e in clears) is not None
    if (filled and used) or gradients_by_hand(trace, loop):
        return
    others = [event for event in filling(trace, optimizer) if event not in backwards]
    filled = filled or any(trace.path(other, this(clip), lambda e: e in clears) for other in others)
    objects = (optimizer, *(trained_by(optimizer) or ()))
    users = [event for event in trace.of("call") if may_touch(event, objects)]
    used = used or trace.path(clip, lambda e: e in users, lambda e: e in clears) is not None
    if step_in_vain(trace, step) is not None:
        return
    code = module.code(clip.node)
    if not filled and trace.from_entry(this(clip), lambda e: e in clears) is None:
        message = f"`{code}` runs before `backward()`, when there are no gradients to clip"
    elif not used:
        message = f"`{code}` clips gradients that are cleared before the next step"
    else:
        return
    fix = None
    late, early = module.statement(clip.node), module.statement(step.node)
    if clip.is_local and clip.frame is step.frame and late is not None and early is not None:
        if module.parent(late) is module.parent(early):
            fix = Fix.unsafe(
                "Clip between `backward()` and `step()` (the clipping starts to work)", move_before(late, early)
            )
    yield finding(clip, message, see=[(step, "the step that should use clipped gradients")], fix=fix)


def evidence() -> Evidence:
    """The length of the first update under clipping to 0.1 with learning rate 0.1, for each misplacement."""
    import warnings
    from collections.abc import Iterable

    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(512, 20, generator=generator)
    targets = (inputs @ weights).argmax(1)

    def first_update(place: str) -> float:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        params: Iterable[nn.Parameter] = filter(lambda p: p.requires_grad, model.parameters())
        if place != "spent":
            params = list(params)
        before = [p.detach().clone() for p in model.parameters()]
        optimizer = torch.optim.SGD(params, lr=0.1)
        if place == "before backward":
            nn.utils.clip_grad_norm_(params, 0.1)
        F.cross_entropy(model(inputs * 10) * 10, targets).backward()
        if place in ("between", "spent"):
            nn.utils.clip_grad_norm_(params, 0.1)
        optimizer.step()
        if place == "after step":
            nn.utils.clip_grad_norm_(params, 0.1)
        moved = [(p.detach() - q).flatten() for p, q in zip(model.parameters(), before, strict=True)]
        return float(torch.linalg.vector_norm(torch.cat(moved)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = first_update("between")
        places = ("after step", "before backward", "spent")
        lengths = [first_update(place) for place in places]
    return Evidence(
        "clipping after the step, before the backward pass or over a spent iterator leaves the update as long as it was",
        tuple(Measured(f"length of the first update, {p}", n, right) for p, n in zip(places, lengths, strict=True)),
        holds=right <= 0.0101 and all(length > 100 * right for length in lengths),
    )
