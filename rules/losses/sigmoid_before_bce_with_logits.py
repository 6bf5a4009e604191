"""A second sigmoid confines the predicted probability to 0.5 and above.

`binary_cross_entropy_with_logits` applies the sigmoid by itself. Given probabilities, the second sigmoid maps 0 to 0.5 and
1 to 0.73: the loss can call no sample negative, and it settles at 0.51 where the same network on logits reaches 0.003.
The ranking of the samples survives, so AUC or accuracy at a tuned threshold hide it.

```py bad
import torch
import torch.nn.functional as F


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(torch.sigmoid(model(x)), y)  # TL202
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py fixed
import torch
import torch.nn.functional as F


def train_step(model, optimizer, x, y):
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py bad file=tagger.py
from torch import nn


class Tagger(nn.Module):
    def __init__(self, tags):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, tags), nn.Sigmoid())

    def forward(self, x):
        return self.net(x)
```

```py bad file=train.py
import torch
from torch import nn

from tagger import Tagger


def fit(loader):
    model = Tagger(tags=12)
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)  # TL202
        loss.backward()
        optimizer.step()
    return model
```

```py bad
from torch import nn


def predict(model, x):
    return model(x).sigmoid().squeeze(-1)


class Task:
    def __init__(self, model, optimizer):
        self.model = model
        self.optimizer = optimizer
        self.loss = nn.BCEWithLogitsLoss(reduction="mean")

    def train_step(self, x, y):
        self.optimizer.zero_grad()
        loss = self.loss(predict(self.model, x), y)  # TL202
        loss.backward()
        self.optimizer.step()
```

```py good
import torch
import torch.nn.functional as F


def step(model, optimizer, x, y):
    logits = model(x)
    optimizer.zero_grad()
    loss = F.binary_cross_entropy_with_logits(logits, y)
    loss.backward()
    optimizer.step()
    predicted = torch.sigmoid(logits.detach()) > 0.5
    return (predicted == y.bool()).float().mean()
```

```py good
import torch
import torch.nn.functional as F
from torch import nn


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(16, 16)
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        return self.head(torch.sigmoid(self.gate(x)) * x)


def loss_of(model: Gated, teacher_logits, x):
    return F.binary_cross_entropy_with_logits(model(x), torch.sigmoid(teacher_logits))
```

```py good
import torch
from torch import nn


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(16, 16)
        self.probability = nn.Sequential(nn.Linear(16, 1), nn.Sigmoid())
        self.logit = nn.Linear(16, 1)

    def forward(self, x):
        h = torch.relu(self.body(x))
        return self.probability(h), self.logit(h)


def losses(model: TwoHeads, x, y):
    probability, logit = model(x)
    return nn.BCELoss()(probability, y) + nn.BCEWithLogitsLoss()(logit, y)
```

## When it is fine

Soft targets may come from a sigmoid or a softmax. A probability that is shifted or scaled before the loss
(`20 * (p - 0.5)`) is no longer a probability, and the rule is silent.

## Not seen

A model that comes out of a registry or a library without a summary; a loss class of your own that wraps the torch
function without calling it in the open.

## Fix safety

The fix is unsafe: the loss and all trained numbers change. It is offered where the sigmoid stands inside the loss call.

## References

- `torch.nn.BCEWithLogitsLoss`: "This loss combines a Sigmoid layer and the BCELoss in one single class".
"""

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
    operand_node,
    range_of,
    rule,
    unwrap,
)

_WORDS = {"prob01": "sigmoid", "prob": "softmax"}


@rule("TL202", "sigmoid-before-bce-with-logits", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for loss in module.losses():
        if loss.kind != "torch.nn.BCEWithLogitsLoss" or loss.input_node is None:
            continue
        found = range_of(loss.input)
        word = _WORDS.get(found.state) if found is not None else None
        if found is None or word is None:
            continue
        yield finding(
            loss.event,
            f"{loss.given} is a {word} already, and `{loss.callee}` applies a sigmoid",
            see=[(found.source, f"the {word} is applied here")],
            fix=_inline(loss, found.source),
        )


def _inline(loss: LossCall, squash: Value) -> Fix | None:
    node, operand = loss.input_node, operand_node(squash)
    if node is None or operand is None or node is not squash.node:
        return None
    return Fix.unsafe("Pass the logits, which changes the loss and its gradients", unwrap(node, operand))


def evidence() -> Evidence:
    """A separable task of two classes, 100 steps of Adam, with and without a sigmoid before the loss."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 20, generator=generator)
    y = (x @ torch.randn(20, generator=generator) > 0).float()[:, None]

    def train(squash: bool) -> tuple[list[float], float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        losses = []
        for _ in range(100):
            optimizer.zero_grad()
            out = model(x)
            loss = F.binary_cross_entropy_with_logits(out.sigmoid() if squash else out, y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            out = model(x)
            seen = (out.sigmoid() if squash else out).sigmoid()
        return losses, seen.min().item()

    bad, bad_smallest = train(squash=True)
    good, good_smallest = train(squash=False)
    return Evidence(
        "the probability that the loss sees cannot fall below 0.5, so the loss of a separable task stays high",
        (
            Measured("loss after 100 steps", bad[-1], good[-1], bad_curve=bad, good_curve=good),
            Measured("smallest probability that the loss sees", bad_smallest, good_smallest),
        ),
        holds=bad_smallest >= 0.5 and good_smallest < 0.01 and bad[-1] > 10 * good[-1],
    )
