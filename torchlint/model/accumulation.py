"""Gradient accumulation: several backward passes, each on new data, to one step."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torchlint.model.frameworks import managed, runs_for_each_batch, takes_over
from torchlint.model.steps import gradients_by_hand, parts, this
from torchlint.model.syntax import walk
from torchlint.model.trace import Event, Guard, Loop, Trace
from torchlint.model.values import Value

__all__ = ["Accumulation", "accumulations"]


class Accumulation(NamedTuple):
    """A backward pass that is repeated on new data before a step.

    `times` is how often (a value, and the expression as written): `k` in `if (i + 1) % k == 0: optimizer.step()`, or
    the length of the loop around the backward pass. `loop` is `None` where Lightning is the loop over the batches.
    """

    backward: Event
    step: Event
    loop: Loop | None
    times: Value
    times_node: ast.expr


def accumulations(trace: Trace) -> Sequence[Accumulation]:
    """The certain accumulations of a trace: no clearing between the backward passes, no gradient touched by hand.

    Where a framework divides by the number of micro-batches, there is nothing to say about them.
    """
    known: Sequence[Accumulation] | None = trace.answers.get("accumulations")
    if known is None:
        known = trace.answers["accumulations"] = tuple(_accumulations(trace))
    return known


def _accumulations(trace: Trace) -> Iterator[Accumulation]:
    each_batch = runs_for_each_batch(trace) is True
    for backward in trace.of("backward"):
        loop = backward.loop
        if (loop is None and not each_batch) or managed(backward) is not False:
            continue
        steps = trace.inside(loop, "step") if loop is not None else trace.of("step")
        if loop is None or steps:
            found = _periodic(trace, backward, loop, steps)
        else:
            found = _inner_loop(trace, backward, loop)
        if found is None or takes_over("accumulation", backward) is not False:
            continue
        if not gradients_by_hand(trace, _outermost(loop) if loop is not None else None):
            yield found


def _outermost(loop: Loop) -> Loop:
    return loop if loop.outer is None else _outermost(loop.outer)


def _periodic(trace: Trace, backward: Event, loop: Loop | None, steps: list[Event]) -> Accumulation | None:
    """`loss.backward()` in every iteration, `optimizer.step()` in every k-th."""
    guard = _own_period(steps[0], backward) if steps else None
    if guard is None or any(_own_period(step, backward) is None for step in steps):
        return None
    clears = trace.inside(loop, "zero_grad") if loop is not None else trace.of("zero_grad")
    if any(_own_period(clear, backward) is None for clear in clears):
        return None
    ends = ("step", "zero_grad")
    if loop is not None and trace.path(backward, this(backward), lambda e: e.kind in ends, within=loop) is None:
        return None
    period = next((n for n in walk(guard.test) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mod)), None)
    if period is None or guard.outcome is False:
        return None
    return Accumulation(backward, steps[0], loop, guard.frame.value(period.right), period.right)


def _own_period(event: Event, backward: Event) -> Guard | None:
    """The periodic test that an event stands under and the backward pass does not."""
    shared = {id(guard) for guard in backward.guards}
    return next((g for g in event.guards if g.is_periodic and id(g) not in shared), None)


def _inner_loop(trace: Trace, backward: Event, loop: Loop) -> Accumulation | None:
    """`for _ in range(k): x, y = next(batches); ...; loss.backward()`, and a step behind the loop.

    The batch may also be drawn by random indices, here or in a function that is called here.
    """
    node = loop.node
    if isinstance(node, ast.While) or trace.inside(loop, "zero_grad"):
        return None
    iterable = loop.frame.value(node.iter)
    if iterable.name != "range" or len(iterable.arguments) != 1 or not isinstance(node.iter, ast.Call):
        return None
    if backward.subject is None or not any(_is_next(part, loop) for part in parts(backward.subject)):
        return None
    step = trace.path(backward, lambda e: e.kind == "step", lambda e: e.kind == "zero_grad")
    if step is None or loop in step.loops:
        return None
    return Accumulation(backward, step, loop, iterable.arguments[0], node.iter.args[0])


def _is_next(value: Value, loop: Loop) -> bool:
    """Whether a value is the next batch of an iterator, or drawn at random, inside the loop or in what it calls."""
    if value.kind != "call" or value.name not in _FRESH or value.node is None:
        return False
    node: ast.AST | None = value.node
    frame = value.frame
    while frame is not None and node is not None:
        inside = loop.node.lineno <= getattr(node, "lineno", 0) <= (loop.node.end_lineno or 0)
        if inside and frame.source is loop.frame.source:
            return True
        node, frame = frame.call, frame.parent
    return False


_FRESH = frozenset(
    {
        "next",
        "torch.randint",
        "torch.randperm",
        "numpy.random.randint",
        "numpy.random.choice",
        "numpy.random.permutation",
    }
)
