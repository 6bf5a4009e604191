"""How findings are shown: one small module per format, all with `render(results, stream, style)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Protocol, TextIO

from torchlint.findings import Finding, Fix, Safety, Severity
from torchlint.rule import Rule
from torchlint.source.text import Lines

FORMATS = {
    "full": "torchlint.report.full",
    "concise": "torchlint.report.concise",
    "json": "torchlint.report.json",
    "json-lines": "torchlint.report.json_lines",
    "github": "torchlint.report.github",
}
FOR_PEOPLE = ("full", "concise")


class Style:
    """Colours and width of the place that a report is written to; `width` is `None` where lines need not fit."""

    def __init__(self, colour: bool = False, width: int | None = None) -> None:
        self.colour = colour
        self.width = width

    def paint(self, text: str, *codes: int) -> str:
        """The text in the given ANSI codes, where colours are on."""
        if not self.colour or not text:
            return text
        return f"\033[{';'.join(map(str, codes))}m{text}\033[0m"

    def severity(self, text: str, severity: Severity | None) -> str:
        """The text in the colour of a severity."""
        return self.paint(text, 1, _COLOURS[severity or Severity.WARNING])

    def dim(self, text: str) -> str:
        """The text in a quiet colour."""
        return self.paint(text, 2)

    def bold(self, text: str) -> str:
        """The text in bold."""
        return self.paint(text, 1)


_COLOURS = {Severity.ERROR: 31, Severity.WARNING: 33, Severity.INFO: 34}


class Results:
    """Findings to be shown, with what a format may want to know about them.

    Args:
        findings: sorted by file and place, with their final severities.
        known: rules by code.
        text_of: the text of a file (empty if there is none), asked once per file.
        cap: the number of findings shown per rule in `full`; `None` for all.
        directory: what shown paths are relative to.
    """

    def __init__(
        self,
        findings: list[Finding],
        known: Mapping[str, Rule],
        text_of: Callable[[str], str],
        cap: int | None = None,
        directory: str | None = None,
    ) -> None:
        self.findings = findings
        self.known = known
        self.cap = cap
        self.directory = directory or os.getcwd()
        self._text_of = text_of
        self._lines: dict[str, Lines] = {}

    def lines(self, path: str) -> Lines:
        """The lines of a file."""
        found = self._lines.get(path)
        if found is None:
            if len(self._lines) > 50:
                self._lines.clear()
            found = self._lines[path] = Lines(self._text_of(path))
        return found

    def shown(self, path: str) -> str:
        """A path as people write it: relative where it is inside the directory."""
        inside = self.directory.rstrip(os.sep) + os.sep
        return path[len(inside) :] if path.startswith(inside) else path

    def position(self, path: str, line: int, column: int) -> tuple[int, int]:
        """Line and column from 1, the column in code points."""
        return line, self.lines(path).code_points(line, column) + 1


class Render(Protocol):
    """What every format module has."""

    def __call__(self, results: Results, stream: TextIO, style: Style) -> None:
        """Write the findings."""


def renderer(name: str) -> Render:
    """The renderer of a format of `FORMATS`; its module is imported when it is first needed."""
    render: Render = import_module(FORMATS[name]).render
    return render


def mark(fix: Fix | None) -> str:
    """`[*] ` for findings that `--fix` repairs."""
    return "[*] " if fix is not None and fix.safety is Safety.SAFE and fix.verbs else ""
