"""Lines and columns of one text, in the units that different readers count in.

`ast` counts columns in UTF-8 bytes, people and ruff's JSON in code points, most editors in UTF-16 units.
"""

from __future__ import annotations

from torchlint.findings import Span


class Lines:
    """The lines of a text, split as Python's tokenizer splits them (`\\n`, `\\r\\n`, `\\r`; never form feeds)."""

    __slots__ = ("_ascii", "_lines", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines: list[str] | None = None
        self._ascii = text.isascii()

    @property
    def lines(self) -> list[str]:
        """The lines with their line ends; found out when they are first needed."""
        if self._lines is None:
            self._lines = split(self.text)
        return self._lines

    def line(self, number: int) -> str:
        """The line with its line end; empty beyond the last line. `number` counts from 1."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def code_points(self, number: int, column: int) -> int:
        """The column in code points of a column in UTF-8 bytes."""
        if self._ascii:
            return column
        return len(self._before(number, column))

    def utf16(self, number: int, column: int) -> int:
        """The column in UTF-16 units of a column in UTF-8 bytes."""
        if self._ascii:
            return column
        return len(self._before(number, column).encode("utf-16-le")) // 2

    def _before(self, number: int, column: int) -> str:
        """The part of a line before a column; a lone surrogate counts as one byte, as in the engine."""
        return self.line(number).encode(errors="replace")[:column].decode(errors="ignore")

    def offset(self, number: int, column: int) -> int:
        """The index into the text of a line and a column in UTF-8 bytes."""
        return sum(len(line) for line in self.lines[: number - 1]) + self.code_points(number, column)

    def place(self, index: int) -> tuple[int, int]:
        """The line and the column in UTF-8 bytes of an index into the text."""
        for number, line in enumerate(self.lines, 1):
            if index < len(line):
                return number, len(line[:index].encode(errors="replace"))
            index -= len(line)
        last = self.line(len(self.lines))
        if not last or last.endswith(("\n", "\r")):
            return len(self.lines) + 1, 0
        return len(self.lines), len(last.encode(errors="replace"))

    def slice(self, span: Span) -> str:
        """The text of a span."""
        if span.line == span.end_line:
            line = self.line(span.line)
            start, end = self.code_points(span.line, span.column), self.code_points(span.line, span.end_column)
            return line[start:end]
        first = self.line(span.line)[self.code_points(span.line, span.column) :]
        last = self.line(span.end_line)[: self.code_points(span.end_line, span.end_column)]
        return first + "".join(self.lines[span.line : span.end_line - 1]) + last


def split(text: str) -> list[str]:
    """The lines of a text with their line ends, as the tokenizer counts them."""
    if "\r" not in text:
        lines = text.split("\n")
        last = lines.pop()
        lines = [line + "\n" for line in lines]
        return [*lines, last] if last else lines
    parts: list[str] = []
    for piece in text.split("\n"):
        pieces = piece.split("\r")
        if len(pieces) == 1:
            parts.append(piece + "\n")
            continue
        body, ends_with_return = pieces[:-1], pieces[-1] == ""
        parts.extend(p + "\r" for p in (body[:-1] if ends_with_return else body))
        parts.append(body[-1] + "\r\n" if ends_with_return else pieces[-1] + "\n")
    if parts:
        tail = parts.pop()
        tail = tail[:-1] if tail.endswith("\n") else tail
        if tail:
            parts.append(tail)
    return parts
