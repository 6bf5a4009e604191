"""What the ranks of a distributed job do: which tests divide them, and which collectives each of them reaches.

A function is gone through twice, once as rank 0 and once as some other rank. Tests that do not depend on the rank have
the same outcome for both, whatever it is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from torchlint.model.syntax import Function, Source, children, walk
from torchlint.model.trace import reaches
from torchlint.model.values import Frame, Value
from torchlint.torch_api import roles

__all__ = ["Lonely", "lonely_collectives"]

_RANKS = frozenset({"torch.distributed.get_rank"})
_MAIN = frozenset({"is_main_process", "is_global_zero"})
_METHODS = frozenset(
    {"wait_for_everyone", "gather", "gather_for_metrics", "reduce", "barrier", "all_gather", "all_reduce"}
)
_PAIRED = frozenset({"__enter__", "__exit__", "__aenter__", "__aexit__"})
_DEEPEST = 3
_ENDS = ("return", "raise")
_PLAIN = (ast.Expr, ast.Assign, ast.AugAssign)


class Lonely(NamedTuple):
    """A collective that some ranks reach and others do not: the call in the function itself, and the collective."""

    call: ast.Call
    collective: str
    test: ast.expr


def lonely_collectives(frame: Frame) -> list[Lonely]:
    """The first collective of a function (or module body) that only rank 0, or only the others, reach."""
    body = frame.function.body if frame.function is not None else frame.source.tree.body
    if frame.function is not None and not reaches(frame.project, frame.function, _LAST_NAMES):
        return []
    if not _asks_for_rank(body, frame) or (frame.function is not None and frame.function.name in _PAIRED):
        return []
    zero = _Walk(True, _DEEPEST)
    first = zero.block(body, frame)
    if not zero.tests or _raises(first):
        return []
    second = _Walk(False, _DEEPEST).block(body, frame)
    found = _difference(first, second) if not _raises(second) else None
    return [Lonely(found[0], found[1], zero.tests[-1] if found[2] is None else found[2])] if found else []


def _asks_for_rank(statements: list[ast.stmt], frame: Frame) -> bool:
    """Whether some test among the statements certainly is about the rank, the others not being gone through."""
    stack = list(statements)
    while stack:
        statement = stack.pop()
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if isinstance(statement, ast.If) and any(_may_be_rank(node) for node in walk(statement.test)):
            if _outcome(statement.test, frame, True) is not None:
                return True
        for field in ("body", "orelse", "finalbody"):
            stack.extend(getattr(statement, field, ()))
    return False


def _may_be_rank(node: ast.AST) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return any(word in name.lower() for word in ("rank", "main", "master", "primary", "zero"))


class _Walk:
    """One rank's way through the statements, as a nested list of steps that can be compared with another's."""

    __slots__ = ("deep", "tests", "under", "zero")

    def __init__(self, zero: bool, deep: int) -> None:
        self.zero = zero
        self.deep = deep
        self.tests: list[ast.expr] = []
        self.under: list[ast.expr] = []

    def block(self, statements: list[ast.stmt], frame: Frame) -> list[Any]:
        steps: list[Any] = []
        for statement in statements:
            self.statement(statement, frame, steps)
            if steps and steps[-1] in _ENDS:
                break
        return steps

    def statement(self, node: ast.stmt, frame: Frame, steps: list[Any]) -> None:
        if isinstance(node, _PLAIN):
            self.calls(node, frame, steps)
        elif isinstance(node, ast.If):
            self.branch(node, frame, steps)
        elif isinstance(node, ast.For | ast.AsyncFor | ast.While):
            self.calls(node.iter if not isinstance(node, ast.While) else node.test, frame, steps)
            inner = self.block(node.body, frame)
            if inner:
                steps.append(("repeat", id(node), inner))
        elif isinstance(node, ast.With | ast.AsyncWith):
            for item in node.items:
                self.calls(item.context_expr, frame, steps)
            steps.extend(self.block(node.body, frame))
        elif isinstance(node, ast.Try):
            steps.extend(self.block(node.body, frame))
            if not (steps and steps[-1] in _ENDS):
                steps.extend(self.block(node.orelse, frame))
            steps.extend(self.block(node.finalbody, frame))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return
        else:
            self.calls(node, frame, steps)
            if isinstance(node, ast.Return | ast.Continue | ast.Break):
                steps.append("return")
            elif isinstance(node, ast.Raise):
                steps.append("raise")

    def branch(self, node: ast.If, frame: Frame, steps: list[Any]) -> None:
        self.calls(node.test, frame, steps)
        outcome = _outcome(node.test, frame, self.zero)
        if outcome is not None:
            self.tests.append(node.test)
            self.under.append(node.test)
            steps.extend(self.block(node.body if outcome else node.orelse, frame))
            self.under.pop()
            return
        then, other = self.block(node.body, frame), self.block(node.orelse, frame)
        if then or other:
            steps.append(("if", id(node), then, other))

    def calls(self, node: ast.AST, frame: Frame, steps: list[Any]) -> None:
        for call in _calls_of(node, frame.source):
            callee = frame.value(call.func)
            if callee.kind == "ref" and callee.name in roles.COLLECTIVES:
                if not any(keyword.arg == "group" for keyword in call.keywords):
                    steps.append((callee.name, call, self.under[-1] if self.under else None))
            elif callee.kind == "attribute" and callee.name in _METHODS and _is_launcher(callee.base):
                steps.append((callee.name, call, self.under[-1] if self.under else None))
            elif callee.kind == "function" and self.deep and isinstance(callee.target, Function):
                if callee.target.is_generator or not _mentions_collective(callee.target):
                    continue
                inner = frame.enter(callee, call)
                if inner is None:
                    continue
                walk = _Walk(self.zero, self.deep - 1)
                under = self.under[-1] if self.under else None
                steps.extend(
                    _moved(step, call, under) for step in walk.block(callee.target.body, inner) if step not in _ENDS
                )


def _is_launcher(value: Value | None) -> bool:
    """Whether a value certainly is an Accelerator or a Fabric, some of whose methods communicate."""
    return value is not None and value.kind == "instance" and value.name in roles.PREPARERS


def _moved(step: Any, call: ast.Call, under: ast.expr | None) -> Any:
    """A step of a called function as one of the caller: its collectives happen at the call."""
    if isinstance(step, str):
        return step
    if isinstance(step[1], ast.Call):
        return (step[0], call, under)
    return (step[0], step[1], *([_moved(inner, call, under) for inner in part] for part in step[2:]))


def _calls_of(node: ast.AST, source: Source) -> Iterator[ast.Call]:
    """The calls in a statement or expression, in the order in which they are made."""
    for part in children(node) if isinstance(node, ast.stmt) else (node,):
        for item in source.calls_in(part):
            if isinstance(item, ast.Call):
                yield item
            else:
                for branch in (item.test, item.body, item.orelse):
                    yield from _calls_of(branch, source)


_LAST_NAMES = _METHODS | frozenset(name.rpartition(".")[2] for name in roles.COLLECTIVES)


def _mentions_collective(function: Function) -> bool:
    return not function.words.isdisjoint(_LAST_NAMES)


def _outcome(test: ast.expr, frame: Frame, zero: bool) -> bool | None:
    """What a test gives on rank 0 or on another rank; `None` if it is not about the rank or cannot be told."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _outcome(test.operand, frame, zero)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        answers = [_outcome(part, frame, zero) for part in test.values]
        if all(answer is None for answer in answers):
            return None
        decisive = not isinstance(test.op, ast.And)
        return decisive if decisive in answers else not decisive
    return _truth(frame.value(test), zero)


