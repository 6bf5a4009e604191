"""Syntax trees of a text that is being edited: only the statements around an edit are parsed again.

What surrounds a statement has no part in how it is parsed, so the new statements can take the place of the old ones,
and what stands behind them moves by the number of new lines. Where that is not certain the whole text is parsed.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, NamedTuple

from torchlint.source.broken import attempt, parse
from torchlint.source.text import split

_BLOCKS = ("body", "handlers", "orelse", "finalbody")  # in the order of the text
_TRIES = 4  # levels of blocks that are tried, from the innermost


class Parser:
    """Parses the texts that one file has while it is edited.

    The tree that is returned belongs to the parser: the next call changes it in place.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._tree: ast.Module | None = None

    def parse(self, text: str) -> tuple[ast.Module, SyntaxError | None]:
        """As `broken.parse`."""
        lines = split(text)
        if self._tree is not None and "\f" not in text and _edit(self._tree, self._lines, lines):
            self._lines = lines
            return self._tree, None
        tree, error = parse(text)
        if error is None:
            self._tree, self._lines = tree, lines
        return tree, error


class _Level(NamedTuple):
    """A run of statements that an edit may have changed: `block[first:last]` of `holder`, and the lines of the old text
    that are parsed again, from 1, end inclusive."""

    holder: ast.AST
    block: list[Any]
    first: int
    last: int
    start: int
    end: int


def _edit(tree: ast.Module, old: Sequence[str], new: Sequence[str]) -> bool:
    """Make the tree of the old lines that of the new ones; false, and the tree as it was, where that is not certain."""
    same = next(
        (i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), min(len(old), len(new))
    )
    if same == len(old) == len(new):
        return True
    most = min(len(old), len(new)) - same
    tail = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    levels = _levels(tree, same + 1, len(old) - tail, len(old))
    for depth in range(len(levels) - 1, max(-1, len(levels) - 1 - _TRIES), -1):
        fresh = _parsed(levels[depth], old, new)
        if fresh is not None:
            _replace(levels[: depth + 1], fresh, len(new) - len(old))
            return True
    return False


def _levels(tree: ast.Module, first: int, last: int, end: int) -> list[_Level]:
    """The blocks around the old lines from `first` to `last` (less than `first`: something was put before it)."""
    found: list[_Level] = []
    holder: ast.AST | None = tree
    block: list[Any] = tree.body
    while holder is not None:
        starts = [_start(part) for part in block]
        i = bisect_right(starts, first) - 1
        if i < 0 and found:
            break
        j = max(bisect_right(starts, last), i + 1)
        i = max(i, 0)
        start = min(starts[i], first) if block else first
        while i > 0 and block[i - 1].end_lineno >= start:  # they share a line
            i -= 1
            start = starts[i]
        while 0 < j < len(block) and starts[j] <= block[j - 1].end_lineno:
            j += 1
        if j < len(block):
            stop = starts[j] - 1
        elif not found:
            stop = end
        else:
            stop = block[j - 1].end_lineno
            if max(first, last) > stop:
                break
        found.append(_Level(holder, block, i, j, start, stop))
        holder = block[i] if j == i + 1 else None
        block = next((inner for inner in _blocks(holder) if _holds(inner, first, last)), [])
        if holder is None or not block or _start(block[0]) <= holder.lineno:
            break
    return found


def _parsed(level: _Level, old: Sequence[str], new: Sequence[str]) -> list[ast.stmt] | None:
    """The statements that take the place of those of a level; `None` if the text says that they may not."""
    text = "".join(new[level.start - 1 : level.end + len(new) - len(old)])
    if isinstance(level.holder, ast.Module):
        tree, _ = attempt("\n" * (level.start - 1) + text)
        return tree.body if tree is not None and _ends_alone(tree.body, new) else None
    tree, _ = attempt("\n" * (level.start - 2) + "class _:\n" + text) if level.start > 1 else (None, None)
    if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.ClassDef):
        return None
    found = tree.body[0].body
    before, now = level.block[level.first], found[0]
    indent = old[_start(before) - 1][: before.col_offset]
    alike = (
        now.col_offset == before.col_offset and new[_start(now) - 1][: now.col_offset] == indent and not indent.strip()
    )
    return found if alike and _ends_alone(found, new) else None


def _ends_alone(statements: list[ast.stmt], lines: Sequence[str]) -> bool:
    """Whether no semicolon stands behind the last statement, which would belong to the block around it."""
    if not statements:
        return True
    last = statements[-1]
    line = lines[(last.end_lineno or 1) - 1].encode(errors="replace")
    return not line[last.end_col_offset :].lstrip().startswith(b";")


def _replace(levels: Sequence[_Level], fresh: list[ast.stmt], shift: int) -> None:
    for depth in range(len(levels) - 1, -1, -1):
        level = levels[depth]
        innermost = depth == len(levels) - 1
        behind = level.last if innermost else level.first + 1
        if shift:
            for part in level.block[behind:]:
                _move(part, shift)
            blocks = [] if isinstance(level.holder, ast.Module) else _blocks(level.holder)
            while blocks and blocks.pop(0) is not level.block:
                pass
            for part in (part for block in blocks for part in block):
                _move(part, shift)
        if innermost:
            level.block[level.first : level.last] = fresh
        if not isinstance(level.holder, ast.Module):
            holder: Any = level.holder
            final = _blocks(holder)[-1][-1]
            holder.end_lineno, holder.end_col_offset = final.end_lineno, final.end_col_offset


def _blocks(node: ast.AST | None) -> list[list[Any]]:
    """The blocks of a compound statement that are not empty, in the order of the text."""
    found = (getattr(node, field, None) for field in _BLOCKS)
    return [block for block in found if block.__class__ is list and block and hasattr(block[0], "lineno")]


def _holds(block: list[Any], first: int, last: int) -> bool:
    return bool(_start(block[0]) <= first and max(first, last) <= block[-1].end_lineno)


def _start(node: Any) -> int:
    decorators = getattr(node, "decorator_list", None)
    return int(decorators[0].lineno if decorators else node.lineno)


def _move(top: ast.AST, lines: int) -> None:
    stack: list[Any] = [top]
    while stack:
        fields = stack.pop().__dict__
        if "lineno" in fields:
            fields["lineno"] += lines
            fields["end_lineno"] += lines
        for value in fields.values():
            if value.__class__ is list:
                stack.extend(item for item in value if isinstance(item, ast.AST))
            elif isinstance(value, ast.AST):
                stack.append(value)
