"""A module that takes part in the loss but is in no optimizer stays at its random start.

With an encoder and a head, a projector, or a loss with weights of its own, it is easy to hand only one of them to the
optimizer. The other still receives gradients, and since nothing clears them they pile up; its weights never move. The
rest learns to live with random features, so the loss falls anyway: to 1.30 instead of 0.08 below.

```py bad
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

encoder = nn.Sequential(nn.Linear(20, 8), nn.ReLU())
head = nn.Linear(8, 5)
optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(head(encoder(x)), y)  # TL107
    loss.backward()
    optimizer.step()
```

```py bad
import torch
from torch import nn
from torch.nn import functional as F


class Captioner:
    def __init__(self, vocabulary):
        self.encoder = nn.Linear(2048, 512)
        self.decoder = nn.GRU(512, 512, batch_first=True)
        self.output = nn.Linear(512, vocabulary)
        params = list(self.decoder.parameters()) + list(self.output.parameters())
        self.optimizer = torch.optim.Adam(params, lr=1e-4)

    def loss(self, features, captions):
        hidden, _ = self.decoder(self.encoder(features))  # TL107
        return F.cross_entropy(self.output(hidden).flatten(0, 1), captions.flatten())

    def fit(self, loader):
        for features, captions in loader:
            self.optimizer.zero_grad()
            self.loss(features, captions).backward()
            self.optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F

from data import train_loader

encoder = nn.Sequential(nn.Linear(20, 8), nn.ReLU())
head = nn.Linear(8, 5)
optimizer = torch.optim.AdamW([*encoder.parameters(), *head.parameters()], lr=1e-3)
for x, y in train_loader:
    optimizer.zero_grad()
    loss = F.cross_entropy(head(encoder(x)), y)
    loss.backward()
    optimizer.step()
```

Linear probing says that it freezes:

```py good
import torch
from torch import nn
from torch.nn import functional as F


def probe(loader, checkpoint):
    encoder = nn.Sequential(nn.Linear(20, 8), nn.ReLU())
    encoder.load_state_dict(torch.load(checkpoint, weights_only=True))
    encoder.requires_grad_(False)
    head = nn.Linear(8, 5)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(head(encoder(x)), y)
        loss.backward()
        optimizer.step()
```

```py good
import torch
from torch import nn
from torch.nn import functional as F


def distil(loader):
    teacher = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5)).eval()
    student = nn.Linear(20, 5)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    for x in loader:
        with torch.no_grad():
            wanted = teacher(x).softmax(1)
        optimizer.zero_grad()
        loss = F.cross_entropy(student(x), wanted)
        loss.backward()
        optimizer.step()
```

## When it is fine

A frozen module (`requires_grad_(False)`, `eval()`, called under `no_grad`, its output detached), a pretrained feature
extractor that only passes gradients to its input, and a fixed random projection on purpose: freeze it in words, which
also saves the work of computing its gradients.

## Not seen

Modules whose parameters may reach an optimizer through a container, a configuration or a call that cannot be followed.

## References

- https://docs.pytorch.org/docs/stable/optim.html#constructing-it
"""

from __future__ import annotations

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Measured,
    Module,
    Trace,
    Value,
    differentiated,
    finding,
    has_parameters,
    holds,
    may_touch,
    optimizer_of,
    roles,
    rule,
    trained_by,
    unwrapped,
    value_class,
)

_MEANT = (
    "target",
    "teacher",
    "frozen",
    "fixed",
    "random",
    "ema",
    "pretrained",
    "reference",
    "ref",
    "vgg",
    "lpips",
    "old",
)


