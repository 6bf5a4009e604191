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

_MOST = 150  # terms looked at for one answer
_ELEMENT = {"prob": "prob01", "logprob": "logprob01"}
_NOISE = frozenset(f"torch.nn.{name}" for name in ("Dropout", "Dropout1d", "Dropout2d", "Dropout3d"))
_BOUNDS = frozenset({".clamp", ".clip", ".clamp_min", "torch.clamp", "torch.clip", "torch.clamp_min"})
_EXPONENTIALS = frozenset({"torch.exp", ".exp"})
_JOINS = frozenset({"torch.cat", "torch.concat", "torch.stack"})


class Range(NamedTuple):
    """The state of a tensor, and the value (a call, or a layer applied) that put it there."""

    state: str
    source: Value


def range_of(value: Value) -> Range | None:
    """The range of a tensor value; `None` if it is not known or differs between branches."""
    return _range(value, {})


_Known = dict[int, "Range | None"]


def _range(value: Value, known: _Known) -> Range | None:
    key = id(value)
    if key in known:
        return known[key]
    if len(known) > _MOST:
        return None
    known[key] = None
    known[key] = found = _worked_out(value, known)
    return found


def _worked_out(value: Value, known: _Known) -> Range | None:
    kind = value.kind
    if kind == "union":
        return _agreed(value.items, known)
    if kind == "apply":
        return _applied(value, known)
    if kind == "item" and value.base is not None:
        return _part(_range(value.base, known), value.items[0])
    if kind == "attribute" and value.base is not None and value.name in ("data", "T", "mT"):
        return _range(value.base, known)
    if kind == "call":
        if value.name in _EXPONENTIALS:
            before = _range(_operand(value), known)
            if before is not None and before.state == "logprob":
                return Range("prob", value)
        state = roles.RANGE_AFTER.get(value.name)
        return Range(state, value) if state is not None else _called(value, known)
    return None


def _called(value: Value, known: _Known) -> Range | None:
    name, inner = value.name, _operand(value)
    if name in roles.KEEPS_RANGE:
        return _range(inner, known)
    if name in _BOUNDS:
        before = _range(inner, known)
        return before if before is not None and before.state in ("prob", "prob01", "nonneg") else None
    if name in ("torch.log", ".log"):
        if inner.kind == "binary" and inner.name == "Add":
            inner = inner.items[0]
        before = _range(inner, known)
        return Range("logprob", value) if before is not None and before.state == "prob" else None
    if name in _JOINS:
        parts = value.argument(0, "tensors") or UNKNOWN
        return _agreed(parts.items, known) if parts.kind in ("list", "tuple") else None
    return None


def _applied(value: Value, known: _Known) -> Range | None:
    layer = value.base
    if layer is None:
        return None
    result = value.result
    if result is not value:
        return _range(result, known)
    if layer.kind != "instance" or layer.target is not None:
        return None
    state = roles.RANGE_AFTER.get(layer.name)
    if state is not None:
        return Range(state, value)
    given = first_input(value) or UNKNOWN
    if layer.name in roles.KEEPS_RANGE:
        return _range(given, known)
    if layer.name in _NOISE:
        before = _range(given, known)
        return before if before is not None and before.state == "raw" else None
    return None


def _part(whole: Range | None, index: Value) -> Range | None:
    if whole is None or (index.kind == "const" and isinstance(index.const, str)):
        return None  # no tensor has names for its parts: it is something else
    parts = index.items if index.kind == "tuple" else ()
    if any(part.kind == "const" and isinstance(part.const, int) for part in parts):
        return Range(_ELEMENT.get(whole.state, whole.state), whole.source)
    return whole


def _operand(value: Value) -> Value:
    if value.name.startswith("."):
        return value.base or UNKNOWN
    return value.argument(0, "input") or UNKNOWN


def _agreed(values: tuple[Value, ...], known: _Known) -> Range | None:
    first: Range | None = None
    for value in values:
        found = _range(value, known)
        if found is None or (first is not None and found.state != first.state):
            return None
        first = first or found
    return first
