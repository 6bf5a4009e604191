"""The training step reads tensors back to the host, which makes the host wait for the device.

A GPU works through a queue that Python fills ahead of it. `.item()`, `.cpu()`, `.tolist()`, `float(tensor)`, `print(tensor)` and
`if tensor:` need the value now: Python stops until the queue has run dry, and the device then idles until the next
kernels arrive. One such read per step, of the loss, at its end, is what most loops do and is not reported. Several of
them, spread over the step, are: the experiment counts them for a step that prints its loss, clips on a condition
and keeps its predictions.

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
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        if norm > 10:
            print("large gradient")
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
        loss = nn.functional.cross_entropy(logits, y)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        predictions = logits.argmax(dim=1).cpu().tolist()
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

Reads under a condition on the step counter, after the loop, or on one rank now and then cost little. On the CPU there is no
queue. A step that must decide on the host (environments of reinforcement learning, early stopping by step, line searches)
has to wait.

## Not seen

Values of which it is not known that they are computed on a device; operations that wait inside torch (`nonzero`, boolean
indexing); reads inside functions that are not part of the checked project.

## References

- https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html
- https://docs.pytorch.org/docs/stable/generated/torch.cuda.set_sync_debug_mode.html
- https://docs.pytorch.org/docs/stable/notes/cuda.html#asynchronous-execution
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL603", "host-sync-in-step", Category.PERFORMANCE, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """Counts the reads of a device value by the host in 100 steps, by watching what torch dispatches."""
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
            for _ in range(100):
                optimizer.zero_grad()
                loss = functional.cross_entropy(model(x), y)
                loss.backward()
                norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=False)
                if eager:
                    f"{loss.item():.3f}"
                    if norm > 10:
                        f"{norm.item():.3f}"
                optimizer.step()
                if eager:
                    total += loss.item()
                else:
                    total += loss.detach()
            total.item()
        return reads.count

    bad, good = run(True), run(False)
    return Evidence(
        "times that the host waits for a value in 100 steps (counted; how long it waits is the device's)",
        (Measured("waits", bad=bad, good=good),),
        holds=bad >= 300 and good == 1,
    )
