"""What happens to lists, dictionaries and modules after they were made: `append`, items and attributes that are set.

A container that something may have changed is not what its literal says. Growth that is sure is followed; everything
else makes the container opaque.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from torchlint.model.syntax import Function, Source
from torchlint.model.values import UNKNOWN, Frame, Value, union

GROWN = "[+]"
"""Name of the `call` value of a list that was changed; its `items` are the elements at the end that are sure."""

CHANGED = "(changed)"
"""Name of the `call` value of a tensor (its `base`) whose entries an in-place activation has replaced."""

_MUTATORS = (
    "append", "extend", "insert", "pop", "remove", "clear", "sort", "reverse", "update", "setdefault", "add", "popitem",
    "discard", "add_module", "register_module", "__setitem__", "move_to_end",
)  # fmt: skip
_ACTIVATIONS = ("sigmoid_", "tanh_", "relu_", "exp_", "log_", "clamp_", "clip_", "mul_", "div_", "add_", "sub_")
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


class Change(NamedTuple):
    """One change in place: the call of a mutator, or the target of an item assignment with the value that it stores."""

    node: ast.Call | ast.Subscript
    function: Function | None
    value: ast.expr | None = None

    @property
    def owner(self) -> ast.expr | None:
        """The expression that is changed."""
        if isinstance(self.node, ast.Subscript):
            return self.node.value
        return self.node.func.value if isinstance(self.node.func, ast.Attribute) else None


def changes_of(source: Source, name: str) -> Iterator[Change]:
    """All changes in place of something whose name, or last attribute, is `name`."""
    for mutator in _MUTATORS:
        for call, scope in source.by_name.get(mutator, ()):
            if isinstance(call.func, ast.Attribute) and last_name(call.func.value) == name:
                yield Change(call, scope.function)
    for target, function, value in source.item_stores.get(name, ()):
        yield Change(target, function, value)


def last_name(node: ast.expr) -> str | None:
    """`x` of `x`, and `net` of `self.net`."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def local(frame: Frame, node: ast.Name, value: Value) -> Value:
    """The value of a local name, with what the function does to it before it is read."""
    kind = value.kind
    if kind == "apply":
        return _activated(frame, node, value)
    if kind in ("union", "binary"):
        extended = _extended(value)
        if extended is None:
            return value
        value = extended
    elif kind not in ("list", "dict", "set"):
        return value
    changes = [
        change
        for change in changes_of(frame.source, node.id)
        if change.function is frame.function and isinstance(change.owner, ast.Name) and change.owner is not node
    ]
    if not changes:
        return value
    return _filled(frame, value, changes) if kind == "dict" else _grown(frame, node, value, changes)


def attribute(source: Source, name: str, value: Value) -> Value:
    """The value of an attribute, if something in the file may change it in place."""
    if value.kind == "union":
        return union([attribute(source, name, option) for option in value.items])
    if value.kind not in ("list", "dict", "set") or not any(True for _ in changes_of(source, name)):
        return value
    return _opaque(value, ())


def _extended(value: Value) -> Value | None:
    """A list that `+=` has extended on some way: what is sure of its end; `None` if it is no list."""
    if value.kind == "binary":
        right = value.items[1]
        if value.name != "Add" or not isinstance(value.node, ast.AugAssign) or right.kind not in ("list", "tuple"):
            return None
        return _opaque(value, right.items)
    extended = [o for o in value.items if o.kind == "binary" and _extended(o) is not None]
    if not extended or any(o.kind not in ("list", "binary") for o in value.items):
        return None
    return _opaque(max(extended, key=lambda o: getattr(o.node, "lineno", 0)), ())


def _opaque(value: Value, tail: tuple[Value, ...]) -> Value:
    return Value("call", name=GROWN, items=tail, node=value.node, frame=value.frame)


def _grown(frame: Frame, node: ast.Name, value: Value, changes: list[Change]) -> Value:
    source = frame.source
    made = source.statement(value.node) if value.node is not None else None
    is_list = value.kind == "list" or value.name == GROWN
    if not is_list or made is None or value.frame is not frame or _in_loop(source, node):
        return _opaque(value, ())
    read = source.statement(node)
    block = source.parent(made if value.kind == "list" or read is None else read)
    items, exact = value.items, value.kind == "list"
    for change in sorted(changes, key=lambda c: (c.node.lineno, c.node.col_offset)):
        if not made.lineno < change.node.lineno < node.lineno:
            continue
        statement = source.statement(change.node)
        added = _added(frame, change) if statement is not None and source.parent(statement) is block else None
        if added is None:
            items, exact = (), False
        else:
            items = (*items, *added)
    if exact:
        return Value("list", items=items, node=value.node, frame=frame)
    return _opaque(value, items)