@rule("TL107", "optimizer-missing-module", Category.SUSPICIOUS, since="0.1", triggers=("optim",))
def check(module: Module) -> Findings:
    if "requires_grad" in module.text or "add_param_group" in module.text:
        return
    optimizers = [event.value for trace in module.traces for event in trace.of("optimizer")]
    for trace in module.traces:
        for step in trace.of("step"):
            trained = _trained(optimizers, trace, step) if step.loop is not None else None
            for backward in trace.inside(step.loop, "backward") if step.loop is not None and trained else ():
                for applied in differentiated(backward.subject) if backward.subject is not None else ():
                    if applied.node is not None and _left_out(trace, applied, trained or []):
                        name = module.code(applied.node.func) if isinstance(applied.node, ast.Call) else "the module"
                        message = f"`{name}` takes part in the loss but is in no optimizer: its weights never change"
                        see = [(backward, "its gradients are computed here"), (step, "this optimizer does not have it")]
                        yield finding(module.place(applied.node, applied.frame), message, see=see)


def _trained(optimizers: list[Value], trace: Trace, step: Event) -> list[Value] | None:
    """Everything that any optimizer in sight trains; `None` if some optimizer's parameters cannot be told."""
    own = optimizer_of(step)
    if own is None or any(optimizer_of(other) is None for other in trace.of("step")) or trace.of("add_param_group"):
        return None
    found: list[Value] = []
    for optimizer in (own, *optimizers):
        modules = trained_by(optimizer)
        if modules is None:
            return None
        found.extend(modules)
    return found


def _left_out(trace: Trace, applied: Value, trained: list[Value]) -> bool:
    if applied.base is None or not isinstance(applied.node, ast.Call) or applied.frame is None:
        return False
    module = unwrapped(applied.base)
    if module.kind != "instance" or module.name in roles.CRITERIA or has_parameters(module) is not True:
        return False
    name = ast.unparse(applied.node.func).rpartition(".")[2].lower()
    if any(word in name.split("_") for word in _MEANT) or not trace.complete:
        return False
    if any(holds(other, module) is not False or holds(module, other) is not False for other in trained):
        return False
    if any(unwrapped(inner.base).key != module.key for inner in differentiated(applied) if inner.base is not None):
        return False
    if module.target is not None and any(w in f.words for f in value_class(module).methods.values() for w in _CUTTING):
        return False
    return not any(_settles(event, module) for event in trace.events)


_CUTTING = ("detach", "no_grad", "inference_mode", "load_state_dict", "eval")


def _settles(event: Event, module: Value) -> bool:
    """Whether an event shows that the module is meant to stay, or may put it somewhere."""
    if event.kind in ("eval", "load_state_dict", "mode") and event.subject is not None:
        return holds(event.subject, module) is not False
    return may_touch(event, (module,)) or (
        event.kind == "forward" and event.no_grad is not False and event.key == module.key
    )


def evidence() -> Evidence:
    """Two hundred AdamW steps of an encoder and a head, with the optimizer over both and over the head alone."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(20, 5, generator=generator)
    inputs = torch.randn(512, 20, generator=generator)
    targets = (inputs @ weights).argmax(1)

    def train(*, both: bool) -> tuple[float, list[float], list[float]]:
        torch.manual_seed(0)
        encoder, head = nn.Sequential(nn.Linear(20, 8), nn.ReLU()), nn.Linear(8, 5)
        before = encoder[0].weight.detach().clone()
        params = [*encoder.parameters(), *head.parameters()] if both else list(head.parameters())
        optimizer = torch.optim.AdamW(params, lr=1e-2)
        losses, norms = [], []
        for _ in range(200):
            optimizer.zero_grad()
            loss = F.cross_entropy(head(encoder(inputs)), targets)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
            norms.append(float(encoder[0].weight.grad.norm()))
        return float((encoder[0].weight.detach() - before).abs().max()), losses, norms

    bad_change, bad_losses, bad_norms = train(both=False)
    good_change, good_losses, good_norms = train(both=True)
    return Evidence(
        "an encoder that is in no optimizer does not move while its gradient piles up",
        (
            Measured("largest change of the encoder in 200 steps", bad_change, good_change),
            Measured("gradient norm of the encoder", bad_norms[-1], good_norms[-1], "", bad_norms, good_norms),
            Measured("training loss after 200 steps", bad_losses[-1], good_losses[-1], "", bad_losses, good_losses),
        ),
        holds=bad_change == 0.0 and bad_losses[-1] > 5 * good_losses[-1] and bad_norms[-1] > 10 * good_norms[-1],
    )