def _truth(value: Value, zero: bool) -> bool | None:
    if value.kind == "union":
        answers = {_truth(option, zero) for option in value.items if option.kind != "const"}
        return answers.pop() if len(answers) == 1 else None
    if value.kind == "unary" and value.name == "Not":
        inner = _truth(value.items[0], zero)
        return None if inner is None else not inner
    if value.kind == "attribute" and value.name in _MAIN:
        return zero if _is_launcher(value.base) else None
    if is_rank(value):
        return not zero
    if value.kind != "compare" or len(value.items) != 2:
        return None
    left, right = value.items
    if is_rank(right) and left.kind == "const" and value.name in ("Eq", "NotEq"):
        left, right = right, left
    if not is_rank(left):
        return None
    if right.kind == "const" and right.const == 0:
        return {"Eq": zero, "NotEq": not zero, "Gt": not zero, "LtE": zero}.get(value.name)
    if right.kind in ("tuple", "list", "set") and value.name in ("In", "NotIn"):
        numbers = [item.const for item in right.items if item.kind == "const"]
        if len(numbers) == len(right.items) and 0 in numbers and all(number <= 0 for number in numbers):
            return zero if value.name == "In" else not zero
    return None


def is_rank(value: Value) -> bool:
    """Whether a value certainly is the rank of the process (or what stands for it where there is one process)."""
    if value.kind == "union":
        others = [option for option in value.items if option.kind != "const"]
        return len(others) == 1 and is_rank(others[0])
    return value.kind == "call" and value.name in _RANKS and not value.arguments and value.argument(0, "group") is None


def _raises(steps: list[Any]) -> bool:
    return "raise" in steps


def _plain(steps: list[Any]) -> list[Any]:
    """Steps that can be compared: a collective by its name, without its place."""
    result: list[Any] = []
    for step in steps:
        if isinstance(step, str):
            continue
        if isinstance(step[1], ast.Call):
            result.append(step[0])
        else:
            result.append((step[0], step[1], *(tuple(_plain(part)) for part in step[2:])))
    return result


def _difference(first: list[Any], second: list[Any]) -> tuple[ast.Call, str, ast.expr | None] | None:
    """The first collective in which two ways differ."""
    one, other = [s for s in first if not isinstance(s, str)], [s for s in second if not isinstance(s, str)]
    if _plain(one) == _plain(other):
        return None
    for index in range(max(len(one), len(other))):
        here = one[index] if index < len(one) else None
        there = other[index] if index < len(other) else None
        if here is not None and there is not None:
            if _plain([here]) == _plain([there]):
                continue
            if not isinstance(here[1], ast.Call) and not isinstance(there[1], ast.Call) and here[1] == there[1]:
                for a, b in zip(here[2:], there[2:], strict=True):
                    found = _difference(a, b)
                    if found is not None:
                        return found
        for step in (here, there):
            if step is not None and isinstance(step[1], ast.Call) and step[2] is not None:
                return step[1], step[0], step[2]
        return _first_lonely(here if here is not None else there)
    return None


def _first_lonely(step: Any) -> tuple[ast.Call, str, ast.expr | None] | None:
    """The first collective of a step, or inside it, that stands under a test about the rank."""
    if not isinstance(step, tuple):
        return None
    if isinstance(step[1], ast.Call):
        return step[1], step[0], step[2]
    return next((found for part in step[2:] for inner in part if (found := _first_lonely(inner)) is not None), None)
