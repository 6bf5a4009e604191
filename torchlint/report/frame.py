"""Code frames and diffs: lines of source with what is marked in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from torchlint.findings import Place, Span
from torchlint.report import Results, Style
from torchlint.source.notebook import as_written, cell_at, cells_of
from torchlint.source.text import Lines, split

if TYPE_CHECKING:
    from torchlint.fixes import TextEdit

CONTEXT = 2
_TAB = 4
_LONGEST = 240  # cells of a line that are shown at most
_MOST_LINES = 12  # lines of a marked range that are shown before the middle is left out
_UNPRINTABLE = dict.fromkeys((*range(32), *range(127, 160)), "\N{REPLACEMENT CHARACTER}")


def frame(results: Results, place: Place, style: Style, mark: str, paint: int, context: int = CONTEXT) -> Iterator[str]:
    """The lines around a place, with the place underlined by `mark`; columns account for tabs and wide characters."""
    lines, span = results.lines(place.path), place.span
    if not lines.lines:
        return
    cell = results.cell(place.path, span.line)
    top, bottom = (cell.first, cell.last) if cell else (1, len(lines.lines))
    end_line = max(span.end_line, span.line)
    first, last = max(top, span.line - context), min(bottom, end_line + context)
    while first < span.line and not lines.line(first).strip():
        first += 1
    while last > end_line and not lines.line(last).strip():
        last -= 1
    gutter = len(str(last - top + 1))
    many = span.end_line > span.line
    yield f"{' ' * gutter} {style.dim('|')}"
    for number in range(first, last + 1):
        if many and span.end_line - span.line >= _MOST_LINES and span.line + 4 < number < span.end_line - 2:
            if number == span.line + 5:
                yield f"{' ' * gutter} {style.dim('|')} {style.paint('|', paint)} ..."
            continue
        text = shown(as_written(lines.line(number)).rstrip("\r\n"))
        room = _LONGEST if style.width is None else max(40, style.width - gutter - 6)
        start, end = _marked(lines, span, number)
        shift = max(0, start - room // 2) if len(text) > room and start > room - 20 else 0
        inside = many and span.line <= number <= span.end_line
        bar = style.paint("/" if number == span.line else "|", paint) + " " if inside else "  " if many else ""
        body = "..." + text[shift + 3 :] if shift else text
        body = body if len(body) <= room else body[: room - 3] + "..."
        yield f"{style.dim(f'{number - top + 1:>{gutter}} |')} {bar}{body}".rstrip()
        if many and number == span.end_line:
            tail = "_" * max(1, min(end - shift, room)) + mark
            yield f"{' ' * gutter} {style.dim('|')} {style.paint('|' + tail, paint)}"
        elif not many and number == span.line:
            width = max(1, min(end, shift + room) - start)
            yield f"{' ' * gutter} {style.dim('|')} {' ' * (start - shift)}{style.paint(mark * width, paint)}"
    yield f"{' ' * gutter} {style.dim('|')}"


def _marked(lines: Lines, span: Span, number: int) -> tuple[int, int]:
    """The cells of a line that are marked."""
    text = lines.line(number).rstrip("\r\n")
    start = lines.code_points(number, span.column) if number == span.line else 0
    end = lines.code_points(number, span.end_column) if number == span.end_line else len(text)
    return cells(text[:start]), cells(text[:end])


def shown(text: str) -> str:
    """A line with tabs as spaces and control characters as a sign, so that it takes the cells that `cells` counts."""
    return text.replace("\t", " " * _TAB).translate(_UNPRINTABLE)


def cells(text: str) -> int:
    """The number of terminal cells that a line takes."""
    count = len(text) + (_TAB - 1) * text.count("\t")
    if text.isascii():
        return count
    from unicodedata import combining, east_asian_width

    return count + sum(1 if east_asian_width(c) in "WF" else -1 if combining(c) or c == "\u200d" else 0 for c in text)


def diff(lines: Lines, edits: Sequence[TextEdit], style: Style) -> Iterator[str]:
    """What edits change, as old and new lines with one line of context and the old numbers."""
    cells = cells_of(lines.text)
    rows = []
    for sign, number, line in _rows(lines, edits):
        cell = cell_at(cells, number)
        if cell is None or sign != " " or cell.first <= number <= cell.last:
            rows.append((sign, number - cell.first + 1 if cell else number, shown(as_written(line))))
    if not rows:
        return
    gutter = len(str(max(number for _, number, _ in rows)))
    yield f"{' ' * gutter} {style.dim('|')}"
    for sign, number, line in rows:
        if sign == " ":
            yield f"{style.dim(f'{number:>{gutter}} |')} {line}".rstrip()
        else:
            at = f"{number:>{gutter}}" if sign == "-" else " " * gutter
            yield style.paint(f"{at} {sign} {line}".rstrip(), 31 if sign == "-" else 32)
    yield f"{' ' * gutter} {style.dim('|')}"


def _rows(lines: Lines, edits: Sequence[TextEdit]) -> Iterator[tuple[str, int, str]]:
    """Old lines with their numbers and new ones, with one line of context: a sign, a number and the text of each."""
    from difflib import SequenceMatcher

    for first, last, new in replaced_lines(lines, edits):
        old = [line.rstrip("\r\n") for line in lines.lines[first - 1 : last]]
        if first > 1:
            yield " ", first - 1, lines.line(first - 1).rstrip("\r\n")
        for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            for number in range(a, b):
                yield " " if kind == "equal" else "-", first + number, old[number]
            if kind != "equal":
                for number in range(c, d):
                    yield "+", first + a, new[number]
        if last < len(lines.lines):
            yield " ", last + 1, lines.line(last + 1).rstrip("\r\n")


def replaced_lines(lines: Lines, edits: Sequence[TextEdit]) -> Iterator[tuple[int, int, list[str]]]:
    """The ranges of lines that edits touch, first and last, each with the lines that take its place."""
    for first, last, inside in _blocks(lines, edits):
        yield first, last, _replaced(lines, first, last, inside)


def _blocks(lines: Lines, edits: Sequence[TextEdit]) -> Iterator[tuple[int, int, list[TextEdit]]]:
    """Ranges of lines that edits touch; ranges that are less than three lines apart are one."""
    total = len(lines.lines)
    block: list[TextEdit] = []
    first = last = 0
    for edit in sorted(edits, key=lambda edit: edit.span):
        begin, end = edit.span.line, max(edit.span.end_line, edit.span.line)
        if edit.span.end_column == 0 and end > begin:
            end -= 1
        end = min(end, total)
        if block and begin <= last + 3:
            block.append(edit)
            last = max(last, end)
            continue
        if block:
            yield first, last, block
        block, first, last = [edit], begin, end
    if block:
        yield first, last, block


def _replaced(lines: Lines, first: int, last: int, edits: list[TextEdit]) -> list[str]:
    """The new lines in the place of the lines from `first` to `last`."""
    out: list[str] = []
    line, column = first, 0
    for edit in edits:
        out.append(_between(lines, line, column, edit.span.line, edit.span.column))
        out.append(edit.text)
        line, column = edit.span.end_line, edit.span.end_column
    out.append(_between(lines, line, column, last + 1, 0))
    return [piece.rstrip("\r\n") for piece in split("".join(out))]


def _between(lines: Lines, line: int, column: int, end_line: int, end_column: int) -> str:
    if (end_line, end_column) <= (line, column):
        return ""
    return lines.slice(Span(line, column, end_line, end_column))
