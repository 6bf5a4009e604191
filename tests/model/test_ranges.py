"""Ranges that the code spells out: one table of programs and answers."""

import ast

import pytest

from torchlint.model.project import Project
from torchlint.model.ranges import range_of
from torchlint.model.syntax import Source

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn

head = nn.Linear(8, 4)
net = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 4), nn.Softmax(dim=1))
gate = nn.Sequential(nn.Linear(8, 4), nn.Sigmoid())


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        scores = self.head(x)
        return scores, F.softmax(scores, dim=-1)


class Modes(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.head(x)
        if self.training:
            return x
        return x.softmax(-1)


class Optional(nn.Module):
    def __init__(self, squash):
        super().__init__()
        self.head = nn.Linear(8, 4)
        self.act = nn.Sigmoid() if squash else nn.Identity()

    def forward(self, x):
        return self.act(self.head(x))


class Own(nn.Sequential):
    def __init__(self, n, norm=True):
        layers = [nn.Linear(8, n), nn.ReLU()]
        if norm:
            layers.append(nn.BatchNorm1d(n))
        super().__init__(*layers, nn.Linear(n, 4), nn.Softmax(dim=1))


class Grown(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(8, 4))
        self.add_module("act", nn.Sigmoid())


class Bare(nn.Sequential):
    pass


class Override(nn.Sequential):
    def forward(self, x):
        return super().forward(x).sigmoid()


def squash(x):
    return torch.sigmoid(x)


def softmax(x):
    return x


def f(x, y):
    return (
"""

TABLE = [
    ("x", None),
    ("head(x)", "raw"),
    ("net(x)", "prob"),
    ("gate(x)", "prob01"),
    ("torch.compile(net)(x)", "prob"),
    ("nn.DataParallel(Pair())(x)[1]", "prob"),
    ("nn.parallel.DistributedDataParallel(torch.compile(Pair()))(x)[0]", "raw"),
    ("Own(4)(x)", "prob"),
    ("nn.Sequential(nn.ReLU(), Own(4))(x)", "prob"),
    ("Grown()(x)", None),
    ("Bare(nn.Linear(8, 4), nn.Sigmoid())(x)", "prob01"),
    ("Override(nn.Linear(8, 4))(x)", "prob01"),
    ("Pair()(x)", None),
    ("Pair()(x)[0]", "raw"),
    ("Pair()(x)[1]", "prob"),
    ("Modes()(x)", None),
    ("Optional(x)(x)", None),
    ("squash(head(x))", "prob01"),
    ("softmax(x)", None),
    ("softmax(head(x))", "raw"),
    ("x.softmax(1).view(-1, 4)", "prob"),
    ("x.softmax(1)[:, 0]", "prob01"),
    ("x.softmax(1)[y]", "prob"),
    ("x.softmax(1).float().detach()", "prob"),
    ("x.softmax(1) / 0.1", None),
    ("-x.softmax(1)", None),
    ("x.softmax(1).log()", "logprob"),
    ("(x.softmax(1) + 1e-8).log()", "logprob"),
    ("x.softmax(1).clamp(min=1e-8)", "prob"),
    ("head(x).clamp(0, 1)", None),
    ("torch.cat([head(x), head(y)])", "raw"),
    ("torch.cat([head(x), head(y).sigmoid()])", None),
    ("x.softmax(1) @ y", None),
    ("F.log_softmax(x, 1).transpose(1, 2)", "logprob"),
    ("{'a': x.softmax(1)}['a']", "prob"),
    ("x.sigmoid() if y else x", None),
    ("x.sigmoid() if y else torch.sigmoid(x)", "prob01"),
    ("nn.Dropout(0.1)(head(x))", "raw"),
    ("nn.Dropout(0.1)(x.softmax(1))", None),
    ("x.argmax(1)", "int"),
]


@pytest.mark.parametrize(("expression", "expected"), TABLE, ids=[e for e, _ in TABLE])
def test_the_range_is_what_the_code_spells_out(expression: str, expected: str | None) -> None:
    text = HEAD + expression + "\n    )\n"
    source = Source("program.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    function = next(f for f in source.functions if f.name == "f")
    found = range_of(project.frame(source, function).value(function.returns[0]))
    assert (found.state if found else None) == expected
