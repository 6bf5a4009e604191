"""Cross-entropy on probabilities keeps its gradient small and its loss above a floor.

`cross_entropy` applies `log_softmax` by itself. If the network has already applied `softmax`, the loss treats the
probabilities as logits between 0 and 1: with ten classes it cannot fall below 1.46, and in the experiment of this rule
the first gradient is eleven times too small. Accuracy may still climb, so the run looks under-trained and not broken.

```py bad
import torch.nn.functional as F


def train_step(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(F.softmax(model(images), dim=1), labels)  # TL201
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py fixed
import torch.nn.functional as F


def train_step(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py bad file=network.py
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(784, width), nn.ReLU())
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        scores = self.head(self.body(x))
        return torch.softmax(scores, dim=-1)
```

```py bad file=train.py
import torch
from torch import nn

from network import Classifier


def train(loader):
    model = Classifier(width=128, classes=10)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)  # TL201
        loss.backward()
        optimizer.step()
    return model
```

```py bad
import torch
from torch import nn


class Trainer:
    def __init__(self):
        self.model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5), nn.Softmax(dim=1))
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def run(self, loader):
        self.model.train()
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)  # TL201
            loss.backward()
            self.optimizer.step()
```

```py bad
import torch.nn.functional as F


def class_probabilities(model, x):
    logits = model(x)
    return logits.softmax(dim=-1), logits


def train_step(model, optimizer, x, y):
    probabilities, logits = class_probabilities(model, x)
    loss = F.cross_entropy(probabilities, y)  # TL201
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return logits.argmax(dim=-1)
```

```py good
import torch
import torch.nn.functional as F


def distill(student, teacher, optimizer, x, temperature=4.0):
    with torch.no_grad():
        soft_targets = F.softmax(teacher(x) / temperature, dim=1)
    optimizer.zero_grad()
    loss = F.cross_entropy(student(x) / temperature, soft_targets)
    loss.backward()
    optimizer.step()
    return loss.item()
```

```py good
import torch
import torch.nn.functional as F
from torch import nn


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(32, 1)
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        attention = F.softmax(self.score(x), dim=1)
        return self.head((attention * x).sum(dim=1)), attention


def loss_of(model: Pooled, x, y):
    logits, attention = model(x)
    return F.cross_entropy(logits, y)
```

```py good
import torch
import torch.nn.functional as F
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(784, 10)

    def forward(self, x):
        logits = self.head(x)
        return logits if self.training else F.softmax(logits, dim=1)


def train_step(model: Classifier, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
```

```py good
import torch
import torch.nn.functional as F


def harmless(model, x, y):
    return F.cross_entropy(F.log_softmax(model(x), dim=1), y)


def from_probabilities(model, x, y):
    probabilities = model(x).softmax(dim=1)
    return F.cross_entropy(torch.log(probabilities + 1e-9), y)


def scaled(model, x, y):
    return F.cross_entropy(20.0 * model(x).softmax(dim=1), y)
```

## When it is fine

`log_softmax` before `cross_entropy` changes nothing: it is idempotent, and the rule does not report it. Soft *targets*
are probabilities by definition. Probabilities that are scaled by a temperature or turned back by `log` are a choice.

## Not seen

A model that comes out of a registry, a configuration or a library without a summary; a softmax that only some
branch applies.

## Fix safety

The fix is unsafe: the loss, its gradients and every trained number change. It is offered where the softmax stands
inside the loss call. A softmax inside a model has other users (prediction, metrics), so it has to be moved by hand.

## References

- `torch.nn.CrossEntropyLoss`: "The input is expected to contain the unnormalized logits for each class".
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


@rule("TL201", "softmax-before-cross-entropy", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for loss in module.losses():
        if loss.kind != "torch.nn.CrossEntropyLoss" or loss.input_node is None:
            continue
        found = range_of(loss.input)
        if found is None or found.state != "prob":
            continue
        yield finding(
            loss.event,
            f"{loss.given} is a softmax already, and `{loss.callee}` applies another one",
            see=[(found.source, "the softmax is applied here")],
            fix=_inline(loss, found.source),
        )


def _inline(loss: LossCall, softmax: Value) -> Fix | None:
    node, operand = loss.input_node, operand_node(softmax)
    if node is None or operand is None or node is not softmax.node:
        return None
    return Fix.unsafe("Pass the logits, which changes the loss and its gradients", unwrap(node, operand))


def evidence() -> Evidence:
    """Ten separable classes, the same small network and the same 100 steps of SGD, with and without the softmax."""
    import math

    import torch
    from torch import nn
    from torch.nn import functional as F

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 20, generator=generator)
    y = (x @ torch.randn(20, 10, generator=generator)).argmax(1)

    def train(squash: bool) -> tuple[float, list[float]]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        first, losses = 0.0, []
        for step in range(100):
            optimizer.zero_grad()
            out = model(x)
            loss = F.cross_entropy(out.softmax(1) if squash else out, y)
            loss.backward()
            if step == 0:
                first = math.sqrt(sum(float((p.grad**2).sum()) for p in model.parameters() if p.grad is not None))
            optimizer.step()
            losses.append(loss.item())
        return first, losses

    bad_gradient, bad = train(squash=True)
    good_gradient, good = train(squash=False)
    floor = -math.log(math.e / (math.e + 9))
    return Evidence(
        f"with ten classes the loss on probabilities stays above {floor:.2f}, and its first gradient is "
        f"{good_gradient / bad_gradient:.1f} times smaller",
        (
            Measured("loss after 100 steps", bad[-1], good[-1], bad_curve=bad, good_curve=good),
            Measured("norm of the first gradient", bad_gradient, good_gradient),
        ),
        holds=min(bad) >= floor and good[-1] < floor / 4 and good_gradient > 4 * bad_gradient,
    )
