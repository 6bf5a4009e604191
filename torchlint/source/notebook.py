"""Notebooks as one program: the code cells in order, with what only IPython understands set aside.

`program` joins cells for whoever has their texts (an editor), `read` takes the bytes of an `.ipynb` file. Both mark the
start of each cell and each line that was set aside, so that positions, edits and changed programs lead back to the
cells, whatever happened between the marks. Writing back replaces the sources of changed cells and no other byte.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from torchlint.source.text import split

_ASIDE = "#\ue07a"  # in front of what was set aside; a private character that no source contains
_CELL = "#\ue07b"  # above each cell: its number, the line of the file that its source starts on, lines per line
_MAGIC = re.compile(r"^\s*(%|!|\?)|^\s*[\w.\[\]]+\?{1,2}\s*$")
_ASSIGNED = re.compile(r"^(\s*[\w., ]+=\s*)([%!].*)")
_CELL_MAGIC = re.compile(r"%%(\w+)")
_OF_PYTHON = frozenset({"capture", "debug", "memit", "prun", "pypy", "python", "python3", "time", "timeit"})
_SET_ASIDE = re.compile(rf"(?:(?:pass|None)  )?{_ASIDE}(.*)")
_MARKED = re.compile(rf"^{_CELL}(\d+) (\d+) (\d)$", re.MULTILINE)

_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_PART = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\]}]+")
_SPACE = re.compile(r"[ \t\r\n]*")


class Program(NamedTuple):
    """The text of all code cells; for each cell its first and its last line (from 1), and whether the last line has a
    line end in the cell too."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    ended: tuple[bool, ...]

    def cell(self, line: int) -> tuple[int, int]:
        """The cell that holds a line of the program, and the line (from 1) inside that cell.

        The mark above a cell is the line behind the last of the cell before; the empty line below the mark is the start
        of its own.
        """
        index = max(bisect.bisect_right(self.starts, line + 1) - 1, 0)
        return index, max(line - self.starts[index] + 1, 1)


def program(cells: Sequence[str]) -> Program:
    """Join the sources of code cells; every line of a cell stays one line of the program."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    line = 0
    for number, source in enumerate(cells, 1):
        part = _part(number, 0, 0, source)
        parts.append(part)
        starts.append(line + 3)
        line += len(split(part))
        ends.append(line)
    return Program("".join(parts), tuple(starts), tuple(ends), tuple(source.endswith("\n") for source in cells))


def _part(number: int, line: int, step: int, source: str) -> str:
    """A cell as a part of a program: its mark, an empty line that keeps comments apart, and its source as Python."""
    body = blanked(source)
    return f"{_CELL}{number} {line} {step}\n\n{body}" + ("" if body.endswith("\n") else "\n")


def blanked(source: str) -> str:
    """A cell's source with everything that only IPython understands turned into comments, `pass` or `None`."""
    lines = split(source)
    number = next((number for number, line in enumerate(lines) if line.strip()), 0)
    first = lines[number].lstrip() if lines else ""
    magic = _CELL_MAGIC.match(first)
    if magic is not None and magic[1] not in _OF_PYTHON:
        return "".join(_ASIDE + line for line in lines)
    result: list[str] = []
    continued = False
    for line in lines:
        assigned = _ASSIGNED.match(line)
        body = line.rstrip("\r\n")
        if continued:
            result.append(_ASIDE + line)
            continued = body.endswith("\\")
        elif magic is not None and len(result) == number:
            result.append(_ASIDE + line)
        elif _MAGIC.match(line) is not None:
            indent = line[: len(line) - len(line.lstrip())]
            result.append(f"{indent}pass  {_ASIDE}{line[len(indent) :]}")
            continued = body.endswith("\\")
        elif assigned is not None:
            result.append(f"{assigned[1]}None  {_ASIDE}{line[len(assigned[1]) :]}")
        else:
            result.append(line)
    return "".join(result)


def as_written(line: str) -> str:
    """A line of a program with what was set aside back in its place."""
    return _SET_ASIDE.sub(lambda found: found[1], line) if _ASIDE in line else line


