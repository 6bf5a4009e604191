"""Imports that a repair needs: one that is there is used, else a new one goes where a person would put it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import libcst as cst

from torchlint.fixes.changes import Change
from torchlint.fixes.parsed import Parsed
from torchlint.fixes.statements import blank, comments_above, line_after


class Need(NamedTuple):
    """What a repair needs imported: the dotted path, and the name by which its code calls it."""

    statement: ast.Import | ast.ImportFrom
    path: str
    bound: str


class Answer(NamedTuple):
    """How the file gives what is needed: the expression to write for it, and the changes that make it so."""

    expression: str
    changes: list[Change]


def need_of(code: str) -> Need | None:
    """The need that an import statement states."""
    try:
        statement = ast.parse(code).body[0]
    except (SyntaxError, IndexError):
        return None
    if isinstance(statement, ast.Import) and len(statement.names) == 1:
        name = statement.names[0]
        return Need(statement, name.name, name.asname or name.name)
    if isinstance(statement, ast.ImportFrom) and len(statement.names) == 1 and statement.module:
        name = statement.names[0]
        return Need(statement, f"{statement.module}.{name.name}", name.asname or name.name)
    return None


def ensured(parsed: Parsed, need: Need, first_use: int) -> Answer | None:
    """An import before the offset of its first use; `None` where its name means something else in this file."""
    known = dict(_known(parsed, first_use))
    expression = known.get(need.path) or _through(known, need)
    if expression is not None:
        root = expression.partition(".")[0]
        return None if _rebound(parsed, root) else Answer(expression, [])
    root = need.bound.partition(".")[0]
    taken = root in _bound_by_imports(parsed, need) or _rebound(parsed, root)
    return None if taken else Answer(need.bound, _inserted(parsed, need, first_use))


def renamed(code: str, bound: str, expression: str) -> str | None:
    """Code of a repair with another expression for an imported name."""
    if bound == expression or bound not in code:
        return code
    try:
        module = cst.parse_module(code)
        other = cst.parse_expression(expression)
    except Exception:
        return None
    return module.visit(_Rename(bound, other)).code


class _Rename(cst.CSTTransformer):
    def __init__(self, bound: str, other: cst.BaseExpression) -> None:
        super().__init__()
        self.bound = bound
        self.other = other
        self.kept: set[cst.CSTNode] = set()

    def visit_Attribute(self, node: cst.Attribute) -> None:
        self.kept.add(node.attr)

    def visit_Arg(self, node: cst.Arg) -> None:
        if node.keyword is not None:
            self.kept.add(node.keyword)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        if original_node.value != self.bound or original_node in self.kept:
            return updated_node
        return self.other


def _known(parsed: Parsed, first_use: int) -> Iterator[tuple[str, str]]:
    """The dotted paths that imports at the top of the file give, and the expressions for them."""
    for statement in _top_level(parsed.tree.body):
        if parsed.end(statement) > first_use:
            continue
        if isinstance(statement, ast.Import):
            for name in statement.names:
                if name.asname:
                    yield name.name, name.asname
                else:
                    yield name.name, name.name
                    yield name.name.partition(".")[0], name.name.partition(".")[0]
        elif statement.module and not statement.level:
            for name in statement.names:
                yield f"{statement.module}.{name.name}", name.asname or name.name


def _top_level(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield statement
        elif isinstance(statement, ast.Try):
            yield from _top_level(statement.body)


def _through(known: dict[str, str], need: Need) -> str | None:
    """The need as an attribute of something imported: torch imports its own parts, other packages may not."""
    holder = need.path
    while "." in holder:
        holder, _, _ = holder.rpartition(".")
        whole = holder == getattr(need.statement, "module", None)
        if holder in known and (whole or need.path.startswith("torch.")):
            return known[holder] + need.path[len(holder) :]
    return None


def _rebound(parsed: Parsed, name: str) -> bool:
    """Whether anything but imports gives a name another meaning somewhere in the file."""
    for node in ast.walk(parsed.tree):
        if isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.arg) and node.arg == name:
            return True
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            return not isinstance(parsed.parent(node), ast.ClassDef)
        if isinstance(node, ast.ExceptHandler) and node.name == name:
            return True
    return False


def _bound_by_imports(parsed: Parsed, need: Need) -> set[str]:
    """The names that imports bind to something other than what is needed."""
    names: set[str] = set()
    root = need.path.partition(".")[0]
    for node in ast.walk(parsed.tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                bound = name.asname or name.name.partition(".")[0]
                if name.asname is None and bound == root:
                    continue
                if name.name != need.path:
                    names.add(bound)
        elif isinstance(node, ast.ImportFrom):
            for name in node.names:
                if f"{node.module}.{name.name}" != need.path:
                    names.add(name.asname or name.name)
    return names


def _inserted(parsed: Parsed, need: Need, first_use: int) -> list[Change]:
    line = ast.unparse(need.statement) + parsed.newline
    imports = [
        statement
        for statement in parsed.tree.body
        if isinstance(statement, ast.Import | ast.ImportFrom) and parsed.end(statement) <= first_use
    ]
    group, key = _group(need.statement), _key(need.statement)
    same = [statement for statement in imports if _group(statement) == group]
    same = [statement for statement in same if _root(statement) == _root(need.statement)] or same
    if same:
        smaller = [statement for statement in same if _key(statement) <= key]
        return _below(parsed, smaller[-1], line) if smaller else _above(parsed, same[0], line)
    gap = parsed.newline if _separated(parsed, imports) else ""
    lower = [statement for statement in imports if _group(statement) < group]
    if lower:
        return _below(parsed, lower[-1], gap + line)
    if imports:
        return _above(parsed, imports[0], line + gap)
    return _without_imports(parsed, line)


def _without_imports(parsed: Parsed, line: str) -> list[Change]:
    body = parsed.tree.body
    docstring = body[0] if body and ast.get_docstring(parsed.tree, clean=False) is not None else None
    if docstring is not None:
        return _below(parsed, docstring, parsed.newline + line)
    return _above(parsed, body[0], line + parsed.newline) if body else [Change(0, 0, line)]


def _above(parsed: Parsed, statement: ast.stmt, text: str) -> list[Change]:
    at = comments_above(parsed, statement, parsed.layout(statement))
    return [Change(at, at, text)]


def _below(parsed: Parsed, statement: ast.stmt, text: str) -> list[Change]:
    return line_after(parsed, parsed.line_end(parsed.end(statement)), text)


def _separated(parsed: Parsed, imports: list[ast.Import | ast.ImportFrom]) -> bool:
    """Whether groups of imports stand apart here; yes where nothing shows it."""
    for one, other in pairwise(imports):
        if _group(one) != _group(other):
            return blank(parsed.lines.line((one.end_lineno or one.lineno) + 1))
    return True


def _group(statement: ast.Import | ast.ImportFrom) -> int:
    if isinstance(statement, ast.ImportFrom) and statement.level:
        return 3
    root = _root(statement)
    if root == "__future__":
        return 0
    return 1 if root in sys.stdlib_module_names else 2


def _root(statement: ast.Import | ast.ImportFrom) -> str:
    module = statement.module if isinstance(statement, ast.ImportFrom) else statement.names[0].name
    return (module or "").partition(".")[0]


def _key(statement: ast.Import | ast.ImportFrom) -> tuple[bool, str]:
    if isinstance(statement, ast.ImportFrom):
        return True, statement.module or ""
    return False, statement.names[0].name
