"""The training step makes the host wait for the device more than once.

A GPU works through a queue that Python fills ahead of it. `.item()`, `.cpu()`, `.tolist()`, `float(tensor)` and
`print(tensor)` need the value now: Python stops until the queue has run dry, and the device then idles until the next
kernels arrive. One wait per step, for the loss at its end, is what most loops do and is not reported; neither are several
reads in a row, of which only the first has to wait. What is reported are waits with new work for the device between them.
The experiment counts 40 of them in 20 steps that print the loss before `backward()` and add it up after the step, and
one, at the end, in the same steps without.

```py bad
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> float:
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    total = 0.0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y)
        print("loss", loss.item())  # TL603
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    return total / len(loader)
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> float:
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    total = torch.zeros((), device=device)
    for step, (x, y) in enumerate(loader):
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.detach()
        if step % 100 == 0:
            print("loss", loss.item(), "norm", norm.item())
    return (total / len(loader)).item()
```

In a step method that a loop elsewhere calls:

```py bad file=step.py
import torch
from torch import nn


class Learner:
    def __init__(self, model: nn.Module, device: torch.device) -> None:
        self.device = device
        self.model = model.to(device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def step(self, x: torch.Tensor, y: torch.Tensor) -> dict:
        x, y = x.to(self.device), y.to(self.device)
        logits = self.model(x)
        predictions = logits.argmax(dim=1).cpu().tolist()
        loss = nn.functional.cross_entropy(logits, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"loss": loss.item(), "predictions": predictions}
```

```py bad file=main.py
import torch
from torch import nn

from step import Learner


def fit(model: nn.Module, loader, epochs: int) -> None:
    learner = Learner(model, torch.device("cuda"))
    learner.model.train()
    for _ in range(epochs):
        for x, y in loader:
            learner.step(x, y)  # TL603
```

```py good
import torch
from torch import nn


def train(model: nn.Module, loader, device: torch.device) -> tuple[float, float]:
    model.to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    total, seen = 0.0, 0
    correct = torch.zeros((), device=device)
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        optimizer.zero_grad()
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        total += loss.item()
        correct += (logits.argmax(dim=1) == y).sum()
        seen += int(x.shape[0])
    return total / len(loader), correct.item() / seen
```

## When it is fine

Reads under a condition on the step counter, after the loop, or on one rank now and then cost little. On the CPU there
is no queue. A step that must decide on the host (environments of reinforcement learning, early stopping by step, line
searches) has to wait.

## Not seen

Values of which it is not known that they are computed on a device; `if tensor:` and operations that wait inside torch
(`nonzero`, boolean indexing, the gradient scaler's step); reads inside functions that are not part of the checked
project.

## References

- https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
- https://docs.pytorch.org/docs/stable/generated/torch.cuda.set_sync_debug_mode.html
- https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution
"""

import ast

from torchlint.api import (
    Category,
    Event,
    Evidence,
    Findings,
    Guard,
    Loop,
    Measured,
    Module,
    Trace,
    finding,
    given_to,
    is_cpu,
    on_device,
    rule,
    statements,
)


@rule("TL603", "host-sync-in-step", Category.PERFORMANCE, since="0.1")
def check(module: Module) -> Findings:
    for trace in module.traces:
        for loop in trace.training_loops():
            waits = _waits(trace, loop) if loop.frame.source is module.source else []
            if len(waits) < 2:
                continue
            named = ", ".join(dict.fromkeys(f"`{_text(module, event)}`" for event in waits))
            times = "twice" if len(waits) == 2 else f"{len(waits)} times"
            yield finding(
                waits[0],
                f"the host waits for the device {times} in each step: {named}",
                see=[(event, "and here") for event in waits[1:]],
            )


def _waits(trace: Trace, loop: Loop) -> list[Event]:
    """The reads of device values in every step, where the device has been given new work since the last one."""
    found: list[Event] = []
    worked = True
    for event in trace.inside(loop, *_WORK, *_READS):
        if event.kind == "call" and event.name not in _CONVERSIONS:
            continue
        if event.kind in _WORK:
            worked = True
        elif worked and _reads(event) and not _is_conditional(event, loop):
            found.append(event)
            worked = False
    return found


_WORK = ("forward", "loss", "backward", "step", "clip")
_READS = ("sync", "transfer", "call")
_CONVERSIONS = ("print", "float", "int", "bool")


def _reads(event: Event) -> bool:
    """Whether an event certainly brings the value of a tensor on a device to the host."""
    if event.kind == "sync":
        return event.subject is not None and on_device(event.subject) is True
    if event.kind == "transfer":
        target = event.argument(0, "device")
        return (
            event.subject is not None
            and target is not None
            and is_cpu(target) is True
            and bool(on_device(event.subject))
        )
    if event.name not in _CONVERSIONS or event.subject is None or event.subject.kind != "ref":
        return False
    return any(on_device(value) for value in given_to(event.value))


def _is_conditional(event: Event, loop: Loop) -> bool:
    """Whether the event does not happen in every step of the loop."""
    if event.loop is not loop or any(_is_inside(guard, loop) for guard in event.guards):
        return True
    if event.frame is loop.frame:
        return _leaves_before(loop.node, event, (ast.Continue, ast.Break))
    function = event.frame.function
    return function is not None and _leaves_before(function.node, event, (ast.Return,))


def _leaves_before(holder: ast.AST, event: Event, ways: tuple[type[ast.stmt], ...]) -> bool:
    """Whether some statement in front of the event may leave, so that not every step reaches it."""
    line = getattr(event.node, "lineno", 0)
    return any(isinstance(node, ways) and (node.end_lineno or 0) < line for node in statements(holder))


def _is_inside(guard: Guard, loop: Loop) -> bool:
    if guard.frame is not loop.frame:
        return guard.frame.depth > loop.frame.depth
    return loop.node.lineno <= guard.test.lineno <= (loop.node.end_lineno or 0)


def _text(module: Module, event: Event) -> str:
    text = module.code(event.node)
    return text if len(text) <= 40 else f"{text[:37]}..."


def evidence() -> Evidence:
    """Counts the reads of a device value by the host in 20 steps, by watching what torch dispatches."""
    from typing import Any

    import torch
    from torch import nn
    from torch.nn import functional
    from torch.utils._python_dispatch import TorchDispatchMode

    class Reads(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.count += func is torch.ops.aten._local_scalar_dense.default
            return func(*args, **(kwargs or {}))

    def run(eager: bool) -> int:
        torch.manual_seed(0)
        model = nn.Linear(16, 4)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, foreach=False)
        x, y = torch.randn(32, 16), torch.randint(0, 4, (32,))
        total = torch.zeros(())
        with Reads() as reads:
            for _ in range(20):
                optimizer.zero_grad()
                loss = functional.cross_entropy(model(x), y)
                if eager:
                    f"{loss.item():.3f}"
                loss.backward()
                optimizer.step()
                if eager:
                    total += loss.item()
                else:
                    total += loss.detach()
            total.item()
        return reads.count

    bad, good = run(True), run(False)
    return Evidence(
        "times that the host waits for a value in 20 steps (counted; how long it waits is the device's)",
        (Measured("waits", bad=bad, good=good),),
        holds=bad == 41 and good == 1,
    )
