"""Training calls the model around `DistributedDataParallel`: gradients are not averaged.

The all-reduce of the gradients is prepared in the wrapper's own forward. `ddp.module(x)`, or the name that the model
had before it was wrapped, goes around it: each rank trains on its own share of the data with its own gradients, the
replicas drift apart, and every rank's loss falls nicely. The experiment counts the reductions: none.

```py bad
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def train(net: nn.Module, loader, local_rank: int) -> None:
    dist.init_process_group("nccl")
    net.to(local_rank)
    model = DistributedDataParallel(net, device_ids=[local_rank])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        logits = model.module(x.to(local_rank))  # TL804
        loss = nn.functional.cross_entropy(logits, y.to(local_rank))
        loss.backward()
        optimizer.step()
```

```py fixed
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def train(net: nn.Module, loader, local_rank: int) -> None:
    dist.init_process_group("nccl")
    net.to(local_rank)
    model = DistributedDataParallel(net, device_ids=[local_rank])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        logits = model(x.to(local_rank))
        loss = nn.functional.cross_entropy(logits, y.to(local_rank))
        loss.backward()
        optimizer.step()
```

```py good
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def train(net: nn.Module, loader, held_out, local_rank: int) -> None:
    dist.init_process_group("nccl")
    model = DistributedDataParallel(net.to(local_rank), device_ids=[local_rank])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x.to(local_rank)), y.to(local_rank))
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        scores = [model.module(x.to(local_rank)).argmax(dim=1) for x, _ in held_out]
    if dist.get_rank() == 0:
        torch.save({"model": model.module.state_dict(), "scores": scores}, "last.pt")
```

The loop is in a function of another file and gets the unwrapped model:

```py bad file=engine.py
import torch
from torch import nn


def one_epoch(model: nn.Module, loader, optimizer: torch.optim.Optimizer) -> None:
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x.cuda()), y.cuda())
        loss.backward()
        optimizer.step()
```

```py bad file=main.py
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from engine import one_epoch


def main(loader, local_rank: int) -> None:
    net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4)).to(local_rank)
    model = DistributedDataParallel(net, device_ids=[local_rank])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(10):
        one_epoch(net, loader, optimizer)  # TL804
```

```py good
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


def main(loader, local_rank: int, every: int) -> None:
    dist.init_process_group("nccl")
    net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4)).to(local_rank)
    net = DistributedDataParallel(net, device_ids=[local_rank])
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    net.train()
    for step, (x, y) in enumerate(loader):
        loss = nn.functional.cross_entropy(net.forward(x.to(local_rank)), y.to(local_rank)) / every
        loss.backward()
        if (step + 1) % every == 0:
            optimizer.step()
            optimizer.zero_grad()
```

## When it is fine

Validation, generation, weight averages and saving use the inner module with good reason, and so does code that
reduces the gradients itself.

## Not seen

Wrappers behind an interface that is chosen at run time; code inside a wrapper class that calls its own `self.module`.

## Fix safety

Unsafe: gradients are averaged over the ranks from here on, which is also a communication that all ranks must reach.

## References

- https://docs.pytorch.org/docs/stable/generated/torch.nn.parallel.DistributedDataParallel.html
- https://docs.pytorch.org/docs/stable/notes/ddp.html
"""

import ast
import functools
import operator
from collections.abc import Iterable, Iterator

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
    finding,
    parts,
    rule,
    unwrap,
)

_WRAPPER = "torch.nn.parallel.DistributedDataParallel"


@rule("TL804", "ddp-forward-bypass", Category.CORRECTNESS, since="0.1", triggers=("DistributedDataParallel", "DDP"))
def check(module: Module) -> Findings:
    for trace in module.traces:
        backwards, wraps = trace.of("backward"), list(_wraps(trace))
        for event in trace.of("forward", "call") if backwards and (wraps or "module" in module.source.by_name) else ():
            node = event.node
            if not isinstance(node, ast.Call):
                continue
            wrapper = _wrapper_around(trace, event, node, wraps)
            if wrapper is None or wrapper.node is None or wrapper.frame is None or event.no_grad is not False:
                continue
            if not event.is_local and wrapper.frame.source is not module.source:
                continue
            if any(_feeds(event, backward) for backward in backwards):
                yield finding(
                    event,
                    f"`{module.code(node.func)}(...)` goes around `DistributedDataParallel`: nobody averages the gradients",
                    see=[(wrapper, "the model is wrapped here")],
                    fix=_fix(node),
                )


def _wraps(trace: Trace) -> Iterator[tuple[Event, Value, Value]]:
    """The places where a model is wrapped, with the wrapper and the model inside."""
    for wrap in trace.of("wrap"):
        wrapper = wrap.value
        inner = wrapper.argument(0, "module") if wrapper.name == _WRAPPER else None
        if inner is not None and inner.kind not in ("unknown", "union"):
            yield wrap, wrapper, inner


def _wrapper_around(
    trace: Trace, event: Event, node: ast.Call, wraps: Iterable[tuple[Event, Value, Value]]
) -> Value | None:
    """The wrapper whose inner model a call uses: as `wrapper.module(...)`, or by the name it had before."""
    if isinstance(node.func, ast.Attribute) and node.func.attr == "module":
        owner = event.frame.value(node.func.value)
        return owner if owner.kind == "instance" and owner.name == _WRAPPER else None
    callee = event.frame.value(node.func) if wraps else None
    for wrap, wrapper, inner in wraps:
        if callee is None or callee.kind != inner.kind or callee.key != inner.key or callee.key == wrapper.key:
            continue
        if trace.path(wrap, functools.partial(operator.is_, event)) is not None:
            return wrapper
    return None


def _feeds(event: Event, backward: Event) -> bool:
    """Whether the result of a call is part of what a backward pass starts from."""
    loss = backward.subject
    return loss is not None and any(part.node is event.node for part in parts(loss))


def _fix(node: ast.Call) -> Fix | None:
    if not isinstance(node.func, ast.Attribute) or node.func.attr != "module":
        return None
    title = "Call the wrapper, which averages the gradients over the ranks"
    return Fix.unsafe(title, unwrap(node.func, node.func.value))


def evidence() -> Evidence:
    """Counts the gradient reductions of ten steps through the wrapper and around it (gloo, one process)."""
    from typing import Any

    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
    from torch.nn.parallel import DistributedDataParallel

    if dist.is_initialized():
        return Evidence("not run: this process already belongs to a process group", (), holds=True)
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:

        def reductions(bypass: bool) -> int:
            model = DistributedDataParallel(nn.Linear(4, 2))
            seen = []

            def hook(group: Any, bucket: dist.GradBucket) -> torch.futures.Future[torch.Tensor]:
                seen.append(bucket.index())
                return allreduce_hook(group, bucket)

            model.register_comm_hook(dist.group.WORLD, hook)
            for _ in range(10):
                model.zero_grad()
                (model.module if bypass else model)(torch.ones(3, 4)).sum().backward()
            return len(seen)

        bad, good = reductions(True), reductions(False)
    finally:
        dist.destroy_process_group()
    return Evidence(
        "times that gradients are averaged over the ranks in ten steps",
        (Measured("reductions", bad=bad, good=good),),
        holds=bad == 0 and good >= 10,
    )
