"""The one repair that concerns no code: a dead suppression comment, or a dead name in one, is taken out."""

from __future__ import annotations

import re

from torchlint.findings import Fix, Span
from torchlint.fixes import TextEdit
from torchlint.source.text import Lines

_COMMA_AFTER = re.compile(r"\s*,\s*")
_COMMA_BEFORE = re.compile(r"\s*,\s*$")


def uncommented(text: str, fix: Fix) -> list[TextEdit]:
    """The edits of a fix whose verbs are all `uncomment`; each span is a directive (it begins with `#`) or a name."""
    lines = Lines(text)
    return [_edit(lines, verb.span) for verb in fix.verbs if verb.span is not None]


def _edit(lines: Lines, span: Span) -> TextEdit:
    number = span.line
    whole = lines.line(number)
    line = whole.rstrip("\r\n")
    start, end = _range(line, lines.code_points(number, span.column), lines.code_points(number, span.end_column))
    if not (line[:start] + line[end:]).strip():
        if whole != line:
            return TextEdit(Span(number, 0, number + 1, 0), "")
        return TextEdit(Span(number, 0, number, len(line.encode())), "")
    return TextEdit(Span(number, len(line[:start].encode()), number, len(line[:end].encode())), "")


def _range(line: str, start: int, end: int) -> tuple[int, int]:
    if line[start : start + 1] == "#":
        rest = line[end:]
        if rest.strip():  # another directive follows
            return start, len(line) - len(rest.lstrip())
        return len(line[:start].rstrip()), len(line)
    after = _COMMA_AFTER.match(line, end)
    if after:
        return start, after.end()
    before = _COMMA_BEFORE.search(line[:start])
    return (before.start() if before else start), end