def _added(frame: Frame, change: Change) -> tuple[Value, ...] | None:
    call = change.node
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or len(call.args) != 1:
        return None
    given = frame.value(call.args[0])
    if call.func.attr == "append":
        return (given,)
    return given.items if call.func.attr == "extend" and given.kind in ("list", "tuple") else None


def _filled(frame: Frame, value: Value, changes: list[Change]) -> Value:
    """A dictionary with the constant keys that the function stores, each possibly."""
    entries: dict[object, tuple[Value, list[Value]]] = {}
    for key, item in zip(value.keys, value.items, strict=True):
        if key is None or key.kind != "const":
            return _opaque(value, ())
        entries[key.const] = (key, [item])
    for change in changes:
        if not isinstance(change.node, ast.Subscript) or change.value is None:
            return _opaque(value, ())
        key = frame.value(change.node.slice)
        if key.kind != "const" or not isinstance(key.const, str | int):
            return _opaque(value, ())
        entries.setdefault(key.const, (key, []))[1].append(frame.value(change.value))
    keys = tuple(key for key, _ in entries.values())
    items = tuple(union(found) for _, found in entries.values())
    return Value("dict", keys=keys, items=items, node=value.node, frame=frame)


def _activated(frame: Frame, node: ast.Name, value: Value) -> Value:
    for name in _ACTIVATIONS:
        for call, scope in frame.source.by_name.get(name, ()):
            func = call.func
            if scope.function is not frame.function or not isinstance(func, ast.Attribute):
                continue
            if isinstance(func.value, ast.Name) and func.value.id == node.id and func.value is not node:
                return Value("call", name=CHANGED, base=value, node=node, frame=frame)
    return value


def _in_loop(source: Source, node: ast.AST) -> bool:
    return any(isinstance(holder, _LOOPS) for holder in source.around(node))


def is_changed(value: Value) -> bool:
    """Whether something in the file changes a module in place under the name that it was given when it was made."""
    source = value.frame.source if value.frame is not None else None
    return source is not None and any(True for name in _names_of(value) for _ in changes_of(source, name))


def added_layers(value: Value) -> tuple[Value, ...] | None:
    """What `add_module` and `append` put at the end of an `nn.Sequential`, in order; `None` if that is not sure.

    It is sure where all of it happens under the module's own name, in the block in which it is made.
    """
    names = _names_of(value)
    if len(names) != 1 or value.frame is None or value.node is None:
        return None
    frame, source = value.frame, value.frame.source
    made = source.statement(value.node)
    added: list[tuple[int, ast.expr]] = []
    for change in changes_of(source, names.pop()):
        if isinstance(change.owner, ast.Name) and change.function is not frame.function:
            continue  # another variable
        call = change.node
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.keywords:
            return None
        statement = source.statement(call)
        if made is None or statement is None or source.parent(statement) is not source.parent(made):
            return None
        if len(call.args) != _ARGUMENTS.get(call.func.attr) or call.lineno <= made.lineno:
            return None
        added.append((call.lineno, call.args[-1]))
    return tuple(frame.value(layer) for _, layer in sorted(added, key=lambda pair: pair[0]))


_ARGUMENTS = {"append": 1, "add_module": 2, "register_module": 2}


def _names_of(value: Value) -> set[str]:
    """The names that a value is given by the statement that makes it."""
    if value.node is None or value.frame is None:
        return set()
    statement = value.frame.source.statement(value.node)
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is not value.node:
        return set()
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return {name for target in targets if (name := last_name(target)) is not None}


def set_from_outside(source: Source, name: str) -> bool:
    """Whether the file assigns `something.name` where `something` is not the `self` of a method."""
    for target, function in source.stored.get(name, ()):
        owner = target.value
        if not isinstance(owner, ast.Name) or function is None or function.cls is None:
            return True
        if not function.parameters or function.parameters[0].arg != owner.id:
            return True
    return False


__all__ = [
    "CHANGED",
    "GROWN",
    "UNKNOWN",
    "Change",
    "added_layers",
    "changes_of",
    "is_changed",
    "last_name",
    "local",
    "set_from_outside",
]