class Cell(NamedTuple):
    """Where a line of a program stands in its file.

    `number` counts all cells from 1, as they are shown; `first` and `last` are the lines of the program that belong to
    the cell; `line` is the line of the file where the cell's source starts, and `step` the number of lines that each
    line of the source takes there (0: the source is one string).
    """

    number: int
    first: int
    last: int
    line: int
    step: int

    def in_file(self, line: int) -> int:
        """The line of the file that holds a line of the program."""
        return self.line + self.step * (line - self.first)


def cells_of(text: str) -> list[Cell]:
    """The cells of a program that `read` has made; none for any other text."""
    if _CELL not in text:
        return []
    lines = split(text)
    marks = [(number, found) for number, line in enumerate(lines, 1) if (found := _MARKED.match(line.rstrip("\n")))]
    ends = [*(number - 1 for number, _ in marks[1:]), len(lines)]
    return [
        Cell(int(found[1]), number + 2, max(end, number + 2), int(found[2]), int(found[3]))
        for (number, found), end in zip(marks, ends, strict=True)
    ]


def cell_at(cells: Sequence[Cell], line: int) -> Cell | None:
    """The cell that holds a line of the program."""
    return next((cell for cell in reversed(cells) if cell.first <= line), cells[0] if cells else None)


class NotNotebook(Exception):
    """Bytes that are no notebook: what is wrong, and on which line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class _Source(NamedTuple):
    """The source of a code cell: its number from 1, where its JSON stands in the file, and its text."""

    number: int
    start: int
    end: int
    text: str


class Notebook(NamedTuple):
    """A notebook file: its JSON as text, the sources of its code cells, and the program that they make."""

    json: str
    sources: tuple[_Source, ...]
    text: str

    def changed(self, text: str) -> str:
        """The JSON after its program has become `text`; only the sources of cells that differ are written anew.

        Raises:
            ValueError: if the marks of the cells are gone, or what was set aside has changed.
        """
        pieces = _MARKED.split("\n" + text)
        numbers = [int(number) for number in pieces[1::4]]
        bodies = pieces[4::4]
        if pieces[0].strip() or numbers != [source.number for source in self.sources]:
            raise ValueError("the cells of the notebook cannot be told apart any more")
        out: list[str] = []
        at = 0
        for source, body in zip(self.sources, bodies, strict=True):
            new = _restored(body, source.text)
            if new != source.text:
                if _aside(new) != _aside(source.text):
                    raise ValueError(f"cell {source.number} holds code for IPython that the change would touch")
                out += [self.json[at : source.start], _rewritten(self, source, new)]
                at = source.end
        return "".join((*out, self.json[at:]))


def read(data: bytes) -> Notebook:
    """The program of an `.ipynb` file of version 4; empty if its language is not Python.

    Raises:
        NotNotebook: if the bytes are not the JSON of a notebook.
    """
    import json

    try:
        text = data.decode()
        notebook = json.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise NotNotebook(f"the notebook is not valid UTF-8 (byte {data[error.start]:#04x})", line) from None
    except json.JSONDecodeError as error:
        raise NotNotebook(f"the notebook is not valid JSON: {error.msg}", error.lineno) from None
    except RecursionError:
        raise NotNotebook("the notebook is nested too deeply", 1) from None
    if not isinstance(notebook, dict):
        raise NotNotebook("the file is not a notebook: its JSON is no object", 1)
    cells = notebook.get("cells")
    if not isinstance(cells, list) or not _is_python(notebook.get("metadata")):
        return Notebook(text, (), "")
    sources = tuple(_code(text, cells))
    return Notebook(text, sources, "".join(_marked(text, sources)))


def _is_python(metadata: Any) -> bool:
    """Whether the kernel speaks Python; a notebook that does not say does."""
    said = metadata if isinstance(metadata, dict) else {}
    for key, field in (("language_info", "name"), ("kernelspec", "language")):
        entry = said.get(key)
        language = entry.get(field) if isinstance(entry, dict) else None
        if isinstance(language, str) and language:
            return language.lower() in ("python", "ipython")
    return True


def _code(text: str, cells: list[Any]) -> Iterator[_Source]:
    ranges = list(_source_ranges(text))
    if len(ranges) != len(cells):
        return
    for number, (cell, place) in enumerate(zip(cells, ranges, strict=True), 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code" or place is None:
            continue
        source = cell.get("source")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if isinstance(source, str) and _ASIDE[1] not in source and _CELL[1] not in source and "\0" not in source:
            yield _Source(number, *place, source)


def _marked(text: str, sources: Sequence[_Source]) -> Iterator[str]:
    line, at = 1, 0
    for source in sources:
        first, step = source.start, 0
        if text[source.start] == "[":
            first = _SPACE.match(text, source.start + 1).end()  # type: ignore[union-attr]
            raw = text[first : source.end]
            step = 1 if raw.count("\n") >= source.text.count("\n") else 0
        line += text.count("\n", at, first)
        at = first
        yield _part(source.number, line, step, source.text)


def _restored(body: str, before: str) -> str:
    """The source of a cell from its part of a program: without the lines around it, with what was set aside."""
    for _ in range(2):  # the end of the mark's line, and the empty line below it
        body = body.removeprefix("\n")
    if not before.endswith("\n"):
        body = body.removesuffix("\n")
    return "".join(as_written(line) for line in split(body))


def _aside(source: str) -> list[str]:
    """What is set aside in a source, in order."""
    return [found[1].strip() for line in split(blanked(source)) if (found := _SET_ASIDE.search(line))]


# the JSON


def _source_ranges(text: str) -> Iterator[tuple[int, int] | None]:
    """Where the value of `source` stands, for each cell in turn."""
    places = None
    for key, start in _members(text, _space(text, 0)):
        if key == "cells":
            places = start
    if places is None or text[places] != "[":
        return
    for start in _items(text, places):
        found = None
        if text[start] == "{":
            for key, value in _members(text, start):
                if key == "source":
                    found = value, _end(text, value)
        yield found


def _members(text: str, start: int) -> Iterator[tuple[str, int]]:
    """The keys of an object and where their values start."""
    import json

    at = _space(text, start + 1)
    while text[at] != "}":
        key = _STRING.match(text, at)
        assert key is not None
        value = _space(text, _space(text, key.end()) + 1)
        yield json.loads(key[0]), value
        at = _space(text, _end(text, value))
        at = _space(text, at + 1) if text[at] == "," else at


def _items(text: str, start: int) -> Iterator[int]:
    """Where the items of an array start."""
    at = _space(text, start + 1)
    while text[at] != "]":
        yield at
        at = _space(text, _end(text, at))
        at = _space(text, at + 1) if text[at] == "," else at


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at


def _end(text: str, start: int) -> int:
    """Where a value of valid JSON ends."""
    if text[start] not in "[{":
        found = (_STRING if text[start] == '"' else _SCALAR).match(text, start)
        assert found is not None
        return found.end()
    depth = 0
    for part in _PART.finditer(text, start):
        if part[0] in ("[", "{"):
            depth += 1
        elif part[0] in ("]", "}"):
            depth -= 1
            if not depth:
                return part.end()
    raise AssertionError("valid JSON ends")


def _rewritten(notebook: Notebook, source: _Source, new: str) -> str:
    """The JSON of a cell's new source, in the style of the old one; lines that stay keep their bytes."""
    import json
    from difflib import SequenceMatcher

    raw = notebook.json[source.start : source.end]
    escaped = notebook.json.isascii() and re.search(r"\\u(?!00[01])[0-9a-fA-F]{4}", notebook.json) is not None
    if raw.startswith('"'):
        return json.dumps(new, ensure_ascii=escaped)
    old = [raw[start : _end(raw, start)] for start in _items(raw, 0)]
    before, after = [json.loads(item) for item in old], split(new)
    made: list[str] = []
    for kind, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        made += old[a:b] if kind == "equal" else [json.dumps(line, ensure_ascii=escaped) for line in after[c:d]]
    start, between, end = _style(raw) or next(
        (style for other in notebook.sources if (style := _style(notebook.json[other.start : other.end]))),
        ("", ", ", ""),
    )
    return f"[{start}{between.join(made)}{end}]"


def _style(raw: str) -> tuple[str, str, str] | None:
    """What stands before, between and behind the items of an array; `None` for one with less than two."""
    if not raw.startswith("["):
        return None
    starts = list(_items(raw, 0))
    if len(starts) < 2:
        return None
    return raw[1 : starts[0]], raw[_end(raw, starts[0]) : starts[1]], raw[_end(raw, starts[-1]) : -1]
