"""Means and sums: how a loss is reduced, and what sizes a number is divided or multiplied by.

A number is followed through `item()`, `detach()` and casts; arithmetic ends the way, except where a question names it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from torchlint import torch_api
from torchlint.model.values import UNKNOWN, Frame, Value
from torchlint.torch_api import roles

if TYPE_CHECKING:
    from torchlint.model import Module

_DEEPEST = 60
_NUMBER_KEPT = frozenset(
    {
        ".item", ".detach", ".cpu", ".cuda", ".to", ".float", ".double", ".clone", ".data", ".numpy", ".tolist",
        ".contiguous", "float", "torch.clone", "torch.detach", ".squeeze",
    }
)  # fmt: skip
_SHAPE_KEPT = frozenset(
    {
        ".view", ".reshape", ".flatten", ".to", ".float", ".double", ".clone", ".cuda", ".cpu", ".contiguous", ".clamp",
        ".masked_fill", ".abs", ".sqrt", ".exp", ".log", ".pow", ".type", ".unsqueeze", "torch.clamp", "torch.abs",
        "torch.exp", "torch.log", "torch.sqrt", "torch.nan_to_num", ".nan_to_num",
    }
)  # fmt: skip


class Reduced(NamedTuple):
    """A loss as one number (`mean`, `sum`) or as many (`none`); `loss` is the call that computes it."""

    loss: Value
    kind: str


class Operation:
    """A division or multiplication in the code (`a / b` or `a /= b`), in its function's own frame."""

    __slots__ = ("frame", "node")

    def __init__(self, node: ast.BinOp | ast.AugAssign, frame: Frame) -> None:
        self.node = node
        self.frame = frame

    @property
    def right_node(self) -> ast.expr:
        """The second operand as written."""
        return self.node.right if isinstance(self.node, ast.BinOp) else self.node.value

    @property
    def left_node(self) -> ast.expr:
        """The first operand as written."""
        return self.node.left if isinstance(self.node, ast.BinOp) else self.node.target

    @property
    def right(self) -> Value:
        """The second operand."""
        return self.frame.value(self.right_node)

    @property
    def left(self) -> Value:
        """The first operand; for `a /= b` what `a` was before."""
        if isinstance(self.node, ast.BinOp):
            return self.frame.value(self.node.left)
        updated = self.frame._augmented(self.node)
        return updated.items[0] if updated.kind == "binary" else UNKNOWN


def reduction_of_call(call: Value, name: str) -> str | None:
    """How a criterion (an instance) or a loss function's call reduces; `None` if that cannot be told.

    `name` is the canonical name of the class or function; the old `size_average` and `reduce` are understood.
    """
    signature = torch_api.signature(name)
    if signature is None or not isinstance(call.node, ast.Call):
        return None
    places = {p.name: i for i, p in enumerate(signature.positional)}
    given = {p: call.argument(places.get(p), p) for p in ("reduction", "size_average", "reduce")}
    average, reduce = given["size_average"], given["reduce"]
    for old in (average, reduce):
        if old is not None and old.kind != "const":
            return None
    if reduce is not None and reduce.const is False:
        return "none"
    if (average is not None and average.const is not None) or (reduce is not None and reduce.const is not None):
        return "sum" if average is not None and average.const is False else "mean"
    reduction = given["reduction"]
    if reduction is None:
        return "mean"
    return reduction.const if reduction.kind == "const" and isinstance(reduction.const, str) else None


def reduced(value: Value) -> Reduced | None:
    """The loss that a value is, and how it is reduced; `None` for anything that is not one known loss."""
    for _ in range(_DEEPEST):
        if value.kind == "union":
            answers = [reduced(option) for option in value.items]
            first = answers[0]
            if first is None or any(a is None or a.kind != first.kind for a in answers):
                return None
            return first
        if value.kind == "apply" and value.base is not None and value.base.name in roles.CRITERIA:
            return _reduced(value, reduction_of_call(value.base, value.base.name))
        if value.kind == "apply" and value.result is not value:
            value = value.result
            continue
        if value.kind == "call" and value.name in roles.LOSS_FUNCTIONS:
            return _reduced(value, reduction_of_call(value, value.name))
        if value.kind == "call" and value.name in (".mean", ".sum", "torch.mean", "torch.sum"):
            return _over_all(value)
        if value.kind == "call" and value.name in _NUMBER_KEPT:
            inner = value.base if value.name.startswith(".") else value.argument(0)
            if inner is None:
                return None
            value = inner
            continue
        return None
    return None


