"""Repairs inside one expression: libcst parses and writes it, and the tree of the statement proves the result.

Each function returns the changes, or `None` where the result would not be exactly what was meant.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence

import libcst as cst

from torchlint.findings import Verb
from torchlint.fixes.arguments import Argument, add, remove_at
from torchlint.fixes.changes import Change, trimmed
from torchlint.fixes.parsed import Parsed, comments, is_elif, tree_of

_HOLE = "_torchlint_hole_"


def wrap(parsed: Parsed, node: ast.expr, template: str) -> list[Change] | None:
    """Put an expression into the `{}` of a template."""
    holed = template.replace("{}", _HOLE, 1)
    meant, outer, old = expression_tree(holed), _parsed(parsed, holed), parsed.slice(node)
    inner = _parsed(parsed, old)
    if meant is None or outer is None or inner is None or holed == template:
        return None
    expected = _Fill(node).visit(meant)
    bare = _code(parsed, outer.visit(_Put(inner)))
    bracketed = _code(parsed, outer.visit(_Put(_bracketed(inner))))
    for new in (bare, bracketed, f"({bare})", f"({bracketed})"):
        if _is_meant(parsed, node, new, expected):
            return _around(parsed.start(node), old, new)
    return None


def replace(parsed: Parsed, node: ast.expr, code: str) -> list[Change] | None:
    """Put new code in the place of an expression; its comments must not be lost."""
    meant, new = expression_tree(code), _parsed(parsed, code)
    if meant is None or new is None:
        return None
    return _swapped(parsed, node, _code(parsed, new), meant)


def unwrap(parsed: Parsed, node: ast.expr, part: ast.expr) -> list[Change] | None:
    """Put a part of an expression in the place of the whole."""
    inner = _parsed(parsed, parsed.slice(part))
    if inner is None or not any(child is part for child in ast.walk(node)):
        return None
    return _swapped(parsed, node, _code(parsed, inner), part)


def rename_attribute(parsed: Parsed, node: ast.expr, name: str) -> list[Change] | None:
    """Replace the last part of an attribute."""
    old = _parsed(parsed, parsed.slice(node))
    if not isinstance(node, ast.Attribute) or not isinstance(old, cst.Attribute) or not name.isidentifier():
        return None
    new = _code(parsed, old.with_changes(attr=cst.Name(name)))
    return _swapped(parsed, node, new, ast.Attribute(node.value, name, node.ctx))


def change_arguments(parsed: Parsed, node: ast.expr, verbs: Iterable[Verb]) -> list[Change] | None:
    """Carry out all verbs that concern the arguments of one call."""
    call = _parsed(parsed, parsed.slice(node))
    if not isinstance(node, ast.Call) or not isinstance(call, cst.Call):
        return None
    arguments = _arguments(node, call)
    before = call.whitespace_before_args
    for verb in verbs:
        step = _ARGUMENT_VERBS[verb.kind](parsed, arguments, before, verb) if arguments is not None else None
        if step is None:
            return None
        arguments, before = step
    assert arguments is not None
    items = [argument.item for argument in arguments]
    expected = ast.Call(
        node.func,
        [item for item in items if isinstance(item, ast.expr)],
        [item for item in items if isinstance(item, ast.keyword)],
    )
    changed = call.with_changes(args=[argument.code for argument in arguments], whitespace_before_args=before)
    return _swapped(parsed, node, _code(parsed, changed), expected)


def expression_tree(code: str) -> ast.expr | None:
    """The tree of an expression, or `None` if the code is not one."""
    tree = tree_of(f"({code.strip()}\n)")
    statement = tree.body[0] if tree is not None and len(tree.body) == 1 else None
    return statement.value if isinstance(statement, ast.Expr) else None


_Step = tuple[list[Argument], cst.BaseParenthesizableWhitespace] | None


def _set_keyword(
    parsed: Parsed, arguments: list[Argument], before: cst.BaseParenthesizableWhitespace, verb: Verb
) -> _Step:
    meant, value = expression_tree(verb.code), _parsed(parsed, verb.code)
    if meant is None or value is None or not verb.name.isidentifier():
        return None
    for index, argument in enumerate(arguments):
        if isinstance(argument.item, ast.keyword) and argument.item.arg == verb.name:
            arguments[index] = Argument(argument.code.with_changes(value=value), ast.keyword(verb.name, meant))
            return arguments, before
    keyword = cst.Arg(
        value,
        keyword=cst.Name(verb.name),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    index = next((i for i, argument in enumerate(arguments) if argument.code.star == "**"), len(arguments))
    if len(arguments) == 1 and isinstance(arguments[0].item, ast.GeneratorExp):
        arguments = [_with_own_brackets(arguments[0])]
    return add(arguments, index, Argument(keyword, ast.keyword(verb.name, meant)), before), before


def _remove_keyword(
    parsed: Parsed, arguments: list[Argument], before: cst.BaseParenthesizableWhitespace, verb: Verb
) -> _Step:
    for index, argument in enumerate(arguments):
        if isinstance(argument.item, ast.keyword) and argument.item.arg == verb.name:
            return remove_at(arguments, index, before)
    return None


def _rename_keyword(
    parsed: Parsed, arguments: list[Argument], before: cst.BaseParenthesizableWhitespace, verb: Verb
) -> _Step:
    for index, argument in enumerate(arguments):
        if isinstance(argument.item, ast.keyword) and argument.item.arg == verb.name and verb.code.isidentifier():
            code = argument.code.with_changes(keyword=cst.Name(verb.code))
            arguments[index] = Argument(code, ast.keyword(verb.code, argument.item.value))
            return arguments, before
    return None


def _add_argument(
    parsed: Parsed, arguments: list[Argument], before: cst.BaseParenthesizableWhitespace, verb: Verb
) -> _Step:
    meant, value = expression_tree(verb.code), _parsed(parsed, verb.code)
    if meant is None or value is None:
        return None
    named = (i for i, argument in enumerate(arguments) if isinstance(argument.item, ast.keyword))
    index = next(named, len(arguments))
    if len(arguments) == 1 and isinstance(arguments[0].item, ast.GeneratorExp):
        arguments = [_with_own_brackets(arguments[0])]
    return add(arguments, index, Argument(cst.Arg(value), meant), before), before


def _remove_argument(
    parsed: Parsed, arguments: list[Argument], before: cst.BaseParenthesizableWhitespace, verb: Verb
) -> _Step:
    wanted = parsed.expression(verb.to)
    for index, argument in enumerate(arguments):
        if wanted is not None and argument.item is wanted:
            return remove_at(arguments, index, before)
    return None


_ARGUMENT_VERBS = {
    "set_keyword": _set_keyword,
    "remove_keyword": _remove_keyword,
    "rename_keyword": _rename_keyword,
    "add_argument": _add_argument,
    "remove_argument": _remove_argument,
}

ARGUMENT_VERBS = frozenset(_ARGUMENT_VERBS)
"""The verbs that change the arguments of a call; those of one call are carried out together."""


def _arguments(node: ast.Call, call: cst.Call) -> list[Argument] | None:
    items: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
    items.sort(key=lambda item: (item.lineno, item.col_offset))
    if len(items) != len(call.args):
        return None
    return [Argument(code, item) for code, item in zip(call.args, items, strict=True)]


def _with_own_brackets(argument: Argument) -> Argument:
    value = argument.code.value
    bare = isinstance(value, cst.GeneratorExp) and not value.lpar
    return Argument(argument.code.with_changes(value=_bracketed(value)), argument.item) if bare else argument


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


def _parsed(parsed: Parsed, code: str) -> cst.BaseExpression | None:
    config: cst.PartialParserConfig = cst.PartialParserConfig(default_newline=parsed.newline)
    try:
        node = cst.parse_expression(f"({code.strip()})", config=config)
    except Exception:
        return None
    lpar, rpar = getattr(node, "lpar", ()), getattr(node, "rpar", ())
    if not lpar or not rpar:
        return None
    return node.with_changes(lpar=lpar[1:], rpar=rpar[:-1])


def _code(parsed: Parsed, node: object) -> str:
    assert isinstance(node, cst.CSTNode)
    return cst.Module([], default_newline=parsed.newline).code_for_node(node)


def _bracketed(node: cst.BaseExpression) -> cst.BaseExpression:
    return node.with_changes(lpar=[cst.LeftParen(), *node.lpar], rpar=[*node.rpar, cst.RightParen()])


class _Fill(ast.NodeTransformer):
    def __init__(self, node: ast.expr) -> None:
        self.node = node

    def visit_Name(self, name: ast.Name) -> ast.expr:
        return _in_context(self.node, name) if name.id == _HOLE else name


class _Put(cst.CSTTransformer):
    def __init__(self, node: cst.BaseExpression) -> None:
        super().__init__()
        self.node = node

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self.node if original_node.value == _HOLE else updated_node
