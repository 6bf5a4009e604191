"""Writing comments that suppress findings, where they leave the code as it is."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Sequence
from typing import NamedTuple

from torchlint.findings import Finding
from torchlint.source.broken import parse
from torchlint.source.text import split
from torchlint.suppress import DIRECTIVE, Extents


class Insertion(NamedTuple):
    """Text that is put in on a line (from 1) at a column in code points, in place of what stands up to `end`."""

    line: int
    column: int
    end: int
    text: str


class Room:
    """The lines of a text that can end in a comment: those that end outside of strings and without a backslash."""

    def __init__(self, text: str) -> None:
        self.lines = [line.rstrip("\r\n") for line in split(text)]
        self._extents = Extents(parse(text)[0])
        self._comments: dict[int, int] = {}
        self._free: set[int] = set()
        self._read()

    def _read(self) -> None:
        depth = 0  # of f-strings, which have tokens inside from Python 3.12 on
        starts, ends = getattr(tokenize, "FSTRING_START", None), getattr(tokenize, "FSTRING_END", None)
        text = "".join(line + "\n" for line in self.lines)
        try:
            for token in tokenize.generate_tokens(io.StringIO(text).readline):
                if token.type == starts:
                    depth += 1
                elif token.type == ends:
                    depth -= 1
                elif token.type == tokenize.COMMENT:
                    self._comments[token.start[0]] = token.start[1]
                elif token.type in (tokenize.NEWLINE, tokenize.NL) and not depth:
                    self._free.add(token.start[0])
        except (tokenize.TokenError, SyntaxError):
            return

    def covered(self, line: int) -> tuple[int, int]:
        """The first and the last line of the statement, or of the header of the block, on a line."""
        return self._extents.covered(line, alone=False)

    def place(self, line: int) -> int | None:
        """The line whose end takes a comment for a finding: its own, else the next one of the same statement."""
        first, last = self.covered(line)
        return next((row for row in (*range(line, last + 1), *range(first, line)) if row in self._free), None)

    def comment(self, row: int) -> int:
        """The column in code points at which the comment of a line begins; the line's end where there is none."""
        return self._comments.get(row, len(self.lines[row - 1]))

    def insertion(self, row: int, names: Sequence[str], reason: str) -> Insertion:
        """The comment for some rules at the end of a line; a directive there with the same reason takes them in."""
        line = self.lines[row - 1]
        begin = self.comment(row)
        for found in re.finditer(DIRECTIVE, line[begin:]):
            if found.group(1) == "ignore" and found.group(2) is not None and found.group(3).strip() == reason:
                known = [word for word in re.split(r"[\s,]+", found.group(2)) if word]
                inside = ", ".join(dict.fromkeys((*known, *names)))
                return Insertion(row, begin + found.start(2), begin + found.end(2), inside)
        end = len(line.rstrip())
        return Insertion(row, end, len(line), f"  # torchlint: ignore[{', '.join(names)}] {reason}")


def with_comments(text: str, findings: Sequence[Finding], reason: str) -> str:
    """A text with comments that suppress the findings, as far as there is room for them."""
    room = Room(text)
    wanted: dict[int, set[str]] = {}
    settled: set[tuple[int, int, str]] = set()
    for finding in findings:
        line = finding.place.span.line
        statement = (*room.covered(line), finding.name)
        row = room.place(line)
        if row is not None and statement not in settled:
            settled.add(statement)
            wanted.setdefault(row, set()).add(finding.name)
    lines = split(text)
    for row, names in wanted.items():
        body = room.lines[row - 1]
        _, start, end, put_in = room.insertion(row, sorted(names), reason)
        lines[row - 1] = body[:start] + put_in + body[end:] + lines[row - 1][len(body) :]
    return "".join(lines)
