"""`binary_cross_entropy` on raw logits stops the run at the first value outside 0 to 1.

`BCELoss` expects probabilities. The last linear layer returns any real number, and the loss refuses the first one below
0 or above 1: a plain error on the CPU, an assertion inside an asynchronous kernel on a GPU, which names another line.
Clamping the logits makes the error go away and the gradient with it: in the experiment 43 % of the
samples get no gradient at all.

```py bad
import torch
from torch import nn


def fit(loader):
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)  # TL204
        loss.backward()
        optimizer.step()
    return model
```

```py fixed
import torch
from torch import nn


def fit(loader):
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))
    criterion = nn.BCEWithLogitsLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    return model
```

```py bad file=detector.py
from torch import nn


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3)
        self.head = nn.Conv2d(8, 1, 1)

    def forward(self, x):
        return self.head(self.body(x).relu())
```

```py bad file=steps.py
import torch.nn.functional as F

from detector import Detector


def loss_of(scores, masks):
    return F.binary_cross_entropy(scores, masks)  # TL204


def train_step(optimizer, model: Detector, images, masks):
    optimizer.zero_grad()
    loss = loss_of(model(images), masks)
    loss.backward()
    optimizer.step()
```

```py good
import torch
from torch import nn


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        return torch.sigmoid(self.head(x))


def loss_of(model: Detector, x, y):
    return nn.BCELoss()(model(x), y)
```

```py good
import torch
import torch.nn.functional as F
from torch import nn


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(16, 1)

    def forward(self, x):
        return self.linear(x)


def with_logits(model: Head, x, y):
    return F.binary_cross_entropy_with_logits(model(x), y)


def of_sigmoid(model: Head, x, y):
    return F.binary_cross_entropy(model(x).sigmoid(), y)
```

## When it is fine

Never, if the value really is the output of a linear or convolutional layer. A value of unknown range is not reported.

## Not seen

A model of a library without a summary; logits that some arithmetic has changed.

## Fix safety

The fix is unsafe: code that thresholds the output at 0.5 elsewhere has to threshold at 0 afterwards.

## References

- `torch.nn.BCELoss`, `torch.nn.BCEWithLogitsLoss`.
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
    finding,
    range_of,
    rename_attribute,
    rule,
)


@rule("TL204", "logits-into-bce", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    for loss in module.losses():
        if loss.kind != "torch.nn.BCELoss" or loss.input_node is None:
            continue
        found = range_of(loss.input)
        if found is None or found.state != "raw":
            continue
        yield finding(
            loss.event,
            f"`{loss.callee}` takes probabilities, and {loss.given} holds logits",
            see=[(found.source, "these are logits")],
            fix=_with_logits(module, loss),
        )


def _with_logits(module: Module, loss: LossCall) -> Fix | None:
    made = loss.made
    node = loss.event.node if made is None else made.node
    frame = loss.event.frame if made is None else made.frame
    if frame is None or frame.source is not module.source or not isinstance(node, ast.Call):
        return None
    if not isinstance(node.func, ast.Attribute):
        return None
    name = "binary_cross_entropy_with_logits" if made is None else "BCEWithLogitsLoss"
    title = "Use the loss on logits; outputs are then compared to 0 and not to 0.5"
    return Fix.unsafe(title, rename_attribute(node.func, name))


def evidence() -> Evidence:
    """A hundred batches through a fresh network: how many `binary_cross_entropy` refuses, and what a clamp costs."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))
    refused = 0
    for _ in range(100):
        x, y = torch.randn(32, 20), torch.randint(0, 2, (32, 1)).float()
        try:
            F.binary_cross_entropy(model(x), y)
        except RuntimeError:
            refused += 1
        F.binary_cross_entropy_with_logits(model(x), y)
    x, y = torch.randn(512, 20), torch.randint(0, 2, (512, 1)).float()
    shares = []
    for clamped in (True, False):
        logits = model(x).detach().requires_grad_()
        if clamped:
            F.binary_cross_entropy(logits.clamp(0, 1), y).backward()
        else:
            F.binary_cross_entropy_with_logits(logits, y).backward()
        assert logits.grad is not None
        shares.append(float((logits.grad == 0).float().mean()))
    return Evidence(
        f"{refused} of 100 batches raise; clamping the logits to 0..1 leaves {shares[0]:.0%} of the samples without a gradient",
        (
            Measured("batches that raise", refused, 0, "of 100"),
            Measured("samples without a gradient, if clamped", shares[0], shares[1]),
        ),
        holds=refused > 90 and shares[0] > 0.3 and shares[1] == 0,
    )
