"""Which backward passes are scaled: one table of programs and answers."""

import ast
import textwrap

import pytest

from torchlint.model.project import Project
from torchlint.model.scaling import on_the_way_to_step, scaled_backwards
from torchlint.model.syntax import Source
from torchlint.model.trace import Trace

HEAD = """
import torch


def program(model, loader, loss, scaler, amp):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
"""


def trace(body: str) -> Trace:
    text = HEAD + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"
    source = Source("/p/x.py", text, ast.parse(text))
    project = Project("/p", lambda path: None)
    project.add(source)
    return Trace(project.frame(source, source.functions[-1]))


@pytest.mark.parametrize(
    ("body", "scaled"),
    [
        ('scaler = torch.amp.GradScaler("cuda")\nscaler.scale(loss).backward()', 1),
        ("scaler = torch.cuda.amp.GradScaler(enabled=amp)\nscaler.scale(loss).backward()", 1),
        ("scaler = torch.cuda.amp.GradScaler() if amp else None\nscaler.scale(loss).backward()", 1),
        ("scaler = torch.cuda.amp.GradScaler(enabled=False)\nscaler.scale(loss).backward()", 0),
        ("scaler.scale(loss).backward()\nscaler.step(optimizer)", 1),
        ("scaler.scale(loss).backward()\noptimizer.step()", 0),
        ("loss.backward()\noptimizer.step()", 0),
        ("scaler.backward(loss)\nscaler.step(optimizer)", 0),
    ],
)
def test_scaled_backward_passes(body: str, scaled: int) -> None:
    assert len(list(scaled_backwards(trace(body)))) == scaled


def test_what_changes_the_scale_on_the_way() -> None:
    events = trace(
        """
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        loss.backward()
        model.weight.grad = loss
        optimizer.zero_grad()
        scaler.step(optimizer)
        """
    ).events
    assert [event.kind for event in events if on_the_way_to_step(event)] == [
        "unscale",
        "backward",
        "store",
        "zero_grad",
    ]
