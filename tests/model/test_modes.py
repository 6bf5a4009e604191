"""Modes: what sets them, what they change, and which events run a module."""

from __future__ import annotations

import pytest

from torchlint.model import Module, Project
from torchlint.model.modes import knows_modes, made_in, mode_setters, runs_of, sets_mode_of
from torchlint.model.trace import Trace

HEAD = """
import torch
from torch import nn
from thirdparty import Block, act


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x)


class Moody(nn.Module):
    def __init__(self, rate):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x):
        return self.norm(self.layer(x))


class Asking(nn.Module):
    def forward(self, x):
        return x if self.training else -x

"""


def trace(body: str) -> Trace:
    """The trace of `main`."""
    text = HEAD + body
    project = Project("/p", lambda path: text.encode() if path == "/p/m.py" else None)
    module = Module.build("/p/m.py", text, project)
    (found,) = [t for t in module.traces if t.function is not None and t.function.name == "main"]
    return found


@pytest.mark.parametrize(
    ("model", "answer"),
    [
        ("Plain()", False),
        ("Moody(0.1)", True),
        ("Asking()", True),
        ("nn.Sequential(Plain(), nn.ReLU())", False),
        ("nn.Sequential(Plain(), Moody(0.1))", True),
        ("nn.Sequential(Plain(), nn.Dropout(rate))", None),
        ("nn.Sequential(Plain(), nn.Dropout(0.0))", False),
        ("Block()", None),
        ("act()", None),
    ],
)
def test_whether_a_module_knows_modes(model: str, answer: bool | None) -> None:
    found = trace(f"def main(x, rate):\n    m = {model}\n    m.eval()\n    return m(x)\n")
    subject = found.of("eval")[0].subject
    assert subject is not None
    assert knows_modes(subject) is answer


@pytest.mark.parametrize(
    ("setter", "answer"),
    [
        ("model.eval()", True),
        ("model.train(False)", True),
        ("model.train(flag)", True),
        ("whole.eval()", True),
        ("other.eval()", False),
        ("unknown.eval()", None),
        ("model.norm.eval()", None),
    ],
)
def test_what_an_event_sets(setter: str, answer: bool | None) -> None:
    found = trace(f"""
def main(x, flag, unknown):
    model = Moody(0.1)
    other = Moody(0.1)
    whole = nn.Sequential(model, nn.ReLU())
    {setter}
    model(x).sum().backward()
""")
    subject = found.of("forward")[0].subject
    assert subject is not None
    (event,) = found.of("train", "eval", "mode")
    assert sets_mode_of(event, subject) is answer
    assert (event in mode_setters(found, subject)) is (answer is not False)
    assert made_in(found, subject) is True
    assert [run.kind for run in runs_of(found, subject)] == ["forward"]


def test_a_parameter_is_not_made_in_the_trace() -> None:
    found = trace("def main(model, x):\n    model.eval()\n    return model(x)\n")
    subject = found.of("eval")[0].subject
    assert subject is not None
    assert made_in(found, subject) is False
    assert len(runs_of(found, subject)) == 1
