"""A parsed file as repairs see it: nodes by span, parents, and how each statement lies on its lines."""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from torchlint.findings import Span
from torchlint.source.text import Lines

BLANK = " \t\f"


class Parsed:
    """One file: its text, its tree, and what repairs ask of them."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self.text = text
        self.tree = tree
        self.lines = Lines(text)
        self.starts = [0]
        for line in self.lines.lines:
            self.starts.append(self.starts[-1] + len(line))
        self.newline = _newline_of(self.lines.lines[0]) if self.lines.lines else "\n"
        self._holders: dict[ast.AST, tuple[ast.AST, str, int | None]] = {}
        self._nodes: dict[Span, list[ast.AST]] = {}
        self._waiting: list[ast.stmt] = []
        for index, statement in enumerate(tree.body):
            self._enter(statement, tree, "body", index)
            self._waiting.append(statement)

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and a column in UTF-8 bytes."""
        return self.starts[min(line, len(self.starts)) - 1] + self.lines.code_points(line, column)

    def position(self, offset: int) -> tuple[int, int]:
        """The line and the column in UTF-8 bytes of an offset."""
        line = max(1, bisect_right(self.starts, offset))
        return line, len(self.text[self.starts[line - 1] : offset].encode())

    def start(self, node: ast.AST) -> int:
        """Where a node starts, without its decorators."""
        return self.offset(node.lineno, node.col_offset)  # type: ignore[attr-defined]

    def end(self, node: ast.AST) -> int:
        """Where a node ends."""
        return self.offset(node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]

    def slice(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.text[self.start(node) : self.end(node)]

    def statement(self, span: Span | None) -> ast.stmt | None:
        """The statement with this span."""
        found = [node for node in self._at(span) if isinstance(node, ast.stmt)]
        return found[0] if len(found) == 1 else None

    def expression(self, span: Span | None, kind: str = "") -> ast.expr | None:
        """The expression with this span, of the named class if one is given."""
        found = [node for node in self._at(span) if isinstance(node, ast.expr)]
        found = [node for node in found if not kind or type(node).__name__ == kind]
        return found[0] if len(found) == 1 else None

    def statement_of(self, node: ast.AST) -> ast.stmt | None:
        """The innermost statement that holds a node."""
        current: ast.AST | None = node
        while current is not None and not isinstance(current, ast.stmt):
            current = self.parent(current)
        return current

    def holder(self, node: ast.AST) -> tuple[ast.AST, str, int | None] | None:
        """The node that holds another, the field and the index in the field; `None` for the module."""
        if node not in self._holders and hasattr(node, "lineno"):
            self._read(node.lineno)
        return self._holders.get(node)

    def parent(self, node: ast.AST) -> ast.AST | None:
        """The node that holds another; `None` for the module."""
        holder = self.holder(node)
        return None if holder is None else holder[0]

    def siblings(self, statement: ast.stmt) -> tuple[list[ast.stmt], int]:
        """The block that holds a statement, and the statement's place in it."""
        holder = self.holder(statement)
        assert holder is not None
        parent, field, index = holder
        assert index is not None
        return getattr(parent, field), index

    def layout(self, statement: ast.stmt) -> Layout:
        """How a statement lies on its lines."""
        return _layout_of(self, statement)

    def unit(self, statement: ast.stmt | None = None) -> str:
        """One step of indentation: that of the block around the statement, else the first one of the file."""
        for node in (*self._blocks_around(statement), *ast.walk(self.tree)):
            if step := self._step_into(node):
                return step
        return "    "

    def line_start(self, offset: int) -> int:
        """The offset of the start of the line that holds an offset."""
        return self.starts[self.position(offset)[0] - 1]

    def line_end(self, offset: int) -> int:
        """The offset behind the line end of the line that holds an offset."""
        line = self.position(offset)[0]
        return self.starts[line] if line < len(self.starts) else len(self.text)

    def outermost(self, start: int, end: int) -> tuple[int, int]:
        """The offsets of the whole lines of the outermost statements that a range touches."""
        body = self.tree.body
        first = bisect_right(body, start, key=lambda one: self.starts[_first_line(one) - 1]) - 1
        while first > 0 and (body[first - 1].end_lineno or 0) >= _first_line(body[first]):
            first -= 1
        last = max(first, 0)
        while last < len(body) and self._after(body[last]) < end:
            last += 1
        while last + 1 < len(body) and _first_line(body[last + 1]) <= (body[last].end_lineno or 0):
            last += 1
        begin = self.starts[_first_line(body[first]) - 1] if first >= 0 else 0
        return begin, self._after(body[last]) if last < len(body) else len(self.text)

    def _after(self, statement: ast.stmt) -> int:
        """The offset behind the last line of a statement."""
        return self.starts[statement.end_lineno or 0]

    def _at(self, span: Span | None) -> Sequence[ast.AST]:
        """The nodes with a span."""
        if span is None:
            return ()
        self._read(span.line)
        return self._nodes.get(span, ())

    def _read(self, line: int) -> None:
        """Enter the nodes of the outermost statement around a line, which is read only if a repair asks for it."""
        for statement in [one for one in self._waiting if _first_line(one) <= line <= (one.end_lineno or line)]:
            self._waiting.remove(statement)
            stack: list[ast.AST] = [statement]
            while stack:
                node = stack.pop()
                for field, value in ast.iter_fields(node):
                    children = value if isinstance(value, list) else [value]
                    for index, child in enumerate(children):
                        if isinstance(child, ast.AST) and not isinstance(child, ast.expr_context):
                            self._enter(child, node, field, index if isinstance(value, list) else None)
                            stack.append(child)

    def _enter(self, child: ast.AST, node: ast.AST, field: str, index: int | None) -> None:
        self._holders[child] = (node, field, index)
        if hasattr(child, "lineno") and _has_own_span(node, field):
            self._nodes.setdefault(Span.of(child), []).append(child)

    def _blocks_around(self, statement: ast.stmt | None) -> Iterator[ast.AST]:
        current: ast.AST | None = statement
        while current is not None:
            yield current
            current = self.parent(current)

    def _step_into(self, node: ast.AST) -> str:
        body = getattr(node, "body", None)
        if not isinstance(node, ast.stmt) or not isinstance(body, list) or not body:
            return ""
        outer, inner = self.layout(node), self.layout(body[0])
        if not inner.own_line or not inner.indent.startswith(outer.indent):
            return ""
        return inner.indent[len(outer.indent) :]


class Layout(NamedTuple):
    """How a statement lies on its lines; offsets into the text.

    `start` is before the decorators. `own_line`: nothing but indentation stands before it. `indent` is the indentation
    of its first line. `behind` is what follows on its last line: empty, `#` (a comment), `;` (another statement or
    nothing) or `?` (something that repairs do not handle). `behind_at` is where that starts.
    """

    start: int
    end: int
    line_start: int
    line_end: int
    own_line: bool
    indent: str
    behind: str
    behind_at: int


@lru_cache(maxsize=4)
def parse(text: str) -> Parsed | None:
    """Parse a file, or `None` if it does not parse here."""
    tree = tree_of(text)
    return None if tree is None else Parsed(text, tree)


def tree_of(text: str) -> ast.Module | None:
    """The tree of a text, or `None`."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def comments(fragment: str) -> Counter[str] | None:
    """The comments of complete lines or of a bracketed expression, or `None` where they cannot be told."""
    if "#" not in fragment:
        return Counter()
    import tokenize

    lines = iter(fragment.splitlines(keepends=True))
    try:
        tokens = list(tokenize.generate_tokens(lambda: next(lines, "")))
    except (tokenize.TokenError, SyntaxError):
        return None
    return Counter(token.string.rstrip() for token in tokens if token.type == tokenize.COMMENT)


def is_elif(parsed: Parsed, statement: ast.stmt) -> bool:
    """Whether a statement is the `elif` of another."""
    return isinstance(statement, ast.If) and parsed.text.startswith("elif", parsed.start(statement))


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min(statement.lineno, *(decorator.lineno for decorator in decorators)) if decorators else statement.lineno


def _has_own_span(parent: ast.AST, field: str) -> bool:
    """Whether the children in this field lie where they say; pieces of an f-string may have the span of the whole."""
    return not isinstance(parent, ast.JoinedStr) and not (isinstance(parent, ast.FormattedValue) and field != "value")


def _newline_of(line: str) -> str:
    return "\r\n" if line.endswith("\r\n") else "\r" if line.endswith("\r") else "\n"


def _layout_of(parsed: Parsed, statement: ast.stmt) -> Layout:
    decorators = getattr(statement, "decorator_list", None)
    start = parsed.start(statement)
    if decorators:
        line = parsed.line_start(parsed.start(decorators[0]))
        start = line + len(_indentation(parsed.text, line))
    end = parsed.end(statement)
    line_start, line_end = parsed.line_start(start), parsed.line_end(end)
    prefix = parsed.text[line_start:start]
    own_line = not prefix.strip(BLANK) and not _continued(parsed.text, line_start)
    rest = parsed.text[end:line_end].rstrip("\r\n")
    stripped = rest.lstrip(BLANK)
    behind = "" if not stripped else stripped[0] if stripped[0] in "#;" else "?"
    indent = _indentation(parsed.text, line_start)
    return Layout(start, end, line_start, line_end, own_line, indent, behind, end + len(rest) - len(stripped))


def _indentation(text: str, line_start: int) -> str:
    end = line_start
    while end < len(text) and text[end] in BLANK:
        end += 1
    return text[line_start:end].replace("\f", "")


def _continued(text: str, line_start: int) -> bool:
    line = text[:line_start].rstrip("\r\n") if line_start else ""
    return line.endswith("\\") and not line[max(line.rfind("\n"), line.rfind("\r")) + 1 :].lstrip(BLANK).startswith("#")
