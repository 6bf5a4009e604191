"""Which token an output is scored against: one table of programs and answers."""

import ast

import pytest

from torchlint.model.offsets import alignment, stretch_of
from torchlint.model.project import Project
from torchlint.model.syntax import Source

HEAD = """
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self, words=10, both=False):
        super().__init__()
        self.embed = nn.Embedding(words, 8)
        self.position = nn.Embedding(64, 8)
        self.blocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2) for _ in range(3)])
        self.rnn = nn.GRU(8, 8, bidirectional=both)
        self.head = nn.Linear(8, words)

    def forward(self, x, y=None):
        h = self.embed(x) + self.position(torch.arange(x.size(1)))
        for block in self.blocks:
            h = block(h)
        h, _ = self.rnn(h)
        return self.head(h)


class Noisy(Net):
    def forward(self, x):
        h = self.embed(x)
        return self.head(h + torch.randn_like(h))


net, noisy, both = Net(), Noisy(), Net(both=True)


def f(x, y, data, i, n):
"""

OFFSETS = [
    ("F.cross_entropy(net(x).flatten(0, 1), x.flatten())", 0),
    ("F.cross_entropy(net(x)[:, :-1].flatten(0, 1), x[:, 1:].flatten())", 1),
    ("F.cross_entropy(net(x[:, :-1]).view(-1, 10), x[:, 1:].reshape(-1))", 1),
    ("F.cross_entropy(net(x[:, :-1])[:, :-1].transpose(1, 2), x[:, 2:])", 2),
    ("F.cross_entropy(net(x)[..., 1:, :].transpose(1, 2), x[..., :-1])", -1),
    ("nn.CrossEntropyLoss()(net(x.to('cpu'))[:, :-1].transpose(1, 2), x[:, 1:].contiguous())", 1),
    ("F.cross_entropy(net(data[i : i + n]), data[i + 1 : i + 1 + n])", 1),
    ("F.cross_entropy(net(data[i : i + n]), data[i + n : i + n + n])", None),
    ("F.cross_entropy(net(x)[:, -1], x[:, 0])", None),
    ("F.cross_entropy(net(x).flatten(0, 1)[:-1], x.flatten()[1:])", None),
    ("F.cross_entropy(both(x).flatten(0, 1), x.flatten())", None),
    ("F.cross_entropy(noisy(x).flatten(0, 1), x.flatten())", None),
    ("F.cross_entropy(net(x.flip(1)).flatten(0, 1), x.flatten())", None),
]


def value_of(expression: str):
    text = HEAD + f"    return {expression}\n"
    source = Source("m.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    function = next(f for f in source.functions if f.name == "f")
    return project.frame(source, function).value(function.returns[0])


@pytest.mark.parametrize(("expression", "expected"), OFFSETS, ids=[e for e, _ in OFFSETS])
def test_offset(expression: str, expected: int | None) -> None:
    found = alignment(value_of(expression))
    assert (found.offset if found is not None and found.same_sequence else None) == expected


def test_a_written_tensor_is_no_stretch() -> None:
    text = "def f(x):\n    y = x.clone()\n    y[:, 0] = 1\n    return y\n"
    source = Source("m.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    function = source.functions[0]
    assert stretch_of(project.frame(source, function).value(function.returns[0])) is None
