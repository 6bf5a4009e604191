"""What module classes keep: containers, uses, and what may register them. One table of programs and answers."""

import ast

import pytest

from torchlint.model.classes import ClassModel
from torchlint.model.members import holds_parameters, is_handed_out, is_used, may_register, operands, plain_containers
from torchlint.model.project import Project
from torchlint.model.syntax import Source

PROGRAM = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width, given):
        super().__init__()
        {init}

    def forward(self, x):
        {forward}
"""


def model_of(init: str, forward: str = "return x") -> ClassModel:
    text = PROGRAM.format(init="\n        ".join(init.splitlines()), forward="\n        ".join(forward.splitlines()))
    source = Source("program.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    return project.class_model(source.classes[0])


@pytest.mark.parametrize(
    ("init", "kind", "fresh"),
    [
        ("self.kept = [nn.Linear(2, 2)]", "list", True),
        ("self.kept = [nn.Linear(2, 2) for _ in range(3)]", "list", True),
        ("self.kept = [nn.Linear(2, 2)] * 3", "list", True),
        ("self.kept = (nn.Sequential(nn.Linear(2, 2)), nn.GRU(2, 2))", "tuple", True),
        ("self.kept = {'a': nn.Embedding(3, 3)}", "dict", True),
        ("self.kept = {k: nn.Linear(2, 2) for k in given}", "dict", True),
        ("self.kept = []\nself.kept.append(nn.Linear(2, 2))", "list", True),
        ("self.kept = {}\nself.kept['a'] = nn.Linear(2, 2)", "dict", True),
        ("kept = []\nfor _ in given:\n    kept.append(nn.Linear(2, 2))\nself.kept = kept", "list", True),
        ("kept = [nn.Linear(2, 2)]\nself.net = nn.Sequential(*kept)\nself.kept = kept", None, False),
        ("kept = []\nkept.append(given)\nself.kept = kept", "list", False),
        ("self.kept = []", "list", False),
        ("self.kept = [given]", "list", False),
        ("self.kept = [nn.ReLU()]", "list", False),
        ("self.kept = [nn.Linear]", "list", False),
        ("self.kept = [nn.Linear(2, 2).requires_grad_(False)]", "list", False),
        ("self.kept = [nn.Linear(2, 2), given]", "list", False),
        ("self.kept = [3, 4]", "list", False),
        ("self.kept = nn.ModuleList([nn.Linear(2, 2)])", None, False),
        ("self.kept = [nn.Linear(2, 2)]\nself.kept = nn.ModuleList(self.kept)", None, False),
    ],
)
def test_containers(init: str, kind: str | None, fresh: bool) -> None:
    found = list(plain_containers(model_of(init)))
    assert [kept.kind for kept in found] == ([kind] if kind else [])
    assert [kept.are_fresh("module") for kept in found] == ([fresh] if kind else [])


LAYERS = "self.kept = [nn.Linear(2, 2)]\n"


@pytest.mark.parametrize(
    ("init", "forward", "answer"),
    [
        (LAYERS, "for layer in self.kept:\n    x = layer(x)\nreturn x", False),
        (LAYERS, "return self.kept[0](x)", False),
        (LAYERS, "return x if len(self.kept) > 1 else self.kept[-1](x)", False),
        (LAYERS + "self.net = nn.Sequential(*self.kept)", "return self.net(x)", True),
        (LAYERS + "self.net = nn.ModuleList(self.kept)", "return x", True),
        (LAYERS + "for i, m in enumerate(self.kept):\n    self.add_module(str(i), m)", "return x", True),
        (LAYERS + "given(self.kept)", "return x", True),
        (LAYERS + "self.net = nn.ModuleList([m for m in self.kept])", "return x", True),
        (LAYERS + "self.net = nn.Sequential(self.kept[0], nn.ReLU())", "return x", True),
        (LAYERS + "for m in self.kept:\n    given.append(m)", "return x", True),
        (LAYERS + "self.kept[0].load_state_dict(given)", "return self.kept[0](x)", True),
        (LAYERS + "for m in self.kept:\n    m.eval()", "return self.kept[0](x)", True),
        (LAYERS + "for i, m in enumerate(self.kept):\n    given[i] = m", "return x", True),
        (LAYERS, "for i, m in enumerate(self.kept):\n    x = m(x) + i\nreturn x", False),
        (LAYERS, "return [m(x) for m in self.kept]", False),
        (LAYERS, "return {k: m(x) for k, m in zip(x, self.kept)}", False),
        (LAYERS, "for m in self.kept:\n    nn.init.zeros_(m.weight)\n    m.reset_parameters()\nreturn x", False),
        (LAYERS + "self.other = self.kept", "return x", True),
        (LAYERS + "self.own = [p for m in self.kept for p in m.parameters()]", "return x", True),
    ],
)
def test_what_may_register(init: str, forward: str, answer: bool) -> None:
    assert may_register(model_of(init, forward), "kept") is answer


@pytest.mark.parametrize(
    ("init", "forward", "answer"),
    [
        ("self.w = given", "return x * self.w", False),
        ("self.w = given", "return torch.matmul(x, self.w)", False),
        ("self.w = given", "return x.matmul(self.w)", False),
        ("self.w = given", "return self.w", True),
        ("self.w = given\nself.o = torch.optim.SGD([self.w], lr=0.1)", "return x * self.w", True),
        ("self.w = given\nself.v = nn.Parameter(self.w)", "return x * self.v", True),
        ("self.w = given\nwidth(self.w)", "return x", True),
    ],
)
def test_what_is_handed_out(init: str, forward: str, answer: bool) -> None:
    assert is_handed_out(model_of(init, forward), "w") is answer


@pytest.mark.parametrize(
    ("forward", "answer"),
    [
        ("return x * self.w", 1),
        ("return x - self.w[:2]", 1),
        ("return x.masked_fill(self.w == 0, 0.0)", 1),
        ("return self.w * 2", None),
        ("return x[:, self.w]", None),
        ("return x * self.w.to(x.device)", None),
        ("w = self.w\nreturn x * w", 1),
        ("w = self.w[:2]\nreturn x * (w == 0)", 1),
        ("w = self.w\nw = w.to(x.device)\nreturn x * w", None),
        ("w = self.w\nreturn x * w.to(x)", None),
        ("w = self.w if x else 0\nreturn x * w", None),
        ("return x[: self.w.shape[0]]", 0),
    ],
)
def test_operands(forward: str, answer: int | None) -> None:
    found = operands(model_of("self.w = torch.ones(3)", forward), "w")
    assert (None if found is None else len(found)) == answer


@pytest.mark.parametrize(
    ("init", "answer"),
    [
        ("self.kept = nn.Linear(2, 2)", True),
        ("self.kept = nn.Sequential(nn.ReLU(), nn.Linear(2, 2))", True),
        ("self.kept = nn.ReLU()", None),
        ("self.kept = given", None),
    ],
)
def test_parameters(init: str, answer: bool | None) -> None:
    model = model_of(init)
    kept = model.attribute(model.self_value, "kept")
    assert kept is not None
    assert holds_parameters(kept) is answer


def test_use() -> None:
    assert is_used(model_of("self.w = given", "return x * self.w"), "w")
    assert not is_used(model_of("self.w = given", "return x"), "w")
