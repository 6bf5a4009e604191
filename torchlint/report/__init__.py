"""How findings are shown: one small module per format, all with `render(results, stream, style)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, Protocol, TextIO

from torchlint.findings import Finding, Fix, Safety, Severity
from torchlint.rule import Rule
from torchlint.source.text import Lines

if TYPE_CHECKING:
    from torchlint.fixes import TextEdit
    from torchlint.source.notebook import Cell

FORMATS = {
    "full": "torchlint.report.full",
    "concise": "torchlint.report.concise",
    "grouped": "torchlint.report.grouped",
    "json": "torchlint.report.json",
    "json-lines": "torchlint.report.json_lines",
    "sarif": "torchlint.report.sarif",
    "github": "torchlint.report.github",
    "gitlab": "torchlint.report.gitlab",
    "junit": "torchlint.report.junit",
    "rdjson": "torchlint.report.rdjson",
    "markdown": "torchlint.report.markdown",
    "agent": "torchlint.report.agent",
}
FOR_PEOPLE = ("full", "concise", "grouped")
"""Formats that a summary follows; the others are for programs."""
WITH_SUPPRESSED = ("json", "json-lines", "sarif")
"""Formats that can show suppressed findings too."""


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


class Suppressed(NamedTuple):
    """A finding that somebody took out: `by` is `comment` or `baseline`, `reason` what is said there, or empty."""

    finding: Finding
    by: str
    reason: str


class Results:
    """Findings to be shown, with what a format may want to know about them.

    Args:
        findings: sorted by file and place, with their final severities.
        known: rules by code.
        text_of: the text of a file (empty if there is none), asked once per file.
        cap: the number of findings shown per rule in `full`; `None` for all.
        directory: what paths are relative to where people read them; the working directory by default.
        suppressed: findings that somebody took out.
        with_suppressed: whether the formats of `WITH_SUPPRESSED` show them too, marked as such.
        selected: the rules that were on.
        problems: what could not be done, a line each.
    """

    def __init__(
        self,
        findings: Sequence[Finding],
        known: Mapping[str, Rule],
        text_of: Callable[[str], str],
        cap: int | None = None,
        directory: str | None = None,
        suppressed: Sequence[Suppressed] = (),
        with_suppressed: bool = False,
        selected: Sequence[Rule] = (),
        problems: Sequence[str] = (),
    ) -> None:
        self.findings = findings
        self.known = known
        self.cap = cap
        self.directory = directory or os.getcwd()
        self.suppressed = {entry.finding: entry for entry in suppressed}
        self._with_suppressed = with_suppressed
        self.selected = selected
        self.problems = problems
        self._text_of = text_of
        self._lines: dict[str, Lines] = {}
        self._cells: dict[str, list[Cell]] = {}
        self._edits: dict[tuple[str, Fix], list[TextEdit] | None] = {}
        self._repository: str | None = None
        self._fingerprints: dict[Finding, str] | None = None

    @property
    def listed(self) -> Sequence[Finding]:
        """The findings that a format of `WITH_SUPPRESSED` lists."""
        return self._every() if self._with_suppressed else self.findings

    def _every(self) -> Sequence[Finding]:
        if not self.suppressed:
            return self.findings
        return sorted((*self.findings, *self.suppressed), key=lambda finding: (finding.place, finding.code))

    @property
    def repository(self) -> str:
        """What paths are relative to for a service that shows the repository: its top, else the directory."""
        if self._repository is None:
            self._repository = repository_of(self.directory) or self.directory
        return self._repository

    def fingerprint(self, finding: Finding) -> str:
        """The identity of a finding, the same in every format and in every run, whatever directory it starts in."""
        if self._fingerprints is None:
            from torchlint.fingerprint import Fingerprints

            made = Fingerprints(self.repository)
            self._fingerprints = {each: made.of(each, self.lines(each.place.path).text) for each in self._every()}
        return self._fingerprints[finding]

    def only(self, finding: Finding) -> Results:
        """The same with one finding."""
        from copy import copy

        same = copy(self)
        same.findings = [finding]
        return same

    def lines(self, path: str) -> Lines:
        """The lines of a file."""
        found = self._lines.get(path)
        if found is None:
            if len(self._lines) > 50:
                self._lines.clear()
            found = self._lines[path] = Lines(self._text_of(path))
        return found

    def edits(self, path: str, fix: Fix) -> Sequence[TextEdit] | None:
        """What a fix changes in its file: nothing if a person has to do it, `None` if it cannot be made here."""
        if not fix.verbs:
            return ()
        if (path, fix) not in self._edits:
            from torchlint.fixes import edits_of

            self._edits[path, fix] = edits_of(self.lines(path).text, fix)
        return self._edits[path, fix]

    def shown(self, path: str) -> str:
        """A path as people write it: relative where it is inside the directory."""
        return _below(self.directory, path) or path

    def in_repository(self, path: str) -> str:
        """A path as a service knows it: with forward slashes, relative where it is inside the repository."""
        return (_below(self.repository, path) or path).replace(os.sep, "/")

    def position(self, path: str, line: int, column: int) -> tuple[int, int]:
        """Line and column from 1, the column in code points; in a notebook the line counts in its cell."""
        cell = self.cell(path, line)
        return line - cell.first + 1 if cell else line, self.lines(path).code_points(line, column) + 1

    def place(self, path: str, line: int, column: int) -> str:
        """A place as people write it, behind the path: `12:5`, or `cell 3:12:5` in a notebook."""
        cell = self.cell(path, line)
        line, column = self.position(path, line, column)
        return f"cell {cell.number}:{line}:{column}" if cell else f"{line}:{column}"

    def cell(self, path: str, line: int) -> Cell | None:
        """The cell of a notebook that a line of its program belongs to."""
        if not path.endswith(".ipynb"):
            return None
        from torchlint.source.notebook import cell_at, cells_of

        if path not in self._cells:
            self._cells[path] = cells_of(self.lines(path).text)
        return cell_at(self._cells[path], line)


def _below(directory: str, path: str) -> str | None:
    inside = directory.rstrip(os.sep) + os.sep
    return path[len(inside) :] if path.startswith(inside) else None


def repository_of(directory: str) -> str | None:
    """The top of the repository that a directory lies in."""
    while not os.path.exists(os.path.join(directory, ".git")):
        parent = os.path.dirname(directory)
        if parent == directory:
            return None
        directory = parent
    return directory


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
