"""Gradients are clipped while they still carry the scale of the gradient scaler.

`scaler.scale(loss).backward()` leaves gradients that are 65,536 times too large. Clipping them to norm 1 and
unscaling them afterwards, as `scaler.step` does, leaves steps of norm 1/65536: plain SGD stops learning, Adam hides
the change of scale and clips every step to the same length.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cuda")
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
        scaler.scale(loss).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # TL801
        scaler.step(optimizer)
        scaler.update()
```

```py fixed
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cuda")
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=torch.float16):
            loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device))
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device, amp: bool, every: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cuda", enabled=amp)
    model.train()
    for step, (x, y) in enumerate(loader):
        with torch.autocast("cuda", dtype=torch.float16, enabled=amp):
            loss = nn.functional.cross_entropy(model(x.to(device)), y.to(device)) / every
        scaler.scale(loss).backward()
        if (step + 1) % every == 0:
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            optimizer.zero_grad()
```

The scaler is an attribute, and the step a helper:

```py bad
import torch
from torch import nn


class Trainer:
    def __init__(self, model: nn.Module, lr: float) -> None:
        self.model = model.cuda()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr)
        self.scaler = torch.amp.GradScaler("cuda")

    def _apply(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)  # TL801
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def run(self, loader) -> None:
        self.model.train()
        for x, y in loader:
            with torch.autocast("cuda", dtype=torch.float16):
                loss = nn.functional.cross_entropy(self.model(x.cuda()), y.cuda())
            self.scaler.scale(loss).backward()
            self._apply()
```

```py good
import torch
from torch import nn


class Trainer:
    def __init__(self, model: nn.Module, lr: float, amp: bool) -> None:
        self.model = model.cuda()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=lr)
        self.scaler = torch.amp.GradScaler("cuda") if amp else None

    def _apply(self, loss: torch.Tensor) -> None:
        if self.scaler is None:
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
        else:
            self.scaler.scale(loss).backward()
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def run(self, loader) -> None:
        self.model.train()
        for x, y in loader:
            loss = nn.functional.cross_entropy(self.model(x.cuda()), y.cuda())
            self._apply(loss)
```

Accelerate scales the loss in mixed precision with float16; its own clipping takes the scale off first, torch's does not:

```py bad
import torch
from accelerate import Accelerator
from torch import nn


def train(model: nn.Module, loader) -> None:
    accelerator = Accelerator(mixed_precision="fp16")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        accelerator.backward(nn.functional.cross_entropy(model(x), y))
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # TL801
        optimizer.step()
        optimizer.zero_grad()
```

```py good
import torch
from accelerate import Accelerator
from torch import nn


def train(model: nn.Module, loader) -> None:
    accelerator = Accelerator(mixed_precision="fp16")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    for x, y in loader:
        accelerator.backward(nn.functional.cross_entropy(model(x), y))
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
```

## When it is fine

A threshold that is multiplied by `scaler.get_scale()`, and a scaler that is never enabled. The clipping of Accelerate,
Lightning and Fabric themselves unscales first.

## Not seen

Scalers made by apex or another library; gradients that are unscaled by hand.

## Fix safety

Unsafe: the clipping threshold takes its intended meaning, so the steps become larger by the scale.

## References

- https://docs.pytorch.org/docs/stable/notes/amp_examples.html#gradient-clipping
"""

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
    concerns,
    finding,
    insert_before,
    may_touch,
    on_the_way_to_step,
    optimizer_of,
    parts,
    replace,
    rule,
    same_scaler,
    scale_of,
    scaled_backwards,
    takes_over,
)


@rule(
    "TL801",
    "clip-before-unscale",
    Category.CORRECTNESS,
    since="0.1",
    triggers=("scaler", "Scaler", "Accelerator", "Fabric"),
)
def check(module: Module) -> Findings:
    for trace in module.traces:
        yield from _by_framework(module, trace)
        for backward, scaler in scaled_backwards(trace):
            for clip in trace.of("clip"):
                step = _scaled_step(trace, backward, clip, scaler)
                if step is None or not any(event.is_local for event in (backward, clip, step)):
                    continue
                yield finding(
                    clip,
                    f"gradients are clipped while they still carry the scale of `{step.text}`",
                    see=[(backward, "the loss is scaled here"), (step, "the scale is taken off here")],
                    fix=_fix(module, clip, step),
                )


