"""The identity of a finding that survives edits elsewhere in its file.

It is made of the rule, the path, the enclosing definitions, the text of the statement without its spacing, and a number
among equal ones; never of line numbers.
"""

from __future__ import annotations

import ast
import os
from collections import Counter

from torchlint.findings import Finding
from torchlint.source.broken import parse
from torchlint.source.text import split


class Fingerprints:
    """Gives fingerprints to the findings of one run, in the order in which they are shown.

    Args:
        root: the directory that paths are made relative to.
    """

    def __init__(self, root: str) -> None:
        self._root = root.rstrip(os.sep) + os.sep
        self._seen: Counter[tuple[str, ...]] = Counter()
        self._path: str | None = None
        self._scopes: list[tuple[int, int, str]] = []
        self._statements: dict[int, tuple[int, int]] = {}
        self._lines: list[str] = []

    def of(self, finding: Finding, text: str) -> str:
        """Sixteen hexadecimal digits for a finding in a file with this text."""
        path = finding.place.path
        if path != self._path:
            self._read(path, text)
        line = finding.place.span.line
        first, last = self._statements.get(line, (line, line))
        statement = "".join("".join(self._lines[first - 1 : last]).split())
        scope = max((entry for entry in self._scopes if entry[0] <= line <= entry[1]), default=(0, 0, ""))[2]
        relative = path.removeprefix(self._root).replace(os.sep, "/")
        key = (finding.code, relative, scope, statement)
        self._seen[key] += 1
        import hashlib

        return hashlib.sha1("\0".join((*key, str(self._seen[key]))).encode(errors="replace")).hexdigest()[:16]

    def _read(self, path: str, text: str) -> None:
        self._path = path
        self._scopes, self._statements, self._lines = [], {}, split(text)
        todo: list[tuple[ast.AST, str]] = [(parse(text)[0], "")]
        while todo:
            node, scope = todo.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    continue
                inner = scope
                if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    inner = f"{scope}.{child.name}" if scope else child.name
                    self._scopes.append((child.lineno, child.end_lineno or child.lineno, inner))
                elif isinstance(child, ast.stmt) and not hasattr(child, "body"):
                    extent = (child.lineno, child.end_lineno or child.lineno)
                    for line in range(extent[0], extent[1] + 1):
                        self._statements.setdefault(line, extent)
                todo.append((child, inner))
