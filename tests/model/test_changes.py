"""Containers and modules that are changed after they were made: one table of programs and the range of their output."""

import ast

import pytest

from torchlint.model.project import Project
from torchlint.model.ranges import range_of
from torchlint.model.shapes import shape_of
from torchlint.model.syntax import Source

PROGRAM = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, depth, squash=False):
        super().__init__()
{init}

    def forward(self, x):
{forward}


def f(x, y, given):
    model = Net(3)
{use}
"""

ONCE = "self.net = nn.Sequential(*layers)"
HEADED = "self.net = nn.Sequential(*layers, nn.Linear(2, 2), nn.Softmax(1))"
TABLE = [
    ("layers = [nn.Linear(2, 2)]\n" + ONCE, "raw"),
    ("layers = [nn.Linear(2, 2)]\nlayers.append(nn.Sigmoid())\n" + ONCE, "prob01"),
    ("layers = [nn.Linear(2, 2)]\nlayers.extend([nn.ReLU(), nn.Softmax(1)])\n" + ONCE, "prob"),
    ("layers = [nn.Linear(2, 2)]\nlayers += [nn.Sigmoid()]\n" + ONCE, "prob01"),
    ("layers = []\nfor _ in range(depth):\n    layers.append(nn.Linear(2, 2))\n" + ONCE, None),
    ("layers = []\nfor _ in range(depth):\n    layers += [nn.Linear(2, 2)]\n" + ONCE, None),
    (
        "layers = []\nfor _ in range(depth):\n    layers.append(nn.Linear(2, 2))\nlayers.append(nn.Sigmoid())\n" + ONCE,
        "prob01",
    ),
    (
        "layers = []\nfor _ in range(depth):\n    layers += [nn.Linear(2, 2)]\nlayers.append(nn.Sigmoid())\n" + ONCE,
        "prob01",
    ),
    (
        "layers = []\nfor _ in range(depth):\n    layers += [nn.Linear(2, 2)]\nlayers += [nn.Softmax(1)]\n" + ONCE,
        "prob",
    ),
    ("layers = [nn.Linear(2, 2)]\nif squash:\n    layers += [nn.Sigmoid()]\n" + ONCE, None),
    ("layers = [nn.Linear(2, 2)]\nif squash:\n    layers.append(nn.Sigmoid())\n" + ONCE, None),
    ("layers = []\nfor _ in range(depth):\n    layers.append(nn.Linear(2, 2))\n" + HEADED, "prob"),
    ("self.net = nn.Sequential(*squash, nn.Softmax(1))", "prob"),
    ("self.net = nn.Sequential(nn.Softmax(1), *squash)", None),
    ("layers = [nn.Linear(2, 2)]\nlayers.insert(0, nn.ReLU())\n" + ONCE, None),
    ("layers = [nn.Linear(2, 2)]\nlayers.pop()\n" + ONCE, None),
    ("layers = [nn.Linear(2, 2)]\nlayers[0] = nn.Sigmoid()\n" + ONCE, None),
    ("layers = [nn.Linear(2, 2)]\n" + ONCE + "\nlayers.append(nn.Sigmoid())", "raw"),
    ("self.layers = [nn.Linear(2, 2)]\nself.layers.append(nn.Sigmoid())\nself.net = nn.Sequential(*self.layers)", None),
    ("self.net = nn.Sequential(nn.Linear(2, 2))\nself.net.append(nn.Sigmoid())", "prob01"),
    ("self.net = nn.Sequential(nn.Linear(2, 2))\nself.net.add_module('a', nn.Sigmoid())", "prob01"),
    ("self.net = nn.Sequential(nn.Linear(2, 2))\nself.net.insert(0, nn.Sigmoid())", None),
    ("self.net = nn.Sequential(nn.Linear(2, 2))\nif x:\n    self.net.append(nn.Sigmoid())", None),
    ("self.net = nn.Sequential(nn.Linear(2, 2))\nself.net[0] = nn.Sigmoid()", None),
    ("net = nn.Sequential(nn.Linear(2, 2))\nnet.add_module('a', nn.Sigmoid())\nself.net = net", "prob01"),
    ("self.net = nn.Linear(2, 2)", "raw"),
]


def function_of(init: str, forward: str, use: str) -> tuple[Project, Source]:
    def inside(text: str, width: int) -> str:
        return "\n".join(" " * width + line for line in text.splitlines())

    text = PROGRAM.format(init=inside(init, 8), forward=inside(forward, 8), use=inside(use, 4))
    source = Source("program.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    return project, source


def state_of(init: str, forward: str = "return self.net(x)", use: str = "return model(x)") -> str | None:
    project, source = function_of(init, forward, use)
    function = next(f for f in source.functions if f.name == "f")
    found = range_of(project.frame(source, function).value(function.returns[0]))
    return found.state if found else None


@pytest.mark.parametrize(("init", "expected"), TABLE)
def test_layers_that_are_changed(init: str, expected: str | None) -> None:
    assert state_of(init) == expected


LINEAR = "self.net = nn.Linear(2, 2)"


@pytest.mark.parametrize(
    ("forward", "use", "expected"),
    [
        ("return self.net(x)", "model.net = given\nreturn model(x)", None),
        ("return self.net(x)", "given.net = None\nreturn model(x)", None),
        ("return {'a': self.net(x)}", "return model(x)['a']", "raw"),
        ("out = {'a': self.net(x)}\nout['b'] = x.sigmoid()\nreturn out", "return model(x)['b']", "prob01"),
        ("out = {'a': self.net(x)}\nout['a'] = out['a'].sigmoid()\nreturn out", "return model(x)['a']", None),
        ("out = {}\nout[x] = self.net(x)\nreturn out", "return model(x)['a']", None),
        ("out = {'a': self.net(x)}\nout.update(x)\nreturn out", "return model(x)['a']", None),
        ("x = self.net(x)\nx.sigmoid_()\nreturn x", "return model(x)", None),
        ("x = self.net(x)\nreturn x.sigmoid_()", "return model(x)", None),
    ],
)
def test_what_is_stored_later(forward: str, use: str, expected: str | None) -> None:
    assert state_of(LINEAR, forward, use) == expected


def test_the_shape_of_the_last_layer() -> None:
    init = (
        "layers = []\nfor _ in range(depth):\n    layers.append(nn.Linear(9, 9))\nlayers.append(nn.Linear(9, 1))\n"
        + ONCE
    )
    project, source = function_of(init, "return self.net(x)", "return model(x)")
    function = next(f for f in source.functions if f.name == "f")
    shape = shape_of(project.frame(source, function).value(function.returns[0]))
    assert shape is not None
    assert shape.last == 1
