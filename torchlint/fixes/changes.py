"""Changes to a text by offset, and the edits that surfaces apply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from torchlint.findings import Span
from torchlint.fixes import TextEdit
from torchlint.source.text import Lines


class Change(NamedTuple):
    """New text for `text[start:end]`, offsets in code points."""

    start: int
    end: int
    text: str


def applied(text: str, edits: Iterable[TextEdit]) -> str:
    """The text after the edits; `ValueError` if two overlap."""
    lines = Lines(text)
    offsets = _starts(lines)
    changes = [Change(*_range(lines, offsets, edit.span), edit.text) for edit in edits]
    return changed(text, changes)


def changed(text: str, changes: Iterable[Change]) -> str:
    """The text after the changes, which may come in any order; `ValueError` if two overlap."""
    parts: list[str] = []
    position = 0
    for start, end, new in sorted(changes, key=lambda change: change[:2]):
        if start < position:
            raise ValueError("edits overlap")
        parts += [text[position:start], new]
        position = end
    return "".join([*parts, text[position:]])


def overlapping(changes: Sequence[Change]) -> bool:
    """Whether two of the changes, sorted by offset, touch the same text."""
    return any(later.start < earlier.end for earlier, later in pairwise(changes))


def joined(candidates: Sequence[Sequence[TextEdit] | None]) -> tuple[list[TextEdit], list[int]]:
    """The edits that can be made together, and the indices of the candidates that they come from."""
    chosen: list[TextEdit] = []
    indices: list[int] = []
    for index, candidate in enumerate(candidates):
        if not candidate:
            continue
        new = [edit for edit in candidate if edit not in chosen]
        if not any(_touch(edit.span, other.span) for edit in new for other in chosen):
            chosen.extend(new)
            indices.append(index)
    return sorted(chosen, key=lambda edit: edit.span), indices


def trimmed(start: int, old: str, new: str) -> list[Change]:
    """The smallest single change that turns `old`, which stands at `start`, into `new`; names are not split."""
    if old == new:
        return []
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    while head and (_splits(old, head) or _splits(new, head)):
        head -= 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    while tail and (_splits(old, len(old) - tail) or _splits(new, len(new) - tail)):
        tail -= 1
    return [Change(start + head, start + len(old) - tail, new[head : len(new) - tail])]


def _splits(text: str, index: int) -> bool:
    if index >= len(text) or index == 0:
        return False
    before, after = text[index - 1], text[index]
    return before == "\r" or ((before.isalnum() or before == "_") and (after.isalnum() or after == "_"))


def _starts(lines: Lines) -> list[int]:
    starts = [0]
    for line in lines.lines:
        starts.append(starts[-1] + len(line))
    return starts


def _range(lines: Lines, starts: Sequence[int], span: Span) -> tuple[int, int]:
    last = len(starts) - 1
    start = starts[min(span.line - 1, last)] + lines.code_points(span.line, span.column)
    end = starts[min(span.end_line - 1, last)] + lines.code_points(span.end_line, span.end_column)
    return start, end


def _touch(one: Span, other: Span) -> bool:
    one_start, one_end = (one.line, one.column), (one.end_line, one.end_column)
    other_start, other_end = (other.line, other.column), (other.end_line, other.end_column)
    if one_start == other_start:
        return True
    return one_start < other_end and other_start < one_end
