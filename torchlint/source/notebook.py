"""Notebooks as one program: the code cells in order, with magics and shell lines blanked, and positions mapped back."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from typing import NamedTuple

from torchlint.source.text import split

_MAGIC = re.compile(r"^\s*(%|!|\?)|^\s*[\w.\[\]]+\?{1,2}\s*$")
_ASSIGNED = re.compile(r"^(\s*[\w., ]+=\s*)[%!].*")


class Program(NamedTuple):
    """The text of all code cells, and for each cell the line (from 1) that it starts at."""

    text: str
    starts: tuple[int, ...]

    def cell(self, line: int) -> tuple[int, int]:
        """The cell that holds a line of the program, and the line (from 1) inside that cell."""
        index = max(bisect.bisect_right(self.starts, line) - 1, 0)
        return index, line - self.starts[index] + 1

    def line(self, cell: int, line: int) -> int:
        """The line of the program that is `line` (from 1) of a cell."""
        return self.starts[cell] + line - 1


def program(cells: Sequence[str]) -> Program:
    """Join the sources of code cells; every line of a cell stays one line of the program."""
    parts: list[str] = []
    starts: list[int] = []
    line = 1
    for source in cells:
        starts.append(line)
        text = blanked(source)
        if not text.endswith("\n"):
            text += "\n"
        parts.append(text)
        line += len(split(text))
    return Program("".join(parts), tuple(starts))


def blanked(source: str) -> str:
    """A cell's source with everything that only IPython understands replaced by `pass` or `None`."""
    lines = split(source)
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("%%"):
        return "".join(_end(line) for line in lines)
    result: list[str] = []
    continued = False
    for line in lines:
        magic = continued or _MAGIC.match(line) is not None
        assigned = _ASSIGNED.match(line)
        if magic:
            indent = line[: len(line) - len(line.lstrip())]
            result.append(f"{indent}pass{_end(line)}" if not continued else _end(line))
            continued = line.rstrip("\r\n").endswith("\\")
        elif assigned is not None:
            result.append(f"{assigned[1]}None{_end(line)}")
        else:
            result.append(line)
    return "".join(result)


def _end(line: str) -> str:
    return line[len(line.rstrip("\r\n")) :]
