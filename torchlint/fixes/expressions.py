"""Repairs inside one expression: pieces of its text are put together, and the tree of the statement proves the result.

Each function returns the changes, or `None` where the result would not be exactly what was meant.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from torchlint.findings import Verb
from torchlint.fixes.arguments import Arguments, add, arguments_of, remove
from torchlint.fixes.changes import Change, trimmed
from torchlint.fixes.parsed import Parsed, comments, is_elif, tree_of

_HOLE = "_torchlint_hole_"


def wrap(parsed: Parsed, node: ast.expr, template: str) -> list[Change] | None:
    """Put an expression into the `{}` of a template."""
    meant, old = expression_tree(template.replace("{}", _HOLE, 1)), parsed.slice(node)
    if meant is None or "{}" not in template or expression_tree(old) is None:
        return None
    expected = _Fill(node).visit(meant)
    bare, bracketed = (template.strip().replace("{}", filling, 1) for filling in (old, f"({old})"))
    for new in (bare, bracketed, f"({bare})", f"({bracketed})"):
        if _is_meant(parsed, node, new, expected):
            return _around(parsed.start(node), old, new)
    return None


def replace(parsed: Parsed, node: ast.expr, code: str) -> list[Change] | None:
    """Put new code in the place of an expression; its comments must not be lost."""
    meant = expression_tree(code)
    return None if meant is None else _swapped(parsed, node, code.strip(), meant)


def unwrap(parsed: Parsed, node: ast.expr, part: ast.expr) -> list[Change] | None:
    """Put a part of an expression in the place of the whole."""
    inner = parsed.slice(part)
    if expression_tree(inner) is None or not any(child is part for child in ast.walk(node)):
        return None
    return _swapped(parsed, node, inner, part)


def rename_attribute(parsed: Parsed, node: ast.expr, name: str) -> list[Change] | None:
    """Replace the last part of an attribute."""
    old = parsed.slice(node)
    if not isinstance(node, ast.Attribute) or not old.endswith(node.attr) or not name.isidentifier():
        return None
    return _swapped(parsed, node, old.removesuffix(node.attr) + name, ast.Attribute(node.value, name, node.ctx))


def change_arguments(parsed: Parsed, node: ast.expr, verbs: Iterable[Verb]) -> list[Change] | None:
    """Carry out all verbs that concern the arguments of one call."""
    if not isinstance(node, ast.Call):
        return None
    arguments = arguments_of(parsed, node)
    for verb in verbs:
        arguments = _ARGUMENT_VERBS[verb.kind](parsed, arguments, verb) if arguments is not None else None
    if arguments is None:
        return None
    items = [argument.item for argument in arguments.items]
    expected = ast.Call(
        node.func,
        [item for item in items if isinstance(item, ast.expr)],
        [item for item in items if isinstance(item, ast.keyword)],
    )
    return _swapped(parsed, node, arguments.written, expected)


def expression_tree(code: str) -> ast.expr | None:
    """The tree of an expression, or `None` if the code is not one."""
    tree = tree_of(f"({code.strip()}\n)")
    statement = tree.body[0] if tree is not None and len(tree.body) == 1 else None
    return statement.value if isinstance(statement, ast.Expr) else None


def _set_keyword(parsed: Parsed, arguments: Arguments, verb: Verb) -> Arguments | None:
    meant, code = expression_tree(verb.code), verb.code.strip()
    if meant is None or not verb.name.isidentifier():
        return None
    item, index = ast.keyword(verb.name, meant), _position(arguments, verb.name)
    if index is not None:
        name, equals, value = arguments.items[index].code.partition("=")
        space = value[: len(value) - len(value.lstrip())]
        return _with(arguments, index, item, f"{name}{equals}{space}{code}")
    doubles = (i for i, old in enumerate(arguments.items) if isinstance(old.item, ast.keyword) and not old.item.arg)
    return add(arguments, next(doubles, len(arguments.items)), item, f"{verb.name}={code}")


def _remove_keyword(parsed: Parsed, arguments: Arguments, verb: Verb) -> Arguments | None:
    index = _position(arguments, verb.name)
    return remove(arguments, index) if index is not None else None


def _rename_keyword(parsed: Parsed, arguments: Arguments, verb: Verb) -> Arguments | None:
    index = _position(arguments, verb.name)
    if index is None or not verb.code.isidentifier():
        return None
    old = arguments.items[index]
    assert isinstance(old.item, ast.keyword)
    return _with(arguments, index, ast.keyword(verb.code, old.item.value), verb.code + old.code.removeprefix(verb.name))


def _add_argument(parsed: Parsed, arguments: Arguments, verb: Verb) -> Arguments | None:
    meant = expression_tree(verb.code)
    if meant is None:
        return None
    named = (i for i, argument in enumerate(arguments.items) if isinstance(argument.item, ast.keyword))
    return add(arguments, next(named, len(arguments.items)), meant, verb.code.strip())


def _remove_argument(parsed: Parsed, arguments: Arguments, verb: Verb) -> Arguments | None:
    wanted = parsed.expression(verb.to)
    index = next((i for i, argument in enumerate(arguments.items) if argument.item is wanted), None)
    return remove(arguments, index) if index is not None else None


_ARGUMENT_VERBS: dict[str, Callable[[Parsed, Arguments, Verb], Arguments | None]] = {
    "set_keyword": _set_keyword,
    "remove_keyword": _remove_keyword,
    "rename_keyword": _rename_keyword,
    "add_argument": _add_argument,
    "remove_argument": _remove_argument,
}

ARGUMENT_VERBS = frozenset(_ARGUMENT_VERBS)
"""The verbs that change the arguments of a call; those of one call are carried out together."""


def _position(arguments: Arguments, keyword: str) -> int | None:
    items = (argument.item for argument in arguments.items)
    return next((i for i, item in enumerate(items) if isinstance(item, ast.keyword) and item.arg == keyword), None)


def _with(arguments: Arguments, index: int, item: ast.keyword, code: str) -> Arguments:
    changed = list(arguments.items)
    changed[index] = changed[index]._replace(item=item, code=code)
    return arguments._replace(items=tuple(changed))


def _swapped(parsed: Parsed, node: ast.expr, new: str, expected: ast.expr) -> list[Change] | None:
    old = parsed.slice(node)
    before, after = comments(f"({old}\n)"), comments(f"({new}\n)")
    if before is None or after is None or before - after != Counter():
        return None
    for candidate in (new, f"({new})", f"({new}\n)" if after else new):
        if _is_meant(parsed, node, candidate, expected):
            return trimmed(parsed.start(node), old, candidate)
    return None


def _around(start: int, old: str, new: str) -> list[Change]:
    """The change from `old` to `new` as insertions around the old text, where it is still there once."""
    if new.count(old) != 1:
        return trimmed(start, old, new)
    before, _, after = new.partition(old)
    end = start + len(old)
    return [change for change in (Change(start, start, before), Change(end, end, after)) if change.text]


def _is_meant(parsed: Parsed, node: ast.expr, new: str, expected: ast.expr) -> bool:
    """Whether the statement with the new text reads as the old one with `expected` in the place of `node`."""
    statement, holder = parsed.statement_of(node), parsed.holder(node)
    if statement is None or holder is None:
        return False
    start, end, prefix, path = _context(parsed, statement)
    text = prefix + parsed.text[start : parsed.start(node)] + new + parsed.text[parsed.end(node) : end]
    tree = tree_of(text)
    found = _at(tree, path) if tree is not None else None
    if found is None or tree is None or (prefix and len(tree.body) != 1):
        return False
    parent, field, index = holder
    _put(parent, field, index, _in_context(expected, node))
    try:
        wanted = ast.dump(statement)
    finally:
        _put(parent, field, index, node)
    return ast.dump(found) == wanted


def _context(parsed: Parsed, statement: ast.stmt) -> tuple[int, int, str, list[tuple[str, int]]]:
    """The lines to parse again around a statement: offsets, what to put before them, the path to the statement."""
    layout = parsed.layout(statement)
    if layout.own_line and not is_elif(parsed, statement):
        if layout.indent:
            return layout.line_start, layout.line_end, "if 1:\n", [("body", 0), ("body", 0)]
        if layout.behind != ";":
            return layout.line_start, layout.line_end, "", [("body", 0)]
    path: list[tuple[str, int]] = []
    current: ast.AST = statement
    while (holder := parsed.holder(current)) is not None:
        current, field, index = holder
        path.insert(0, (field, -1 if index is None else index))
    return 0, len(parsed.text), "", path


def _at(tree: ast.AST, path: Sequence[tuple[str, int]]) -> ast.AST | None:
    current = tree
    for field, index in path:
        value = getattr(current, field, None)
        if index >= 0:
            value = value[index] if isinstance(value, list) and index < len(value) else None
        if not isinstance(value, ast.AST):
            return None
        current = value
    return current


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _in_context(expected: ast.expr, node: ast.expr) -> ast.expr:
    """The expected tree as the target of an assignment, where the old expression was one."""
    context = getattr(node, "ctx", None)
    if isinstance(expected, ast.Attribute | ast.Name | ast.Subscript) and context is not None:
        fields = {name: value for name, value in ast.iter_fields(expected) if name != "ctx"}
        return type(expected)(**fields, ctx=context)
    return expected


class _Fill(ast.NodeTransformer):
    def __init__(self, node: ast.expr) -> None:
        self.node = node

    def visit_Name(self, name: ast.Name) -> ast.expr:
        return _in_context(self.node, name) if name.id == _HOLE else name
