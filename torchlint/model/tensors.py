"""Properties of tensor values: how a loss is reduced, what cuts them from the graph, whose parameters they are.

Each is a question to the symbolic term; `None` means that it cannot be decided.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

from torchlint.model.reductions import reduction_of_call
from torchlint.model.trace import Event
from torchlint.model.values import UNKNOWN, Value, argument, union
from torchlint.torch_api import roles

_DEEPEST = 40


def first_input(value: Value) -> Value | None:
    """The tensor that a layer is applied to."""
    if value.items:
        return value.items[0]
    arguments = value.arguments
    return arguments[0] if arguments else None


def operand_node(value: Value) -> ast.expr | None:
    """The tensor in the text of an operation: `x` in `F.softmax(x, 1)`, `x.softmax(1)` and `layer(x)`."""
    node = value.node
    if not isinstance(node, ast.Call) or value.kind not in ("call", "apply"):
        return None
    if value.name.startswith(".") and isinstance(node.func, ast.Attribute):
        return node.func.value
    return argument(node, 0, "input")


class LossCall(NamedTuple):
    """A loss at the place where it is computed.

    `kind` is the canonical class name (`torch.nn.CrossEntropyLoss`), also for the functional form; `reduction` is
    `mean`, `sum`, `none`, `batchmean` or `None` where it cannot be told; `made` is the value of the criterion instance
    (`None` for the functional form).
    """

    event: Event
    kind: str
    input: Value
    target: Value
    reduction: str | None
    made: Value | None

    @property
    def callee(self) -> str:
        """The criterion or function as the user wrote it, for messages."""
        node = self.event.node
        return ast.unparse(node.func) if isinstance(node, ast.Call) else self.kind

    @property
    def given(self) -> str:
        """The input as the user wrote it, for messages; `the input` where that is too long."""
        text = "" if self.input_node is None else ast.unparse(self.input_node)
        return f"`{text}`" if 0 < len(text) <= 40 else "the input"

    @property
    def input_node(self) -> ast.expr | None:
        """The expression that is passed as the input."""
        node = self.event.node
        return argument(node, 0, "input") if isinstance(node, ast.Call) else None

    @property
    def target_node(self) -> ast.expr | None:
        """The expression that is passed as the target."""
        node = self.event.node
        return argument(node, 1, "target") if isinstance(node, ast.Call) else None


def loss_call(event: Event) -> LossCall | None:
    """The loss of a `loss` event."""
    if event.name not in roles.CRITERIA:
        return None
    made = event.subject
    call = event.value if made is None else made
    reduction = reduction_of_call(call, call.name)
    logits, target = event.argument(0, "input"), event.argument(1, "target")
    return LossCall(event, event.name, logits or UNKNOWN, target or UNKNOWN, reduction, made)


def difference_of(value: Value) -> Value | None:
    """The difference in a loss written by hand: a mean or sum of squared or absolute differences."""
    if value.kind != "call" or value.name.rpartition(".")[2] not in ("mean", "sum"):
        return None
    if len(value.arguments) > (0 if value.name.startswith(".") else 1):
        return None
    inner = value.base if value.name.startswith(".") else value.argument(0, "input")
    if inner is not None and inner.kind == "binary" and inner.name == "Pow":
        inner = inner.items[0]
    elif inner is not None and inner.kind == "call" and inner.name.rpartition(".")[2] in ("abs", "square", "pow"):
        inner = inner.base if inner.name.startswith(".") else inner.argument(0, "input")
    else:
        return None
    return inner if inner is not None and inner.kind == "binary" and inner.name == "Sub" else None


_CUTS = frozenset(
    {".detach", ".detach_", ".item", ".numpy", ".tolist", ".argmax", ".long", ".int", ".bool", ".round", "torch.argmax",
     "torch.round", "float", "int"}
)  # fmt: skip


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
    groups. Where `m` may be several things, it is the same `m` that is several things.
    """
    kind = value.kind
    if kind == "union":
        owners = [option.method("parameters", "named_parameters") for option in value.items]
        known = [owner for owner in owners if owner is not None]
        return (union(known),) if len(known) == len(owners) else None
    if kind == "call":
        owner = value.method("parameters", "named_parameters", "trainable_parameters")
        if owner is not None:
            return (owner,)
        if value.name in ("filter", "list", "tuple", "itertools.chain", "iter", "set"):
            arguments = value.arguments[1:] if value.name == "filter" else value.arguments
            return _joined(tuple(arguments))
        if (
            value.name == "[for]"
            and isinstance(value.node, ast.ListComp | ast.GeneratorExp)
            and value.frame is not None
        ):
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
