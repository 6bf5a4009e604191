"""Evaluating without `no_grad()` stores activations for a backward pass that never comes.

`eval()` changes what layers do, not whether autograd records. Each forward then stores its activations for as long as
its output lives. For the small convolutional network of the experiment that is 3.2 MB for a batch of 16, against none;
and where losses are collected as tensors the graphs of all batches are held at once: 64 MB after twenty batches.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import test_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
model.load_state_dict(torch.load("model.pt", weights_only=True))
model.eval()
hits = 0
for x, y in test_loader:
    hits += (model(x).argmax(1) == y).sum()  # TL408
print(hits)
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


def evaluate(model, loader):
    model.eval()
    outputs = []
    for x, _ in loader:
        outputs.append(model(x).argmax(1))  # TL408
    model.train()
    return torch.cat(outputs)


def main(train_loader, val_loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(10):
        for x, y in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        print(evaluate(model, val_loader))
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

from data import test_loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
model.load_state_dict(torch.load("model.pt", weights_only=True))
model.eval()
losses = []
with torch.no_grad():
    for x, y in test_loader:
        losses.append(F.cross_entropy(model(x), y))
```

The context may be held by whoever calls:

```py good
import torch
from torch import nn


def evaluate(model, loader):
    model.eval()
    return [model(x).argmax(1) for x, _ in loader]


def main(loader):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
    model.load_state_dict(torch.load("model.pt", weights_only=True))
    with torch.inference_mode():
        return evaluate(model, loader)
```

Gradients in evaluation mode are wanted for attacks, attribution and penalties:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def attack(loader, epsilon=0.03):
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
    model.load_state_dict(torch.load("model.pt", weights_only=True))
    model.eval()
    for x, y in loader:
        x.requires_grad_(True)
        (grad,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
        yield x.detach() + epsilon * grad.sign()
```

## When it is fine

Gradients that are used: adversarial examples, saliency, gradient penalties, test-time training. A function that is only
called under `no_grad()` or `inference_mode()`, and the evaluation hooks of Lightning. Models without trainable parameters
record nothing. A model that cannot be looked into may be one that returns derivatives (forces from an energy), where
a module of the project does.

## Not seen

Functions that nothing in the project calls, unless they detach the output: their caller may hold the context.

## References

- https://docs.pytorch.org/docs/stable/notes/autograd.html#locally-disabling-gradient-computation
- https://docs.pytorch.org/docs/stable/generated/torch.no_grad.html
"""

from __future__ import annotations

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Finding,
    Findings,
    Measured,
    Module,
    Place,
    Trace,
    Value,
    finding,
    has_parameters,
    may_touch,
    mode_setters,
    opposed,
    parts,
    rule,
    runs_of,
    takes_over,
    this,
    unwrapped,
)

_WANTED = frozenset({"grad", "requires_grad_", "jacobian", "hessian", "functional_call", "vjp", "jvp", "retain_grad"})


@rule("TL408", "missing-no-grad", Category.PERFORMANCE, since="0.1")
def check(module: Module) -> Findings:
    for trace in module.traces:
        if not trace.of("eval") or trace.of("grad_mode") or not trace.complete:
            continue
        trains = trace.function is None or any(event.no_grad is False for event in trace.of("backward"))
        for off in trace.of("eval"):
            runs = (
                [run for run in runs_of(trace, off.subject) if _is_recorded(trace, off, run)]
                if off.subject is not None
                else []
            )
            if not runs or _may_differentiate(module, off.subject):
                continue
            if any(_wants_gradients(event) for event in trace.events):
                break
            learns = trains and _learns(trace, off.subject)
            for run in runs:
                if (learns or _detached(trace, run)) and _is_evaluation(trace, off, run):
                    yield _report(module, run, off)


def _wants_gradients(event: Event) -> bool:
    """Whether an event asks for gradients of something else than a loss, or switches them by parameter."""
    return event.name.rpartition(".")[2] in _WANTED or (event.kind == "store" and event.name == "requires_grad")


def _may_differentiate(module: Module, model: Value | None) -> bool:
    """Whether a model that cannot be looked into may need gradients itself, as one that returns forces does."""
    if model is None or unwrapped(model).kind in ("instance", "call"):
        return False
    return module.project.modules_call(*_DERIVATIVES)


_DERIVATIVES = ("grad", "jacobian", "hessian", "vjp", "jvp", "jacrev", "jacfwd")


