"""The identity of a finding that survives edits elsewhere in its file.

It is made of the rule, the path, the enclosing definitions, the text of the statement without its layout and comments,
and a number among equal ones; never of line numbers. It is the same on every Python.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from typing import Any, NamedTuple

from torchlint.findings import Finding
from torchlint.source.broken import parse
from torchlint.source.text import split

_LONGEST = 120  # characters of a statement; of a longer one the start and a hash are kept


class Identity(NamedTuple):
    """What a finding is, wherever it stands in its file: findings with equal identities are told apart by their number.

    `path` is relative, with forward slashes; `scope` is the qualified name of the enclosing definition, empty for a
    module; `statement` is the statement (of a block: its header) in one line.
    """

    path: str
    code: str
    scope: str
    statement: str

    @property
    def key(self) -> Identity:
        """What two findings have in common that are the same: brackets that a formatter puts in make no difference."""
        return self._replace(statement=_essence(self.statement))


class Identities:
    """Gives identities to findings; the text of the last file is remembered, so ask file by file.

    Args:
        root: the directory that paths are made relative to.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._read: tuple[str, str] | None = None
        self._outline = Outline("")

    def of(self, finding: Finding, text: str) -> Identity:
        """The identity of a finding in a file with this text."""
        path = finding.place.path
        if self._read != (path, text):
            self._read, self._outline = (path, text), Outline(text)
        line = finding.place.span.line
        statement = self._outline.statement(line)
        return Identity(relative(path, self._root), finding.code, self._outline.scope(line), statement)


class Fingerprints:
    """Gives fingerprints to the findings of one run, in the order in which they are shown.

    Args:
        root: the directory that paths are made relative to.
    """

    def __init__(self, root: str) -> None:
        self._identities = Identities(root)
        self._seen: Counter[Identity] = Counter()

    def of(self, finding: Finding, text: str) -> str:
        """Sixteen hexadecimal digits for a finding in a file with this text."""
        identity = self._identities.of(finding, text)
        self._seen[identity.key] += 1
        return _hash("\0".join((*identity.key, str(self._seen[identity.key]))))


class Outline:
    """The definitions and statements of a text, by line."""

    def __init__(self, text: str) -> None:
        self._lines = split(text)
        self._scopes: list[tuple[int, int, str]] = []
        self._statements: dict[int, tuple[int, int]] = {}
        if text:
            self._walk(parse(text)[0])

    @property
    def scopes(self) -> frozenset[str]:
        """The qualified names of all definitions."""
        return frozenset(name for _, _, name in self._scopes)

    def scope(self, line: int) -> str:
        """The qualified name of the definition around a line; empty outside of definitions."""
        return max((entry for entry in self._scopes if entry[0] <= line <= entry[1]), default=(0, 0, ""))[2]

    def statement(self, line: int) -> str:
        """The statement on a line, without layout and comments."""
        first, last = self._statements.get(line, (line, line))
        text = plain("\n".join(part.rstrip("\r\n") for part in self._lines[first - 1 : last]))
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 18]}... {_hash(_essence(text))[:12]}"

    def _walk(self, tree: ast.AST) -> None:
        todo: list[tuple[ast.AST, str]] = [(tree, "")]
        while todo:
            node, scope = todo.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    continue
                inner = scope
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    inner = f"{scope}.{child.name}" if scope else child.name
                    self._scopes.append((_start(child), child.end_lineno or child.lineno, inner))
                if isinstance(child, ast.stmt):
                    extent = (child.lineno, _end(child))
                    for line in range(extent[0], extent[1] + 1):
                        self._statements.setdefault(line, extent)
                todo.append((child, inner))


def _end(statement: ast.stmt) -> int:
    """The last line of a simple statement, or of the header of a block."""
    last = statement.end_lineno or statement.lineno
    body = getattr(statement, "body", None) or getattr(statement, "cases", None)
    if not body:
        return last
    return max(statement.lineno, _start(getattr(body[0], "pattern", body[0])) - 1)


def _start(node: Any) -> int:
    """The first line of a statement, with its decorators."""
    decorators = getattr(node, "decorator_list", None) or ()
    first: int = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first


_PIECE = re.compile(
    r"""(?P<string>\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<gap>(?:\s|\\\r?\n|\#[^\n]*)+)|(?P<word>\w+)|.""",
    re.DOTALL,
)


def plain(code: str) -> str:
    """Code in one line: without comments, layout, commas before a closing bracket, and with one kind of quotes.

    It reads well and is no longer Python; formatters and other versions of Python leave it alone.
    """
    parts: list[str] = []
    spaced = False
    for piece in _PIECE.finditer(code):
        text = piece.group()
        if piece.lastgroup == "gap":
            spaced = True
            continue
        if text in ")]}" and parts and parts[-1] == ",":
            parts.pop()
        elif spaced and parts and (parts[-1][-1].isalnum() or parts[-1][-1] in "_\"'") and piece.lastgroup is not None:
            parts.append(" ")
        if piece.lastgroup == "string" and text[0] == "'" and '"' not in text and "\\" not in text:
            text = text.replace("'", '"')
        parts.append(text)
        spaced = False
    return "".join(parts)


def _essence(statement: str) -> str:
    cut = re.search(r"\.\.\. ([0-9a-f]{12})$", statement)
    return cut.group(1) if cut else re.sub(r"[()\s]", "", statement)


def relative(path: str, root: str) -> str:
    """A path relative to a directory, with forward slashes."""
    inside = root.rstrip("/\\") + os.sep
    native = path.replace("/", os.sep)
    if not native.startswith(inside):
        try:
            return os.path.relpath(native, root).replace(os.sep, "/")
        except ValueError:  # another drive
            return path
    return native[len(inside) :].replace(os.sep, "/")


def _hash(text: str) -> str:
    import hashlib

    return hashlib.sha1(text.encode(errors="replace")).hexdigest()[:16]
