"""How losses are reduced, and what is divided by what: one table of programs and answers."""

import ast

import pytest

from torchlint.model.project import Project
from torchlint.model.reductions import is_batch_size, is_unreduced, reduced
from torchlint.model.syntax import Source
from torchlint.model.values import Value

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

mean, total, none = nn.MSELoss(), nn.MSELoss(reduction="sum"), nn.MSELoss(reduction="none")


class Weighted(nn.Module):
    def __init__(self, reduction="none"):
        super().__init__()
        self.loss = nn.L1Loss(reduction=reduction)

    def forward(self, a, b):
        return self.loss(a, b)


def f(model, x, y, w, k, how, xs):
"""

REDUCTIONS = [
    ("mean(model(x), y)", "mean"),
    ("total(model(x), y).item()", "sum"),
    ("none(model(x), y)", "none"),
    ("none(model(x), y).mean()", "mean"),
    ("none(model(x), y).sum().detach()", "sum"),
    ("none(model(x), y).sum(1)", None),
    ("F.kl_div(x, y, None, None, 'sum')", "sum"),
    ("F.kl_div(x, y, reduction='batchmean')", "batchmean"),
    ("F.mse_loss(x, y, size_average=False)", "sum"),
    ("F.mse_loss(x, y, reduce=False)", "none"),
    ("nn.MSELoss(False)(x, y)", "sum"),
    ("F.mse_loss(x, y, reduction=how)", None),
    ("nn.MSELoss(**how)(x, y)", None),
    ("Weighted()(x, y)", "none"),
    ("Weighted('mean')(x, y)", "mean"),
    ("((x - y) ** 2).mean()", "mean"),
    ("(x - y).abs().sum().item()", "sum"),
    ("((x - y) ** 2).mean(1)", None),
    ("x.mean()", None),
    ("mean(x, y) / k", None),
    ("mean(x, y) if k else total(x, y)", None),
]
UNREDUCED = [
    ("none(x, y) * w", True),
    ("none(x, y).view(-1) + 1", True),
    ("Weighted()(x, y)", True),
    ("(none(x, y) * w).sum()", None),
    ("none(x, y) @ w", None),
    ("none(x, y)[0]", None),
    ("none(x, y) if k else mean(x, y)", None),
]
BATCH_SIZES = [
    ("(mean(model(x), y), x.size(0))", True),
    ("(mean(model(x), y), len(y))", True),
    ("(mean(model(x), y), x.shape[0])", True),
    ("(mean(model(x), y), x.shape[1])", None),
    ("(mean(model(x), y), k)", None),
    ("(mean(model(xs[0]), y), len(xs))", None),
]


def value_of(expression: str) -> Value:
    text = HEAD + f"    return {expression}\n"
    source = Source("m.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    function = next(f for f in source.functions if f.name == "f")
    return project.frame(source, function).value(function.returns[0])


@pytest.mark.parametrize(("expression", "expected"), REDUCTIONS, ids=[e for e, _ in REDUCTIONS])
def test_reduction(expression: str, expected: str | None) -> None:
    found = reduced(value_of(expression))
    assert (found.kind if found is not None else None) == expected


@pytest.mark.parametrize(("expression", "expected"), UNREDUCED, ids=[e for e, _ in UNREDUCED])
def test_unreduced(expression: str, expected: bool | None) -> None:
    assert is_unreduced(value_of(expression)) is expected


@pytest.mark.parametrize(("expression", "expected"), BATCH_SIZES, ids=[e for e, _ in BATCH_SIZES])
def test_batch_size(expression: str, expected: bool | None) -> None:
    loss, number = value_of(expression).items
    assert is_batch_size(number, loss) is expected