def _reduced(loss: Value, kind: str | None) -> Reduced | None:
    return Reduced(loss, kind) if kind in ("mean", "sum", "none", "batchmean") else None


def _over_all(value: Value) -> Reduced | None:
    method = value.name.startswith(".")
    inner = value.base if method else value.argument(0)
    if inner is None or value.argument(0 if method else 1, "dim") is not None:
        return None
    before = reduced(inner)
    if before is None and _is_difference(value):
        return Reduced(value, "mean" if value.name.endswith("mean") else "sum")
    if before is None or before.kind != "none":
        return before
    return Reduced(before.loss, "mean" if value.name.endswith("mean") else "sum")


def _is_difference(value: Value) -> bool:
    from torchlint.model.tensors import difference_of

    return difference_of(value) is not None


def is_unreduced(value: Value) -> bool | None:
    """Whether a value certainly has as many elements as an unreduced loss, weights and shifts included."""
    return True if _unreduced(value, 0) else None


def _unreduced(value: Value, depth: int) -> bool:
    if depth > _DEEPEST:
        return False
    if value.kind == "union":
        return all(_unreduced(option, depth + 1) for option in value.items)
    if value.kind == "binary" and value.name in ("Add", "Sub", "Mult", "Div", "Pow"):
        return any(_unreduced(item, depth + 1) for item in value.items)
    if value.kind == "unary":
        return _unreduced(value.items[0], depth + 1)
    if value.kind == "call" and value.name in _SHAPE_KEPT:
        inner = value.base if value.name.startswith(".") else value.argument(0)
        return inner is not None and _unreduced(inner, depth + 1)
    if value.kind == "apply" and value.result is not value:
        return _unreduced(value.result, depth + 1)
    if value.kind in ("apply", "call"):
        found = reduced(value)
        return found is not None and found.kind == "none" and found.loss is value
    return False


def is_batch_size(number: Value, loss: Value) -> bool | None:
    """Whether a number is the size of the batch that a loss was computed on: of its input, target, or what made them.

    `False` is never answered: a number may be the batch size by other ways.
    """
    sized = sized_by(number)
    if sized is not None:
        return True if any(term.key == sized.key for term in _whole_terms(loss)) else None
    loader_sizes = [
        size
        for term in loss.walk()
        if term.kind == "element" and term.base is not None and term.base.name == roles.LOADER
        for size in (term.base.argument(1, "batch_size"),)
        if size is not None and size.known and size.kind != "const"
    ]
    return True if any(size.key == number.key for size in loader_sizes) else None


def sized_by(number: Value) -> Value | None:
    """The tensor or batch whose first dimension a number is: `len(x)`, `x.size(0)`, `x.shape[0]`."""
    if number.kind == "call" and number.name == "len":
        return number.argument(0)
    if number.kind == "call" and number.name == ".size":
        dim = number.argument(0, "dim")
        return number.base if dim is not None and dim.kind == "const" and dim.const == 0 else None
    if number.kind == "item" and number.items[0].kind == "const" and number.items[0].const == 0:
        shape = number.base
        if shape is not None and shape.kind == "attribute" and shape.name == "shape":
            return shape.base
        if shape is not None and shape.kind == "call" and shape.name == ".size" and not shape.arguments:
            return shape.base
    return None


def _whole_terms(value: Value) -> Iterator[Value]:
    """The terms that a value is computed from; an element of something stands for itself, not for the whole."""
    stack, seen = [value], set()
    while stack:
        term = stack.pop()
        if id(term) in seen:
            continue
        seen.add(id(term))
        yield term
        if term.kind in ("element", "item"):
            continue
        stack.extend(term.items)
        if term.base is not None:
            stack.append(term.base)
        if term.kind in ("call", "apply"):
            stack.extend(term.arguments)
            if isinstance(term.node, ast.Call) and term.frame is not None:
                stack.extend(term.frame.value(k.value) for k in term.node.keywords)


