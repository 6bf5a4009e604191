"""The range of a tensor: logits, probabilities, log-probabilities... as far as the code spells it out.

The states are those of `roles.RANGE_AFTER`: `raw` (the last operation is a linear or convolutional layer), `prob` (sums
to one over a dimension), `prob01` (each between 0 and 1), `logprob`, `logprob01`, `nonneg`, `pm1`, `int`. Reshaping,
indexing, moves and casts keep the state; arithmetic ends it, because a temperature or an offset makes something else of
the number.
"""

from __future__ import annotations

from typing import NamedTuple

from torchlint.model.tensors import first_input
from torchlint.model.values import UNKNOWN, Value
from torchlint.torch_api import roles

_DEEPEST = 60
_ELEMENT = {"prob": "prob01", "logprob": "logprob01"}
_NOISE = frozenset(f"torch.nn.{name}" for name in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"))
_BOUNDS = frozenset({".clamp", ".clip", ".clamp_min", "torch.clamp", "torch.clip", "torch.clamp_min"})
_JOINS = frozenset({"torch.cat", "torch.concat", "torch.stack"})


class Range(NamedTuple):
    """The state of a tensor, and the value (a call, or a layer applied) that put it there."""

    state: str
    source: Value


def range_of(value: Value) -> Range | None:
    """The range of a tensor value; `None` if it is not known or differs between branches."""
    return _range(value, _DEEPEST)


def _range(value: Value, depth: int) -> Range | None:
    if depth <= 0:
        return None
    kind = value.kind
    if kind == "union":
        return _agreed([_range(option, depth - 1) for option in value.items])
    if kind == "apply":
        return _applied(value, depth)
    if kind == "item" and value.base is not None:
        return _part(_range(value.base, depth - 1), value.items[0])
    if kind == "attribute" and value.base is not None and value.name in ("data", "T", "mT"):
        return _range(value.base, depth - 1)
    if kind == "call":
        state = roles.RANGE_AFTER.get(value.name)
        if state is not None:
            return Range(state, value)
        return _called(value, depth)
    return None


def _called(value: Value, depth: int) -> Range | None:
    name, inner = value.name, _operand(value)
    if name in roles.KEEPS_RANGE:
        return _range(inner, depth - 1)
    if name in _BOUNDS:
        before = _range(inner, depth - 1)
        return before if before is not None and before.state in ("prob", "prob01", "nonneg") else None
    if name in ("torch.log", ".log"):
        if inner.kind == "binary" and inner.name == "Add":
            inner = inner.items[0]
        before = _range(inner, depth - 1)
        return Range("logprob", value) if before is not None and before.state == "prob" else None
    if name in _JOINS:
        parts = value.argument(0, "tensors") or UNKNOWN
        return _agreed([_range(part, depth - 1) for part in parts.items]) if parts.kind in ("list", "tuple") else None
    return None


def _applied(value: Value, depth: int) -> Range | None:
    layer = value.base
    if layer is None:
        return None
    result = value.result
    if result is not value:
        return _range(result, depth - 1)
    if layer.kind != "instance" or layer.target is not None:
        return None
    state = roles.RANGE_AFTER.get(layer.name)
    if state is not None:
        return Range(state, value)
    given = first_input(value) or UNKNOWN
    if layer.name in roles.KEEPS_RANGE:
        return _range(given, depth - 1)
    if layer.name in _NOISE:
        before = _range(given, depth - 1)
        return before if before is not None and before.state == "raw" else None
    return None


def _part(whole: Range | None, index: Value) -> Range | None:
    if whole is None:
        return None
    parts = index.items if index.kind == "tuple" else ()
    if any(part.kind == "const" and isinstance(part.const, int) for part in parts):
        return Range(_ELEMENT.get(whole.state, whole.state), whole.source)
    return whole


def _operand(value: Value) -> Value:
    if value.name.startswith("."):
        return value.base or UNKNOWN
    return value.argument(0, "input") or UNKNOWN


def _agreed(ranges: list[Range | None]) -> Range | None:
    first = ranges[0] if ranges else None
    if first is None or any(other is None or other.state != first.state for other in ranges):
        return None
    return first
