"""Names for places in code that survive a shift of lines: enclosing function and statement instead of line numbers."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

STATEMENT_CHARACTERS = 100


class Place(NamedTuple):
    """A place in a project: `path` starts with the project's name, `nth` counts equal statements in one function from 1."""

    path: str
    function: str
    nth: int
    statement: str

    def __str__(self) -> str:
        number = f" #{self.nth}" if self.nth > 1 else ""
        return f"{self.path} in {self.function}{number}: {self.statement}"


class Statement(NamedTuple):
    """A simple statement, or the head of a compound one, by its lines (from 1, end inclusive)."""

    first: int
    last: int
    function: str
    nth: int
    text: str


def place_of(root: Path, path: str, line: int) -> Place:
    """The place of a line of `root / path`; a file that does not parse yields the line itself."""
    statements = statements_of(root / path)
    around = [s for s in statements if s.first <= line <= s.last]
    if around:
        statement = min(around, key=lambda s: s.last - s.first)
        return Place(path, statement.function, statement.nth, statement.text)
    lines = (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
    return Place(path, "<module>", 1, collapsed(lines[line - 1 : line]))


def draw(*key: str) -> str:
    """A number that nobody chooses, for the order in which findings are sampled; also their id."""
    return hashlib.sha256("\0".join(key).encode()).hexdigest()[:10]


def collapsed(lines: list[str]) -> str:
    """Lines as one, white space collapsed and cut."""
    text = " ".join(" ".join(lines).split())
    return text if len(text) <= STATEMENT_CHARACTERS else text[: STATEMENT_CHARACTERS - 1].rstrip() + "…"


@lru_cache(maxsize=64)
def statements_of(path: Path) -> tuple[Statement, ...]:
    """All statements of a file in the order of their lines; empty where the file does not parse."""
    source = path.read_bytes()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    lines = source.decode("utf-8", errors="replace").splitlines()
    seen: dict[tuple[str, str], int] = {}
    found = []
    pending: list[tuple[ast.stmt, str]] = [(node, "<module>") for node in reversed(tree.body)]
    while pending:
        node, function = pending.pop()
        children = inner_statements(node)
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        last = (children[0].lineno - 1 if children else node.end_lineno) or node.lineno
        last = max(last, node.lineno)
        text = collapsed(lines[first - 1 : last])
        seen[function, text] = nth = seen.get((function, text), 0) + 1
        found.append(Statement(first, last, function, nth, text))
        inner = function
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = node.name if function == "<module>" else f"{function}.{node.name}"
        pending.extend((child, inner) for child in reversed(children))
    return tuple(found)


def inner_statements(node: ast.stmt) -> list[ast.stmt]:
    """The statements directly inside a compound statement, in the order of their lines."""
    inner: list[ast.stmt] = []
    for field in ("body", "handlers", "orelse", "finalbody", "cases"):
        for child in getattr(node, field, ()):
            inner.extend([child] if isinstance(child, ast.stmt) else child.body)
    return inner
