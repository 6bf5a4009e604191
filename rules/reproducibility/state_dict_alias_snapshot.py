"""A kept `state_dict()` refers to the living weights, so the snapshot follows the training.

`model.state_dict()` returns references. Keeping it as "the best weights" and restoring it at the end restores the *last*
weights. `dict(...)`, `.copy()` and a comprehension over the items copy the dictionary and not the tensors; `.cpu()` copies
only if the model is on another device. In the experiment below the kept weights have moved as far as the living ones.

```py bad
import torch
from torch import nn


def fit(model: nn.Module, loader, validate, epochs: int) -> nn.Module:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best_loss, best_state = float("inf"), None
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        score = validate(model)
        if score < best_loss:
            best_loss = score
            best_state = model.state_dict()  # TL702
    model.load_state_dict(best_state)
    return model
```

```py fixed
import copy
import torch
from torch import nn


def fit(model: nn.Module, loader, validate, epochs: int) -> nn.Module:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best_loss, best_state = float("inf"), None
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        score = validate(model)
        if score < best_loss:
            best_loss = score
            best_state = copy.deepcopy(model.state_dict())
    model.load_state_dict(best_state)
    return model
```

```py good
import copy

import torch
from torch import nn


def fit(model: nn.Module, loader, validate, epochs: int) -> nn.Module:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best_loss, best_state = float("inf"), copy.deepcopy(model.state_dict())
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        score = validate(model)
        if score < best_loss:
            best_loss = score
            best_state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    model.load_state_dict(best_state)
    return model
```

In an early-stopping object, with a shallow copy; the training step is in another file:

```py bad file=stopping.py
class EarlyStopping:
    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.waited = 0
        self.best = float("inf")
        self.weights = None

    def update(self, loss: float, model) -> bool:
        if loss < self.best:
            self.best, self.waited = loss, 0
            self.weights = model.state_dict().copy()  # TL702
        else:
            self.waited += 1
        return self.waited >= self.patience

    def restore(self, model) -> None:
        model.load_state_dict(self.weights)
```

```py bad file=train.py
import torch
from torch import nn

from stopping import EarlyStopping


def fit(model: nn.Module, loader, validate, epochs: int) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    stopping = EarlyStopping(patience=3)
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        if stopping.update(validate(model), model):
            break
    stopping.restore(model)
```

```py good
import torch
from torch import nn


def fit(model: nn.Module, loader, validate, epochs: int, path: str) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    best_loss = float("inf")
    for _ in range(epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        state = model.state_dict()
        score = validate(model)
        if score < best_loss:
            best_loss = score
            torch.save({"model": state, "score": score}, path)
```

```py good
import torch
from torch import nn


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    state = source.state_dict()
    target.load_state_dict({name: value for name, value in state.items() if name in target.state_dict()})


def average(models: list[nn.Module]) -> dict[str, torch.Tensor]:
    states = [model.state_dict() for model in models]
    return {name: torch.stack([state[name].float() for state in states]).mean(dim=0) for name in states[0]}
```

## When it is fine

A state dict that is saved, loaded or compared before the model trains on is current when it is used. The state of a
model that does not train (an average of weights, a teacher) stands still.

## Not seen

Snapshots of models that are trained by code outside the checked project. `{k: v.cpu() ...}` is not reported: it copies if the
model is on another device.

## Fix safety

Unsafe: the restored weights are those of the best epoch and no longer those of the last, which is what the code says.

## References

- https://docs.pytorch.org/tutorials/beginner/saving_loading_models.html (the note on `deepcopy`)
- https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html#torch.nn.Module.state_dict
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL702", "state-dict-alias-snapshot", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """Keeps the weights in four ways, trains for twenty steps, and measures how far the kept weights moved."""
    import copy

    import torch
    from torch import nn
    from torch.nn import functional

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    x, y = torch.randn(256, 20), torch.randint(0, 5, (256,))
    start = model[0].weight.detach().clone()
    kept, shallow = model.state_dict(), {name: value for name, value in model.state_dict().items()}
    deep = copy.deepcopy(model.state_dict())
    cloned = {name: value.detach().clone() for name, value in model.state_dict().items()}
    for _ in range(20):
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    def drift(state: dict[str, torch.Tensor]) -> float:
        return (state["0.weight"] - start).abs().max().item()

    return Evidence(
        "how far weights that were kept before training have moved after twenty steps of it",
        (
            Measured("kept `state_dict()` against a deep copy", bad=drift(kept), good=drift(deep)),
            Measured("comprehension against one with `clone()`", bad=drift(shallow), good=drift(cloned)),
        ),
        holds=min(drift(kept), drift(shallow)) > 0.01 and drift(deep) == drift(cloned) == 0,
    )
