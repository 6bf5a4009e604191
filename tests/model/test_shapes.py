"""Shapes that the code spells out: one table of programs and answers."""

import ast

import pytest

from torchlint.model.project import Project
from torchlint.model.shapes import Shape, is_batch, shape_of
from torchlint.model.syntax import Source

HEAD = """
import torch
import torch.nn.functional as F
from sklearn.datasets import make_regression
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

head = nn.Linear(8, 1)
net = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 1))


class Regressor(nn.Module):
    def __init__(self, out=1):
        super().__init__()
        self.head = nn.Linear(32, out)

    def forward(self, x):
        return self.head(x.relu())


class Samples(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __getitem__(self, i):
        return self.x[i], float(self.y[i])


def batch_of(loader):
    for batch in loader:
        return batch


def f(x, y):
    return (
"""

TABLE = [
    ("torch.zeros(3, 4)", Shape((3, 4))),
    ("torch.zeros((3, 4)).t()", None),
    ("torch.randn(3, x.size(0))", Shape((3, None))),
    ("torch.tensor([[1.0, 2.0]])", Shape((1, 2))),
    ("torch.zeros(3, 4).T", Shape((4, 3))),
    ("x", None),
    ("head(x)", Shape((1,), whole=False)),
    ("net(x)", Shape((1,), whole=False)),
    ("net(torch.zeros(5, 8))", Shape((5, 1))),
    ("Regressor()(x)", Shape((1,), whole=False)),
    ("Regressor(3)(x)", Shape((3,), whole=False)),
    ("Regressor(x)(x)", Shape((None,), whole=False)),
    ("head(x).squeeze(-1)", Shape((), whole=False)),
    ("head(x).squeeze(1)", None),
    ("head(x).squeeze()", None),
    ("head(x).sigmoid()", Shape((1,), whole=False)),
    ("head(x) * 2.0", Shape((1,), whole=False)),
    ("head(x)[:, 0]", None),
    ("head(x)[..., 0]", Shape((), whole=False)),
    ("head(x.flatten(1))", Shape((None, 1))),
    ("head(x.flatten(1)).squeeze(1)", Shape((None,))),
    ("head(x.view(-1, 8))[:, 0]", Shape((None,))),
    ("y.view(-1)", Shape((None,))),
    ("y.view(-1, 1)", Shape((None, 1))),
    ("y.reshape(-1).unsqueeze(1)", Shape((None, 1))),
    ("y.flatten()[:, None]", Shape((None, 1))),
    ("y.view(x.shape)", None),
    ("y.view(y.size(0))", None),
    ("y.flatten().float().to('cuda')", Shape((None,))),
    ("torch.flatten(y)", Shape((None,))),
    ("y.flatten() - 0.5", Shape((None,))),
    ("y.flatten() - y.view(-1, 1)", Shape((None, None))),
    ("torch.tensor(x['price'].values)", Shape((None,))),
    ("torch.from_numpy(x['price'].to_numpy()).float()", Shape((None,))),
    ("torch.tensor(x[['price']].values)", None),
    ("torch.tensor(x.values)", None),
    ("torch.FloatTensor(x['price'].values.reshape(-1, 1))", Shape((None, 1))),
    ("torch.tensor(make_regression(100, 5)[1])", Shape((None,))),
    ("torch.tensor(make_regression(100, 5)[0])", None),
    ("torch.tensor(train_test_split(x, x['price'].values)[3])", Shape((None,))),
    ("torch.tensor(train_test_split(x, x['price'].values)[1])", None),
    ("torch.Tensor(3, 4)", Shape((3, 4))),
    ("y.mean()", Shape(())),
    ("y.view(4, 3).mean(1)", Shape((4,))),
    ("y.view(4, 3).mean(1, keepdim=True)", Shape((4, 1))),
    ("y.view(4, 3).max(1)[0]", Shape((4,))),
    ("y.view(4, 3).max(1).values", Shape((4,))),
    ("torch.arange(5)", Shape((None,))),
    ("torch.zeros(3, 4)[0]", Shape((4,))),
    ("torch.zeros(3, 4)[x]", None),
    ("nn.Embedding(10, 6)(torch.arange(4))", Shape((None, 6))),
    ("torch.stack([y.flatten(), y.flatten()])", Shape((None, None))),
    ("batch_of(DataLoader(TensorDataset(torch.randn(9, 8), torch.randn(9)), batch_size=3))[1]", Shape((None,))),
    ("batch_of(DataLoader(Samples(x, y), batch_size=3))[1]", Shape((None,))),
    ("batch_of(DataLoader(Samples(x, y), batch_size=3))[0]", None),
    ("batch_of(DataLoader(Samples(x, y), 3, collate_fn=f))[1]", None),
    ("torch.ones(2, 3) if x else torch.ones(4, 3)", Shape((None, 3))),
    ("torch.ones(2, 3) if x else torch.ones(4)", None),
]


@pytest.mark.parametrize(("expression", "expected"), TABLE, ids=[e for e, _ in TABLE])
def test_the_shape_is_what_the_code_spells_out(expression: str, expected: Shape | None) -> None:
    text = HEAD + expression + "\n    )\n"
    source = Source("program.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    function = next(f for f in source.functions if f.name == "f")
    assert shape_of(project.frame(source, function).value(function.returns[0])) == expected


LAYERS = """
import torch
from torch import nn
from torch.utils.data import DataLoader
from elsewhere import Block


class Net(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(8, 8) for _ in range(depth)])
        self.own = Block(8)
        self.head = nn.Linear(8, 1)

    def forward(self, x, z):
        for layer in self.layers:
            x = layer(x)
        return ({})
"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("x", True),
        ("z", True),
        ("self.head(z).sigmoid()", True),
        ("self.head(x)", True),
        ("self.own(z)", None),
        ("torch.cat((z, z), -1)", True),
        ("torch.cat((z, z))", None),
        ("z[0]", None),
        ("z[:, 0]", True),
        ("z.view(z.size(0), -1)", True),
        ("z.view(-1)", None),
        ("z.mean(1)", True),
        ("z.mean()", None),
        ("z.flatten(1)", True),
        ("z.unsqueeze(0)", None),
        ("z + 1", True),
        ("torch.ones(3)", None),
    ],
)
def test_what_is_a_batch(expression: str, expected: bool | None) -> None:
    text = LAYERS.replace("({})", f"({expression})")
    source = Source("program.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    function = next(f for f in source.functions if f.name == "forward")
    assert is_batch(project.frame(source, function).value(function.returns[0])) is expected
