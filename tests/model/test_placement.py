"""What is a tensor, where it was made and where it was moved: one table of programs and answers."""

import ast

import pytest

from torchlint.model.placement import is_cpu, is_device, is_tensor, made_on_cpu, move_of, on_device
from torchlint.model.project import Project
from torchlint.model.syntax import Source
from torchlint.model.values import Value

HEAD = """
import math
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
layer = nn.Linear(4, 2)
loader = DataLoader(TensorDataset(torch.zeros(8, 4), torch.zeros(8)), batch_size=2)
weights = 1 / torch.tensor([1.0, 2.0])


def program(x: torch.Tensor, unknown, args, model: nn.Module, maybe: torch.Tensor = None):
    for batch, target in loader:
        here = batch.to(device)
        for parameter in model.parameters():
            pass
        for name, named in model.named_parameters():
            pass
        return EXPRESSION
"""


def value(expression: str) -> Value:
    source = Source("/p/x.py", text := HEAD.replace("EXPRESSION", expression), ast.parse(text))
    project = Project("/p", lambda path: None)
    project.add(source)
    function = source.functions[0]
    return project.frame(source, function).value(function.returns[0])


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("x", True),
        ("unknown", None),
        ("maybe", None),
        ("x + unknown", True),
        ("unknown + x", None),
        ("2 * x", True),
        ("math.sqrt(2) * x", True),
        ("x > 0", True),
        ("x is None", False),
        ("not x", False),
        ("layer(unknown)", True),
        ("model(x)", None),
        ("x.view(-1).clamp(0, 1)", True),
        ("x.max(dim=1)", None),
        ("x.max(dim=1)[0]", True),
        ("x.item()", False),
        ("x.tolist()", False),
        ("unknown.clamp(0, 1)", None),
        ("F.softmax(unknown, dim=1)", True),
        ("batch", True),
        ("target", True),
        ("parameter", True),
        ("named", True),
        ("name", None),
        ("nn.Parameter(unknown)", True),
        ("layer", False),
        ("np.zeros(3)", None),
        ("[x]", False),
    ],
)
def test_tensors(expression: str, answer: bool | None) -> None:
    assert is_tensor(value(expression)) is answer


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ('"cuda"', True),
        ("0", True),
        ("device", True),
        ("args.device", True),
        ("x.device", True),
        ("x.dtype", False),
        ("torch.float16", False),
        ("unknown", None),
    ],
)
def test_devices(expression: str, answer: bool | None) -> None:
    assert is_device(value(expression)) is answer


def test_the_cpu_is_known_from_a_literal_only() -> None:
    assert is_cpu(value('"cpu"')) is True
    assert is_cpu(value('torch.device("cpu")')) is True
    assert is_cpu(value('"cuda:0"')) is False
    assert is_cpu(value("device")) is None
    assert is_cpu(value("args.device")) is None


@pytest.mark.parametrize(
    ("expression", "moves"),
    [
        ("x.to(device)", True),
        ("x.to(device=args.device, non_blocking=True)", True),
        ("x.cuda()", True),
        ("x.to(0)", True),
        ("x.to(torch.float16)", False),
        ("x.to(dtype=torch.long)", False),
        ('x.to("cpu")', False),
        ("x.to(unknown)", False),
        ("x.cpu()", False),
    ],
)
def test_moves(expression: str, moves: bool) -> None:
    assert (move_of(value(expression)) is not None) is moves


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("torch.zeros(3)", True),
        ('torch.zeros(3, device="cpu")', True),
        ("torch.zeros(3, device=device)", None),
        ("torch.zeros(3).view(3, 1).float()", True),
        ("weights", True),
        ("torch.zeros(3, **unknown)", None),
        ("torch.zeros(3).to(device)", None),
        ("torch.as_tensor(unknown)", None),
        ("torch.zeros_like(x)", None),
        ("x", None),
    ],
)
def test_made_on_the_cpu(expression: str, answer: bool | None) -> None:
    assert made_on_cpu(value(expression)) is answer


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("here", True),
        ("layer(here)", True),
        ("F.cross_entropy(model(here), unknown)", True),
        ("torch.cat([here, batch])", True),
        ("here.max(dim=1).values", True),
        ("here.cpu()", None),
        ("here.item()", None),
        ("here.shape", None),
        ("batch", None),
        ("torch.zeros(3, device=device)", True),
        ('torch.zeros(3, device="cpu")', None),
    ],
)
def test_on_a_device(expression: str, answer: bool | None) -> None:
    assert on_device(value(expression)) is answer
