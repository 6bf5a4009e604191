"""A column of predictions against a row of targets fits every sample to the mean.

A prediction of shape `(N, 1)` and a target of shape `(N,)` broadcast to `(N, N)`. The best answer to that loss is the mean
of the targets, for every input: in the experiment the predictions spread by 0.01 where the targets spread by 2.7, and the
loss settles at the variance. `mse_loss`, `l1_loss`, `huber_loss` and `smooth_l1_loss` warn once; a loss written by hand,
`gaussian_nll_loss` and `poisson_nll_loss` don't.

```py bad
import torch
from torch import nn


def fit(x, y):
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(200):
        optimizer.zero_grad()
        loss = ((model(x) - y.view(-1)) ** 2).mean()  # TL205
        loss.backward()
        optimizer.step()
    return model
```

```py fixed
import torch
from torch import nn


def fit(x, y):
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(200):
        optimizer.zero_grad()
        loss = ((model(x).squeeze(-1) - y.view(-1)) ** 2).mean()
        loss.backward()
        optimizer.step()
    return model
```

```py bad file=regressor.py
from torch import nn


class Regressor(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.body = nn.Linear(features, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        return self.head(self.body(x).relu())
```

```py bad file=steps.py
import torch.nn.functional as F

from regressor import Regressor


def regression_loss(model: Regressor, batch):
    inputs, targets = batch["x"].flatten(1), batch["y"].flatten()
    predictions = model(inputs)
    return F.smooth_l1_loss(predictions, targets)  # TL205
```

```py bad
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def fit():
    x = torch.randn(256, 8)
    loader = DataLoader(TensorDataset(x, x.sum(dim=1)), batch_size=32, shuffle=True)
    model, criterion = nn.Linear(8, 1), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    for inputs, targets in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)  # TL205
        loss.backward()
        optimizer.step()
    return model
```

```py good
import torch.nn.functional as F
from torch import nn


class Regressor(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        return self.head(x).squeeze(-1)


def loss_of(model: Regressor, x, y):
    return F.mse_loss(model(x), y.view(-1))
```

```py good
import torch.nn.functional as F
from torch import nn

head = nn.Linear(32, 1)


def column_targets(x, y):
    return F.mse_loss(head(x), y.view(-1, 1))


def first_column(x, y):
    return F.l1_loss(head(x)[:, 0], y.flatten())


def per_step(sequence, y):
    return F.mse_loss(head(sequence), y)
```

```py good
import torch
from torch import nn


class Energy(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(32, 1)

    def forward(self, x):
        return self.score(x)


def pairwise(model: Energy, x):
    scores = model(x)
    return torch.relu(1 - (scores - scores.squeeze(1)))


def distances(a, b):
    return (a[:, None] - b[None, :]).pow(2).sum(dim=-1)
```

## When it is fine

A table of all pairs is sometimes wanted (ranking losses, kernels, distances). The rule looks only at losses that compare a
prediction to a target, and at squared or absolute differences that are averaged at once; two views of the same value
are never reported.

## Not seen

Shapes that the code does not spell out: a target that comes from a data set in an unread file, a model whose last layer
has a computed width. `binary_cross_entropy` and its form with logits raise by themselves.

## Fix safety

The fix is unsafe: the loss and all trained numbers change. It drops the last dimension, of size one, of the prediction.

## References

- The warning of `torch.nn.functional.mse_loss`: "Using a target size that is different to the input size".
"""

from torchlint.api import Category, Evidence, Findings, Measured, Module, rule


@rule("TL205", "broadcast-loss-shape", Category.CORRECTNESS, since="0.1")
def check(module: Module) -> Findings:
    yield from ()


def evidence() -> Evidence:
    """A linear target of five features, 150 steps of Adam on the hand-written squared error."""
    import torch
    from torch import nn

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, 5, generator=generator)
    y = x @ torch.randn(5, generator=generator)

    def train(column: bool) -> tuple[list[float], float, float]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 1))
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        losses = []
        for _ in range(150):
            optimizer.zero_grad()
            out = model(x)
            loss = (((out if column else out.squeeze(-1)) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            out = model(x).squeeze(-1)
        return losses, 1 - ((out - y) ** 2).mean().item() / y.var().item(), out.std().item()

    bad, bad_r2, bad_spread = train(column=True)
    good, good_r2, good_spread = train(column=False)
    return Evidence(
        f"the predictions collapse to the mean of the targets: they spread by {bad_spread:.2g}, the targets by "
        f"{y.std().item():.2g}",
        (
            Measured("share of the variance explained", bad_r2, good_r2),
            Measured("spread of the predictions", bad_spread, good_spread),
            Measured("reported loss after 150 steps", bad[-1], good[-1], bad_curve=bad, good_curve=good),
        ),
        holds=bad_r2 < 0.1 and good_r2 > 0.95,
    )
