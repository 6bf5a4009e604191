"""Properties of tensor values: the range of their entries, how a loss is reduced, what cuts them from the graph.

Each is a question to the symbolic term; `None` means that it cannot be decided.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from torchlint.model.trace import Event
from torchlint.model.values import UNKNOWN, Value
from torchlint.torch_api import roles

_DEEPEST = 40


class Range(NamedTuple):
    """What the entries of a tensor are, and the value that made them so.

    `state` is one of `raw` (last operation is affine), `prob` (softmax), `prob01` (sigmoid), `logprob` (log-softmax),
    `nonneg`, `pm1` (tanh), `int`.
    """

    state: str
    source: Value


def range_of(value: Value, depth: int = 0) -> Range | None:
    """The state of a tensor in the range lattice, `None` if unknown.

    Views, dtype and device changes keep it; arithmetic loses it.
    """
    if depth > _DEEPEST:
        return None
    kind = value.kind
    if kind == "union":
        found = [range_of(option, depth + 1) for option in value.items]
        first = found[0]
        if first is None or any(r is None or r.state != first.state for r in found):
            return None
        return first
    if kind == "apply":
        return _applied_range(value, depth)
    if kind == "call":
        return _called_range(value, depth)
    if kind == "item" and value.base is not None:
        if value.base.kind in ("call", "apply") and _many(value.base):
            return None
        return range_of(value.base, depth + 1)
    if kind == "attribute" and value.base is not None and value.name in ("T", "mT", "data", "H", "mH"):
        return range_of(value.base, depth + 1)
    if kind == "binary" and value.name == "MatMult":
        return Range("raw", value)
    return None


def _applied_range(value: Value, depth: int) -> Range | None:
    base = value.base
    if base is None:
        return None
    if base.target is None and base.name != roles.SEQUENTIAL:
        state = roles.RANGE_AFTER.get(base.name)
        if state is not None:
            return Range(state, value)
        if base.name in roles.KEEPS_RANGE:
            inner = first_input(value)
            return range_of(inner, depth + 1) if inner is not None else None
        return None
    result = value.result
    return None if result is value else range_of(result, depth + 1)


def _called_range(value: Value, depth: int) -> Range | None:
    name = value.name
    state = roles.RANGE_AFTER.get(name)
    if state is not None:
        return Range(state, value)
    inner = value.base if name.startswith(".") else value.argument(0, "input")
    if inner is None:
        return None
    if name in roles.KEEPS_RANGE:
        return range_of(inner, depth + 1)
    if name in (".clamp", "torch.clamp", ".clip", ".clamp_min", "torch.clip"):
        known = range_of(inner, depth + 1)
        return known if known is not None and known.state in ("prob", "prob01", "nonneg") else None
    if name in ("torch.log", ".log"):
        if inner.kind == "binary" and inner.name == "Add":
            inner = inner.items[0]
        known = range_of(inner, depth + 1)
        return Range("logprob", value) if known is not None and known.state == "prob" else None
    if name in ("torch.cat", "torch.stack", "torch.concat") and inner.kind in ("list", "tuple") and inner.items:
        found = [range_of(item, depth + 1) for item in inner.items]
        first = found[0]
        return first if first is not None and all(r is not None and r.state == first.state for r in found) else None
    return None


def _many(value: Value) -> bool:
    """Whether the result of a call is a tuple of unlike things (`max(dim)`, `topk`, recurrent layers)."""
    if value.kind == "apply" and value.base is not None:
        if value.base.name in ("torch.nn.LSTM", "torch.nn.GRU", "torch.nn.RNN", "torch.nn.MultiheadAttention"):
            return True
        return value.base.target is not None and value.result.kind in ("unknown", "call", "tuple")
    return value.name in (".max", ".min", ".topk", ".sort", ".median", "torch.max", "torch.min", "torch.topk", "torch.sort")


def first_input(value: Value) -> Value | None:
    """The tensor that a layer is applied to."""
    if value.items:
        return value.items[0]
    arguments = value.arguments
    return arguments[0] if arguments else None


class LossCall(NamedTuple):
    """A loss at the place where it is computed.

    `kind` is the canonical class name (`torch.nn.CrossEntropyLoss`), also for the functional form; `reduction` is
    `mean`, `sum`, `none`, `batchmean` or `None` where it cannot be told; `made` is the value of the criterion instance
    (`None` for the functional form).
    """

    event: Event
    kind: str
    facts: roles.Loss
    input: Value
    target: Value
    reduction: str | None
    made: Value | None


def loss_call(event: Event) -> LossCall | None:
    """The loss of a `loss` event."""
    facts = roles.CRITERIA.get(event.name)
    if facts is None:
        return None
    logits = event.argument(0, "input")
    target = event.argument(1, "target")
    return LossCall(
        event, event.name, facts, logits or UNKNOWN, target or UNKNOWN, reduction_of(event, facts), event.subject
    )


def reduction_of(event: Event, facts: roles.Loss) -> str | None:
    """How the loss of a `loss` event is reduced; `None` if it cannot be told."""
    made = event.subject
    holder = made if made is not None else event.value
    given = holder.argument(None, "reduction")
    for old in ("size_average", "reduce"):
        if holder.argument(None, old) is not None:
            return None
    if given is None:
        return facts.reduction
    if given.kind == "const" and isinstance(given.const, str):
        return given.const
    return None


_CUTS = frozenset({".detach", ".item", ".numpy", ".tolist", ".argmax", ".long", ".int", ".bool", ".round", "torch.argmax",
                   "float", "int", "torch.no_grad", ".detach_", "torch.round", ".cpu_"})  # fmt: skip


def cut_of(value: Value) -> Value | None:
    """The outermost operation that cuts a value from the graph (`detach`, `item`, `argmax`...), on all ways to it.

    Follows only operations that have one tensor input; `None` if nothing certainly cuts.
    """
    for _ in range(_DEEPEST):
        if value.kind == "call":
            if value.name in _CUTS:
                return value
            if value.name in roles.KEEPS_RANGE or value.name in (".mean", ".sum", ".log", ".exp", ".sqrt"):
                inner = value.base if value.name.startswith(".") else value.argument(0, "input")
                if inner is None:
                    return None
                value = inner
                continue
        if value.kind == "attribute" and value.name == "data" and value.base is not None:
            return value
        if value.kind == "item" and value.base is not None:
            value = value.base
            continue
        return None
    return None


def parameters_of(value: Value) -> tuple[Value, ...] | None:
    """The modules whose parameters an expression denotes, `None` if that cannot be told.

    Understands `m.parameters()`, `filter(..., m.parameters())`, lists, sums and comprehensions of them, and parameter
    groups.
    """
    kind = value.kind
    if kind == "call":
        owner = value.method("parameters", "named_parameters", "trainable_parameters")
        if owner is not None:
            return (owner,)
        if value.name in ("filter", "list", "tuple", "itertools.chain", "iter", "set"):
            arguments = value.arguments[1:] if value.name == "filter" else value.arguments
            return _joined(tuple(arguments))
        if value.name == "[for]" and isinstance(value.node, ast.ListComp | ast.GeneratorExp) and value.frame is not None:
            return parameters_of(value.frame.value(value.node.generators[0].iter))
        return None
    if kind in ("list", "tuple", "set"):
        return _joined(value.items)
    if kind == "binary" and value.name == "Add":
        return _joined(value.items)
    if kind == "dict":
        for key, item in zip(value.keys, value.items, strict=True):
            if key is not None and key.const == "params":
                return parameters_of(item)
        return None
    if kind == "attribute" and value.name in ("weight", "bias"):
        return (value,)
    return None


def _joined(values: tuple[Value, ...]) -> tuple[Value, ...] | None:
    found: list[Value] = []
    for value in values:
        inner = parameters_of(value)
        if inner is None:
            return None
        found.extend(inner)
    return tuple(found)