def operations(module: Module, kind: type[ast.operator], *, calling: tuple[str, ...] = ("",)) -> Iterator[Operation]:
    """The uses of an arithmetic operator in the file, `a / b` and `a /= b` alike, in the order of the text.

    Only those in functions that call something whose name contains one of the pieces in `calling`.
    """
    found = sorted(module.source.operators.get(kind, ()), key=lambda o: (o[0].lineno, o[0].col_offset))
    wanted: dict[int, bool] = {}
    for node, function in found:
        if id(function) not in wanted:
            words = function.words if function is not None else module.source.by_name
            wanted[id(function)] = any(piece in word.lower() for word in words for piece in calling)
        if wanted[id(function)]:
            yield Operation(node, module.frame(function))


class Total(NamedTuple):
    """A number that a loop adds up: what is added each time, where, and what the loop runs over."""

    added: Value
    node: ast.stmt
    loop: ast.For
    iterable: Value


def total_of(value: Value, module: Module) -> Total | None:
    """The running total that a value is, if it starts from zero and one statement adds to it, once per iteration."""
    from torchlint.model.trace import bare_iterable

    reaching = [o for option in _bare_number(value).options for o in _bare_number(option).options]
    options = [o for o in reaching if not (o.kind == "const" and not o.const)]
    if len(options) != 1 or len(reaching) < 2:
        return None
    added = options[0]
    if added.kind != "binary" or added.name != "Add" or added.node is None or added.frame is None:
        return None
    if added.frame.source is not module.source:
        return None
    statement = module.statement(added.node)
    loop: ast.AST | None = statement
    while loop is not None and not isinstance(loop, ast.For | ast.While | ast.FunctionDef):
        loop = module.parent(loop)
    if statement is None or not isinstance(loop, ast.For):
        return None
    summand = next((i for i in added.items if i.kind not in ("union", "const", "unknown")), None)
    if summand is None or summand.key == added.key:
        return None
    return Total(summand, statement, loop, bare_iterable(added.frame.value(loop.iter)))


def _bare_number(value: Value) -> Value:
    for _ in range(_DEEPEST):
        if value.kind == "call" and value.name in _NUMBER_KEPT:
            value = (value.base if value.name.startswith(".") else value.argument(0)) or UNKNOWN
        elif value.kind == "binary" and value.name == "Mult" and any(i.kind == "const" for i in value.items):
            value = next((i for i in value.items if i.kind != "const"), UNKNOWN)
        else:
            break
    return value


def summand_unit(added: Value) -> str | None:
    """What one summand of an epoch's total stands for: `batch` (a mean over a batch) or `samples` (a sum, a count)."""
    loss = reduced(added)
    if loss is not None:
        return {"mean": "batch", "sum": "samples"}.get(loss.kind)
    number = _bare_number(added)
    if number.kind == "binary" and number.name == "Mult":
        for mean, size in (number.items, number.items[::-1]):
            inner = reduced(mean)
            if inner is not None and inner.kind == "mean" and is_batch_size(size, inner.loss):
                return "samples"
        return None
    if number.kind == "call" and number.name in (".sum", "torch.sum"):
        inner_value = number.base if number.name.startswith(".") else number.argument(0)
        return "samples" if inner_value is not None and _is_match(inner_value) else None
    return None


def _is_match(value: Value) -> bool:
    """Whether a value is a comparison of predictions with labels, one truth value per sample."""
    for _ in range(_DEEPEST):
        if value.kind == "compare":
            return value.name == "Eq"
        if value.kind == "call" and value.name == ".eq":
            return True
        if value.kind == "call" and value.name in (".float", ".int", ".long", ".double", ".type", ".to", ".cpu"):
            value = value.base or UNKNOWN
        else:
            return False
    return False


__all__ = [
    "Operation",
    "Reduced",
    "Total",
    "is_batch_size",
    "is_unreduced",
    "operations",
    "reduced",
    "reduction_of_call",
    "sized_by",
    "summand_unit",
    "total_of",
]