def _by_framework(module: Module, trace: Trace) -> Findings:
    """Clipping by torch's function where Accelerate or Fabric scales the loss, and unscales in the step."""
    for backward in trace.of("backward"):
        owner = scale_of(backward)
        if owner is None or any(e.name in (".unscale_gradients", ".unscale_") for e in trace.of("call", "unscale")):
            continue
        for clip in trace.of("clip"):
            step = _prepared_step(trace, backward, clip)
            if step is None or not any(event.is_local for event in (backward, clip, step)):
                continue
            yield finding(
                clip,
                f"gradients are clipped while they still carry the scale of `{backward.text}`",
                see=[(backward, "the loss is scaled here"), (step, "the scale is taken off here")],
                fix=_its_own(clip, backward),
            )


def _prepared_step(trace: Trace, backward: Event, clip: Event) -> Event | None:
    if clip.manager is not None or not clip.name.startswith("torch."):
        return None
    ends = ("backward", "zero_grad", "store")
    if trace.path(backward, lambda event: event is clip, lambda e: e.kind in ends, across=False) is None:
        return None
    step = trace.path(clip, lambda event: event.kind == "step", lambda e: e.kind in ends, across=False)
    optimizer = optimizer_of(step) if step is not None else None
    if step is None or optimizer is None or takes_over("loss-scale", step) is not True:
        return None
    return step if concerns(clip, optimizer) is not False else None


def _its_own(clip: Event, backward: Event) -> Fix | None:
    """The clipping of an Accelerator, which unscales first; Fabric's has other arguments."""
    name = clip.name.rpartition(".")[2]
    owner = backward.manager
    if owner is None or not owner.name.startswith("accelerate.") or not isinstance(clip.node, ast.Call):
        return None
    if clip.frame is not backward.frame or any(k.arg not in ("max_norm", "norm_type") for k in clip.node.keywords):
        return None
    call = f"{backward.text}.{name}"
    return Fix.unsafe("Clip through the Accelerator, which unscales first", replace(clip.node.func, call))


def _scaled_step(trace: Trace, backward: Event, clip: Event, scaler: Value) -> Event | None:
    """The step that takes the scale off what was clipped before."""
    if clip.manager is not None or not clip.name.startswith("torch."):
        return None
    limit = clip.argument(1, "max_norm") or clip.argument(1, "clip_value")
    if limit is not None and any(part.name == ".get_scale" for part in parts(limit)):
        return None

    if any(backward.index < event.index < clip.index for event in trace.of("unscale")):
        return None

    def blocks(event: Event) -> bool:
        return on_the_way_to_step(event) or may_touch(event, (scaler,))

    def ends(event: Event) -> bool:
        return event.kind == "step" or blocks(event)

    inner = backward.loop is not None and backward.loop not in clip.loops  # left by its own next round
    if trace.path(backward, lambda event: event is clip, ends, across=inner) is None:
        return None
    step = trace.path(clip, lambda event: event.kind == "step" and event.manager is not None, blocks, across=False)
    if step is None or step.manager is None or not same_scaler(step.manager, scaler):
        return None
    optimizer = optimizer_of(step)
    return step if optimizer is None or concerns(clip, optimizer) is not False else None


def _fix(module: Module, clip: Event, step: Event) -> Fix | None:
    statement = module.statement(clip.node)
    if clip.frame is not step.frame or statement is None or not isinstance(step.node, ast.Call) or not step.node.args:
        return None
    call = f"{step.text}.unscale_({module.code(step.node.args[0])})"
    return Fix.unsafe("Unscale the gradients first, which makes the steps larger", insert_before(statement, call))


def evidence() -> Evidence:
    """Thirty clipped SGD steps with a gradient scaler, unscaled before clipping and not."""
    import torch
    from torch import nn
    from torch.nn import functional

    def losses(unscale: bool) -> list[float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        scaler = torch.amp.GradScaler("cpu", init_scale=65536.0)
        y = torch.randint(0, 5, (256,))
        x = functional.one_hot(y, 5).float() @ torch.randn(5, 20) + torch.randn(256, 20)
        curve = []
        for _ in range(30):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            curve.append(loss.item())
            scaler.scale(loss).backward()
            if unscale:
                scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
        return curve

    bad, good = losses(False), losses(True)
    return Evidence(
        "loss after thirty SGD steps whose gradients are clipped to norm 1 before and after they are unscaled",
        (Measured("loss", bad=bad[-1], good=good[-1], bad_curve=bad, good_curve=good),),
        holds=bad[-1] > 0.99 * bad[0] and good[-1] < 0.8 * good[0],
    )
