"""A loss that expects log-probabilities is given something else and rewards the wrong thing.

`nll_loss`, `ctc_loss` and the input of `kl_div` do not normalise: they expect `log_softmax` to have run. On raw logits
`nll_loss` has no lower bound, so training inflates one number per sample: the reported loss reaches -295 while the true
cross-entropy is 1.6, and 0.007 with log-probabilities. On probabilities it is bounded by -1, and `kl_div` then drives the distributions apart.
Negative values are the only sign.

```py bad
import torch.nn.functional as F


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.nll_loss(F.softmax(model(x), dim=1), y)  # TL203
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py fixed
import torch.nn.functional as F


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.nll_loss(F.log_softmax(model(x), dim=1), y)
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py bad file=model.py
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Linear(784, 64)
        self.out = nn.Linear(64, 10)

    def forward(self, x):
        return self.out(self.features(x).relu())
```

```py bad file=train.py
import torch
from torch import nn

from model import Classifier


class Experiment:
    def __init__(self):
        self.model = Classifier()
        self.criterion = nn.NLLLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05)

    def fit(self, loader):
        self.model.train()
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)  # TL203
            loss.backward()
            self.optimizer.step()
```

```py bad
import torch
import torch.nn.functional as F


def distill(student, teacher, optimizer, x):
    with torch.no_grad():
        target = F.softmax(teacher(x), dim=1)
    optimizer.zero_grad()
    loss = F.kl_div(F.softmax(student(x), dim=1), target, reduction="batchmean")  # TL203
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py good
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)

    def forward(self, x):
        return F.log_softmax(self.fc(x), dim=1)


def train_step(model: Net, optimizer, x, y):
    optimizer.zero_grad()
    F.nll_loss(model(x), y).backward()
    optimizer.step()
```

```py good
import torch
import torch.nn.functional as F


def from_probabilities(model, x, y):
    probabilities = model(x).softmax(dim=1)
    return F.nll_loss(torch.log(probabilities.clamp_min(1e-8)), y)


def ctc(model, frames, targets, frame_lengths, target_lengths):
    log_probabilities = model(frames).log_softmax(dim=2)
    return F.ctc_loss(log_probabilities, targets, frame_lengths, target_lengths)
```

```py good
import torch
import torch.nn.functional as F


def distill(student, teacher, x, temperature):
    with torch.no_grad():
        target = F.log_softmax(teacher(x) / temperature, dim=1)
    scores = F.log_softmax(student(x) / temperature, dim=1)
    return F.kl_div(scores, target, reduction="batchmean", log_target=True) * temperature**2
```

## When it is fine

Probabilities that go through `log` are log-probabilities. A value of unknown range (another model, a temperature, a sum)
is never reported.

## Not seen

The target of `kl_div`; a model of a library without a summary.

## Fix safety

The fix is unsafe: the loss and all trained numbers change. It is offered where a `softmax` stands inside the loss call:
there `log_softmax` over the same dimension is what the loss expects.

## References

- `torch.nn.NLLLoss`, `torch.nn.CTCLoss`, `torch.nn.KLDivLoss`: the input is expected to contain log-probabilities.
"""

import ast

from torchlint.api import (
    Category,
    Evidence,
    Findings,
    Fix,
    LossCall,
    Measured,
    Module,
    Value,
    finding,
    range_of,
    rename_attribute,
    rule,
)

_LOSSES = ("torch.nn.NLLLoss", "torch.nn.CTCLoss", "torch.nn.KLDivLoss")
_WORDS = {
    "raw": "logits",
    "prob": "probabilities",
    "prob01": "probabilities",
    "nonneg": "values from 0",
    "pm1": "values from -1 to 1",
}


@rule("TL203", "nll-needs-log-probabilities", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for loss in module.losses():
        if loss.kind not in _LOSSES or loss.input_node is None:
            continue
        found = range_of(loss.input)
        word = _WORDS.get(found.state) if found is not None else None
        if found is None or word is None:
            continue
        yield finding(
            loss.event,
            f"`{loss.callee}` takes log-probabilities, and {loss.given} holds {word}",
            see=[(found.source, f"these are {word}")],
            fix=_inline(loss, found.source),
        )


def _inline(loss: LossCall, source: Value) -> Fix | None:
    node = source.node
    if loss.input_node is not node or not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    if node.func.attr != "softmax":
        return None
    return Fix.unsafe(
        "Take the logarithm, which changes the loss and its gradients", rename_attribute(node.func, "log_softmax")
    )


def evidence() -> Evidence:
    """Five classes, 100 steps of Adam with `nll_loss` on logits and on log-probabilities; `kl_div` on probabilities."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 20, generator=generator)
    y = (x @ torch.randn(20, 5, generator=generator)).argmax(1)

    def classify(raw: bool) -> tuple[list[float], float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        losses = []
        for _ in range(100):
            optimizer.zero_grad()
            out = model(x)
            loss = F.nll_loss(out if raw else out.log_softmax(1), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            return losses, F.cross_entropy(model(x), y).item()

    target = torch.randn(32, 100, generator=generator).softmax(1)

    def imitate(squash: bool) -> float:
        torch.manual_seed(1)
        scores = nn.Parameter(torch.randn(32, 100))
        optimizer = torch.optim.Adam([scores], 0.05)
        for _ in range(100):
            optimizer.zero_grad()
            given = scores.softmax(1) if squash else scores.log_softmax(1)
            F.kl_div(given, target, reduction="batchmean").backward()
            optimizer.step()
        with torch.no_grad():
            return F.kl_div(scores.log_softmax(1), target, reduction="batchmean").item()

    bad, bad_true = classify(raw=True)
    good, good_true = classify(raw=False)
    bad_divergence, good_divergence = imitate(squash=True), imitate(squash=False)
    return Evidence(
        "on raw logits the reported loss runs away below zero while the true cross-entropy stays high; "
        "kl_div on probabilities drives the distributions apart",
        (
            Measured("reported nll_loss after 100 steps", bad[-1], good[-1], bad_curve=bad, good_curve=good),
            Measured("true cross-entropy after 100 steps", bad_true, good_true),
            Measured("true KL divergence after 100 steps of kl_div", bad_divergence, good_divergence),
        ),
        holds=bad[-1] < -10 and good[-1] >= 0 and bad_true > 10 * good_true and bad_divergence > 10 * good_divergence,
    )
