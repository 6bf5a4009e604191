"""Learning-rate schedules: the optimizer that one drives, where it advances, and the unit of its length."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from torchlint.model.syntax import dotted
from torchlint.model.trace import Event, Loop, is_optimizer
from torchlint.model.values import NONE, Value, argument
from torchlint.torch_api import roles

__all__ = [
    "Schedule",
    "counts_batches",
    "epoch_bound",
    "handed_to_lightning",
    "schedule_made",
    "schedule_of",
    "unit_of",
]


class Schedule(NamedTuple):
    """A scheduler of torch or of a library whose schedulers work like torch's.

    `facts` says which arguments state its length; `resumed` whether it continues an earlier one (`None`: perhaps).
    """

    value: Value
    optimizer: Value
    facts: roles.Scheduler
    resumed: bool | None


def schedule_of(event: Event) -> Schedule | None:
    """The one schedule that a `scheduler_step` event certainly advances."""
    if event.subject is None or event.by_name:
        return None
    options = [option for option in event.subject.options if option.key != NONE.key]
    return schedule_made(options[0]) if len(options) == 1 else None


def schedule_made(value: Value) -> Schedule | None:
    """The schedule that a value certainly is."""
    facts = roles.SCHEDULERS.get(value.name) or roles.SCHEDULER_FACTORIES.get(value.name)
    if facts is None or value.kind not in ("instance", "call"):
        return None
    optimizer = value.argument(1 if value.name.endswith(".get_scheduler") else 0, "optimizer")
    if optimizer is None or is_optimizer(optimizer) is not True:
        return None
    last = value.argument(None, "last_epoch")
    resumed = False if last is None else None if last.kind != "const" else last.const != -1
    return Schedule(value, optimizer, facts, resumed)


def handed_to_lightning(returned: Value) -> Iterator[tuple[Value, str | None]]:
    """The schedulers in what `configure_optimizers` returns, each with the interval that Lightning advances it at.

    `epoch` unless stated otherwise; `None` if it cannot be told.
    """
    for option in returned.options:
        if option.kind == "dict":
            given = _entry(option, "lr_scheduler")
            if given is not None:
                yield from _configured(given)
        elif option.kind in ("tuple", "list") and len(option.items) == 2 and option.items[1].kind in ("list", "tuple"):
            for item in option.items[1].items:
                yield from _configured(item)


def _configured(given: Value) -> Iterator[tuple[Value, str | None]]:
    if given.kind != "dict":
        yield given, "epoch"
        return
    scheduler, interval = _entry(given, "scheduler"), _entry(given, "interval")
    if scheduler is not None and all(key is not None for key in given.keys):
        stated = interval.const if interval is not None and interval.kind == "const" else None
        yield scheduler, "epoch" if interval is None else stated


def _entry(value: Value, name: str) -> Value | None:
    for key, item in zip(value.keys, value.items, strict=True):
        if key is not None and key.kind == "const" and key.const == name:
            return item
    return None


def counts_batches(scheduler: Value) -> str | None:
    """The argument, as written, by which a scheduler is planned in batches whatever the loop is; else `None`."""
    facts = roles.SCHEDULERS.get(scheduler.name) or roles.SCHEDULER_FACTORIES.get(scheduler.name)
    if facts is None or not isinstance(scheduler.node, ast.Call):
        return None
    for keyword, position in facts.horizon.items():
        value = scheduler.argument(position, keyword)
        expression = argument(scheduler.node, position, keyword)
        if value is None or expression is None or value.kind == "union":
            continue
        leaves = list(_leaves(value))
        if keyword == "steps_per_epoch" or any(_is_batch_count(leaf) for leaf in leaves):
            return f"{keyword}={ast.unparse(expression)}"
    return None


def _is_batch_count(value: Value) -> bool:
    if value.kind == "attribute" and value.name == "estimated_stepping_batches":
        return True
    if not value.call_of("len") or not value.arguments:
        return False
    return any(part.name.endswith("train_dataloader") for part in value.arguments[0].walk())


def epoch_bound(loop: Loop) -> tuple[Value, ast.expr] | None:
    """How often an epoch loop runs: the stop of its `range`, as value and as written; `None` if it is no such loop."""
    if isinstance(loop.node, ast.While):
        return None
    iterable = loop.iterable
    node = iterable.node
    if iterable.name.rpartition(".")[2] not in ("range", "trange") or not isinstance(node, ast.Call) or not node.args:
        return None
    stop = node.args[0] if len(node.args) == 1 else node.args[1]
    return (iterable.frame.value(stop), stop) if iterable.frame is not None else None


def unit_of(schedule: Schedule, epochs: tuple[Value, ast.expr], batches: Loop) -> tuple[str, str] | None:
    """The unit of a schedule's length, with the argument that shows it as written; `None` if it cannot be told.

    `epoch` if the length is made of the number of epochs alone, `batch` if the number of batches is a factor
    (`epochs * len(loader)`).
    """
    found: set[str] = set()
    text = ""
    for keyword, position in schedule.facts.horizon.items():
        value = schedule.value.argument(position, keyword)
        expression = (
            argument(schedule.value.node, position, keyword) if isinstance(schedule.value.node, ast.Call) else None
        )
        if value is None or expression is None or value.key == NONE.key:
            continue
        if keyword == "epochs" and "steps_per_epoch" in schedule.facts.horizon:
            continue
        unit = _unit(value, expression, epochs, batches)
        if keyword == "steps_per_epoch":
            unit = "batch" if _counts_batches(value, batches) else None
        if unit is None:
            continue
        found.add(unit)
        text = f"{keyword}={ast.unparse(expression)}"
    return (found.pop(), text) if len(found) == 1 else None


def _unit(value: Value, expression: ast.expr, epochs: tuple[Value, ast.expr], batches: Loop) -> str | None:
    count, written = epochs
    if value.kind == "const":
        names = (dotted(expression), dotted(written))
        same = value.key == count.key and None not in names and names[0] == names[1]
        return "epoch" if same else None
    leaves = list(_leaves(value))
    if any(_counts_batches(leaf, batches) for leaf in leaves):
        return "batch" if len(leaves) > 1 else None
    named = [leaf for leaf in leaves if leaf.kind != "const"]
    return "epoch" if named and all(leaf.key == count.key and leaf.known for leaf in named) else None


def _counts_batches(value: Value, batches: Loop) -> bool:
    if not value.call_of("len") or not value.arguments:
        return False
    counted = value.arguments[0]
    return counted.key == batches.iterable.key or counted.is_instance(roles.LOADER) is True


def _leaves(value: Value) -> Iterator[Value]:
    if value.kind == "binary" and value.name in ("Mult", "FloorDiv", "Div", "Add", "Sub"):
        for item in value.items:
            yield from _leaves(item)
    elif value.call_of("int", "round", "math.ceil", "math.floor", "max", "min"):
        for item in value.arguments:
            yield from _leaves(item)
    else:
        yield value
