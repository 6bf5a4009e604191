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

The sum is itself the loss: `backward()` runs on it, or it is returned to someone who may do so.

## Not seen

Losses stored in an object that the rule cannot follow, or handed to a logger.

## References

- "My model reports cuda runtime error: out of memory" in the PyTorch FAQ: don't accumulate history across the training loop.
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL207", "graph-accumulation", Category.PERFORMANCE, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


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
