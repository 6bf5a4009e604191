"""Schedules: which optimizer one drives, and the unit of its length."""

from __future__ import annotations

import pytest

from torchlint.model import Module, Project
from torchlint.model.schedules import (
    counts_batches,
    epoch_bound,
    handed_to_lightning,
    schedule_made,
    schedule_of,
    unit_of,
)

PROGRAM = """
import torch
from torch import nn
from torch.optim import lr_scheduler as S
from transformers import get_cosine_schedule_with_warmup


def main(loader, args, epochs, other):
    model = nn.Linear(2, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    n = 10
    scheduler = {scheduler}
    for epoch in range({bound}):
        for i, x in enumerate(loader):
            model(x).sum().backward()
            optimizer.step()
        scheduler.step()
"""


@pytest.mark.parametrize(
    ("scheduler", "bound", "unit"),
    [
        ("S.CosineAnnealingLR(optimizer, epochs)", "epochs", "epoch"),
        ("S.CosineAnnealingLR(optimizer, T_max=args.epochs)", "args.epochs", "epoch"),
        ("S.CosineAnnealingLR(optimizer, T_max=args.epochs)", "0, args.epochs", "epoch"),
        ("S.CosineAnnealingLR(optimizer, T_max=n)", "n", "epoch"),
        ("S.CosineAnnealingLR(optimizer, T_max=10)", "10", None),
        ("S.CosineAnnealingLR(optimizer, T_max=10)", "n", None),
        ("S.CosineAnnealingLR(optimizer, T_max=other)", "epochs", None),
        ("S.CosineAnnealingLR(optimizer, T_max=epochs - 5)", "epochs", "epoch"),
        ("S.CosineAnnealingLR(optimizer, T_max=epochs * len(loader))", "epochs", "batch"),
        ("S.CosineAnnealingLR(optimizer, T_max=len(loader) * n)", "n", "batch"),
        ("S.CosineAnnealingLR(optimizer, T_max=len(other) * n)", "n", None),
        ("S.OneCycleLR(optimizer, 0.1, epochs=epochs, steps_per_epoch=len(loader))", "epochs", "batch"),
        ("S.OneCycleLR(optimizer, 0.1, total_steps=epochs)", "epochs", "epoch"),
        ("S.StepLR(optimizer, epochs // 3)", "epochs", "epoch"),
        ("S.StepLR(optimizer, 30)", "epochs", None),
        ("get_cosine_schedule_with_warmup(optimizer, 0, epochs * len(loader))", "epochs", "batch"),
        ("S.ExponentialLR(optimizer, 0.9)", "epochs", None),
    ],
)
def test_the_unit_of_a_schedule(scheduler: str, bound: str, unit: str | None) -> None:
    text = PROGRAM.format(scheduler=scheduler, bound=bound)
    project = Project("/p", lambda path: text.encode() if path == "/p/m.py" else None)
    module = Module.build("/p/m.py", text, project)
    (trace,) = [t for t in module.traces if t.function is not None]
    batches = trace.of("backward")[0].loop
    assert batches is not None and batches.outer is not None
    epochs = epoch_bound(batches.outer)
    schedule = schedule_of(trace.of("scheduler_step")[0])
    assert epochs is not None and schedule is not None
    assert schedule.optimizer.key == trace.of("step")[0].key
    found = unit_of(schedule, epochs, batches)
    assert (found[0] if found is not None else None) == unit


@pytest.mark.parametrize(
    ("arguments", "resumed"),
    [("0.9", False), ("0.9, last_epoch=-1", False), ("0.9, last_epoch=start", None), ("0.9, last_epoch=5", True)],
)
def test_whether_a_schedule_continues_another(arguments: str, resumed: bool | None) -> None:
    text = f"""
import torch
optimizer = torch.optim.SGD(params, lr=0.1)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, {arguments})
"""
    module = Module.build("/p/m.py", text, Project("/p", lambda _: None))
    (call,) = module.calls("torch.optim.lr_scheduler.ExponentialLR")
    schedule = schedule_made(call.value)
    assert schedule is not None
    assert schedule.resumed is resumed


@pytest.mark.parametrize(
    ("returned", "intervals"),
    [
        ("[optimizer], [scheduler]", ["epoch"]),
        ("optimizer", []),
        ("{'optimizer': optimizer, 'lr_scheduler': scheduler}", ["epoch"]),
        ("{'optimizer': optimizer, 'lr_scheduler': {'scheduler': scheduler, 'interval': 'step'}}", ["step"]),
        ("[optimizer], [{'scheduler': scheduler, 'interval': args.interval}]", [None]),
        ("[optimizer], [{'scheduler': scheduler, **args}]", []),
    ],
)
def test_what_lightning_is_handed(returned: str, intervals: list[str | None]) -> None:
    text = f"""
import torch

def configure(self, args):
    optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
    steps = self.trainer.estimated_stepping_batches
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=steps)
    return {returned}
"""
    module = Module.build("/p/m.py", text, Project("/p", lambda _: None))
    (function,) = module.source.functions
    found = list(handed_to_lightning(module.frame(function).value(function.returns[0])))
    assert [interval for _, interval in found] == intervals
    assert all(counts_batches(scheduler) == "total_steps=steps" for scheduler, _ in found)