def _is_recorded(trace: Trace, off: Event, run: Event) -> bool:
    """Whether a forward pass runs in a loop that computes no gradients, without anything that switches recording off.

    In a loop that either trains or evaluates, the branch that trains does not count.
    """
    if run.no_grad is not False or run.loop is None:
        return False
    if any(not opposed(backward, off, run.loop) for backward in trace.inside(run.loop, "backward")):
        return False
    if takes_over("no-grad", run) is not False:
        return False
    return all(context.name in _PLAIN_CONTEXTS for context in run.contexts)


def _detached(trace: Trace, run: Event) -> bool:
    """Whether the output is detached in the same loop: its author expects that gradients are on."""
    cuts = (
        [event for event in trace.inside(run.loop, "call") if event.name == ".detach"] if run.loop is not None else []
    )
    return any(part.key == run.value.key for cut in cuts for part in parts(cut.value))


def _learns(trace: Trace, model: Value | None) -> bool:
    """Whether a model certainly has parameters with gradients: it is made here, or trained here."""
    if model is None:
        return False
    if unwrapped(model).kind in ("instance", "call"):
        return has_parameters(model) is True
    runs = [run for run in runs_of(trace, model) if run.loop is not None and run.no_grad is False]
    return any(trace.inside(run.loop, "backward") for run in runs if run.loop is not None)


def _is_evaluation(trace: Trace, off: Event, run: Event) -> bool:
    """Whether the model certainly is in evaluation mode, and nothing unknown is done with it before or meanwhile."""
    if off.subject is None:
        return False
    model = unwrapped(off.subject)
    for event in trace.of("call"):
        if (event.index < run.index or run.loop in event.loops) and may_touch(event, (model,)):
            return False
    setters = mode_setters(trace, off.subject)
    other = [event for event in setters if run.loop is not None and opposed(event, off, run.loop)]
    back = [event for event in setters if event is not off and event.kind != "eval" and event not in other]
    if off not in setters or any(trace.path(event, this(run), this(off)) is not None for event in back):
        return False
    branches = [off, *other]
    return trace.path(off, this(run)) is not None and trace.from_entry(this(run), lambda e: e in branches) is None


_PLAIN_CONTEXTS = frozenset({"torch.amp.autocast", "torch.autocast", "torch.cuda.amp.autocast"})


def _report(module: Module, run: Event, off: Event) -> Finding:
    message = f"`{module.code(run.node)}` records for a backward pass that never comes: gradients are not switched off"
    see: list[tuple[Event | Place, str]] = [(off, "evaluation begins here")]
    call = _call_from(off, run)
    if call is not None:
        see.append((module.place(call, off.frame), "it is run from here"))
    return finding(run, message, see=see)


def _call_from(off: Event, run: Event) -> ast.Call | None:
    """The call, beside the switch to evaluation, that leads to the run; `None` where both stand in one function."""
    frame = run.frame
    while frame.parent is not None and frame.parent is not off.frame:
        frame = frame.parent
    return frame.call if frame.parent is off.frame else None


def evidence() -> Evidence:
    """Bytes that autograd keeps while a small convolutional network evaluates twenty batches and collects its losses."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    def kept(*, record: bool) -> tuple[float, list[float]]:
        torch.manual_seed(0)
        layers = [
            nn.Conv2d(3, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
        ]
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 32 * 32, 10)).eval()
        weights = {p.data_ptr() for p in model.parameters()} | {b.data_ptr() for b in model.buffers()}
        storages: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.data_ptr() not in weights:
                storages[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        losses, curve = [], []
        with torch.set_grad_enabled(record), torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
            for _ in range(20):
                x, y = torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))
                losses.append(F.cross_entropy(model(x), y))
                curve.append(sum(storages.values()) / 2**20)
        return curve[0], curve

    bad_first, bad = kept(record=True)
    good_first, good = kept(record=False)
    return Evidence(
        "without `no_grad()` every evaluated batch stores its activations, and collected losses hold them all",
        (
            Measured("stored for one batch", bad_first, good_first, "MB"),
            Measured("held after 20 batches of collected losses", bad[-1], good[-1], "MB", bad, good, "batch"),
        ),
        holds=good[-1] == 0.0 and bad_first > 1.0 and bad[-1] > 10 * bad_first,
    )
