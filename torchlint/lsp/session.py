"""What the server knows: open texts, settings of the client, and the last result for each document."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from torchlint.baseline import known_before
from torchlint.comments import Room
from torchlint.discovery import NOTEBOOK, Decoded, NotText, decode
from torchlint.engine import NOTHING, Outcome, mentions_torch
from torchlint.findings import Finding, Severity
from torchlint.lsp.keeping import with_kept
from torchlint.lsp.options import Scoped, within
from torchlint.rule import Rule
from torchlint.selection import build
from torchlint.settings import Settings, SettingsError, matches
from torchlint.source.incremental import Parser
from torchlint.source.notebook import Notebook, Program, program
from torchlint.source.text import Lines
from torchlint.workspace import Overrides, Workspace

_VIRTUAL = "/.virtual_documents/"
_INSTALLED = ("site-packages", "dist-packages")


class Problem(NamedTuple):
    """Something that keeps a check from being made as it was asked for: one line for people, and the place of its
    cause, a configuration file and a line from 1, where there is one."""

    message: str
    file: str | None = None
    line: int = 1


class Result(NamedTuple):
    """The findings in one text, with the text that they belong to."""

    path: str
    lines: Lines
    outcome: Outcome
    problems: tuple[Problem, ...] = ()
    cells: Program | None = None
    known: frozenset[Finding] = frozenset()  # those that the baseline has


class Session:
    """Checks texts and remembers what other files the results rest on. For one thread at a time.

    Args:
        folders: the folders of the client, as absolute paths with forward slashes.
        options: the settings of the client.
    """

    def __init__(self, folders: Sequence[str] = (), options: Scoped = Scoped()) -> None:  # noqa: B008
        self.folders = list(folders)
        self.options = options
        self.unsaved: dict[str, bytes] = {}
        self._used: dict[str, frozenset[str]] = {}
        self._last: dict[str, Result] = {}
        self._parsers: dict[str, Parser] = {}
        self._workspaces: dict[Overrides, Workspace] = {}
        self._severities: dict[tuple[tuple[str, Severity], ...], Mapping[str, Severity]] = {}

    def reset(self, folders: Sequence[str] | None = None, options: Scoped | None = None) -> None:
        """Read configuration and project files anew, with other folders and options if given."""
        if folders is not None:
            self.folders = list(folders)
        if options is not None:
            self.options = options
        for workspace in self._workspaces.values():
            workspace.forget("")
        self._workspaces.clear()
        self._severities.clear()
        self._last.clear()

    def put(self, path: str, text: str) -> None:
        """Let a text stand for a file."""
        data = text.encode(errors="replace")
        if self.unsaved.get(path) != data:
            self.unsaved[path] = data
            self.changed(path)

    def drop(self, path: str) -> None:
        """Let the file on disk count again."""
        self._last.pop(path, None)
        self._parsers.pop(path, None)
        if self.unsaved.pop(path, None) is not None:
            self.changed(path)

    def changed(self, path: str) -> None:
        """Take notice of a file that changed on disk."""
        for workspace in self._workspaces.values():
            workspace.changed(path)

    def rest(self) -> None:
        """Free what the last checks have left."""
        for workspace in self._workspaces.values():
            workspace.rest()

    def minds(self, path: str) -> bool:
        """Whether a change of a file on disk can matter: not where an open text stands for it, or it is installed."""
        return path not in self.unsaved and not self._installed(path)

    def dependents(self, path: str) -> list[str]:
        """The checked files whose last result rests on the file."""
        return [other for other, used in list(self._used.items()) if path in used and other != path]

    def check(self, path: str, text: str) -> Result:
        """The findings in a text that stands for the file at `path`."""
        self.put(path, text)
        return self._check(path, text, None)

    def check_cells(self, path: str, cells: Sequence[str]) -> Result:
        """The findings in a notebook, as one program."""
        joined = program(cells)
        return self._check(path, joined.text, joined)

    def _check(self, path: str, text: str, cells: Program | None) -> Result:
        lines = Lines(text)
        options = self.options.of(path)
        if not options.enable or not mentions_torch(text.encode(errors="replace")):
            return self._result(Result(path, lines, NOTHING, cells=cells))
        workspace = self._workspace(path)
        workspace.problems.clear()
        try:
            if self._excluded(path, workspace.settings(os.path.dirname(path))):
                return self._result(Result(path, lines, NOTHING, cells=cells))
            notebook = Notebook("", (), text) if path.endswith(NOTEBOOK) else None
            parser = self._parsers.setdefault(path, Parser())
            outcome = workspace.check_text(path, Decoded(text, "utf-8", b"", notebook), parser.parse)
        except SettingsError as wrong:
            return self._result(Result(path, lines, NOTHING, (problem_of(wrong),), cells))
        problems = [Problem(line) for line in dict.fromkeys(workspace.problems)]
        outcome = self._judged(path, outcome, problems)
        before = self._last.get(path)
        if before is not None and outcome.unread:
            outcome = with_kept(outcome, lines, before.outcome, before.lines)
        known = self._known(path, text, outcome, workspace, problems)
        return self._result(Result(path, lines, outcome, tuple(problems), cells, known))

    def _judged(self, path: str, outcome: Outcome, problems: list[Problem]) -> Outcome:
        """The outcome with the severities that the client wants; what it wants of no rule is one more problem."""
        wanted = self.options.of(path).severity
        if not wanted or not outcome.findings:
            return outcome
        known = self._severities.get(wanted)
        if known is None:
            workspace = self._workspace(path)
            rules = workspace.rules(workspace.settings(os.path.dirname(path)))
            try:
                known = build(Settings(root="", severity=dict(wanted)), rules).severities
            except SettingsError as wrong:
                problems.append(Problem(f"settings of the editor: {wrong.message}"))
                return outcome
            self._severities[wanted] = known
        return outcome._replace(
            findings=tuple(f._replace(severity=known.get(f.code, f.severity)) for f in outcome.findings)
        )

    def _known(
        self, path: str, text: str, outcome: Outcome, workspace: Workspace, problems: list[Problem]
    ) -> frozenset[Finding]:
        """The findings that the baseline has; a baseline that cannot be read is one more problem."""
        if workspace.overrides.isolated:
            return frozenset()

        def now(path: str) -> str | None:
            data = workspace.content(path)
            try:
                return None if data is None else decode(data, path).text
            except NotText:
                return ""

        try:
            settings = workspace.settings(os.path.dirname(path))
            return known_before(path, text, outcome.findings, settings, now)
        except SettingsError as wrong:
            problems.append(problem_of(wrong))
            return frozenset()

    def _result(self, result: Result) -> Result:
        self._last[result.path] = result
        self._used[result.path] = result.outcome.used
        return result

    def _workspace(self, path: str) -> Workspace:
        overrides = self.options.of(path).overrides
        workspace = self._workspaces.get(overrides)
        if workspace is None:
            workspace = self._workspaces[overrides] = Workspace(overrides, self.folders, self.unsaved)
        return workspace

    def _excluded(self, path: str, settings: Settings) -> bool:
        """Whether a search for files would skip the file; what is installed is nobody's to mend."""
        if self._installed(path):
            return True
        root = settings.root if settings.file else next((f for f in self.folders if within(path, f)), None)
        return root is not None and matches(path, root, (*settings.exclude, *settings.extend_exclude))

    def _installed(self, path: str) -> bool:
        """Whether a package manager has put a file there, and nobody has opened its folder."""
        return any(f"/{name}/" in path and not any(name in f for f in self.folders) for name in _INSTALLED)

    def rests_on(self, path: str, outcome: Outcome) -> None:
        """Remember what the findings in a file rest on that were worked out elsewhere."""
        self._used[path] = outcome.used

    def take_over(self, path: str, outcome: Outcome) -> Result | None:
        """The result for a file on disk whose outcome was worked out elsewhere; `None` if the file is gone."""
        workspace = self._workspace(path)
        data = workspace.content(path)
        try:
            text = decode(data, path).text if data is not None else None
        except NotText:
            text = None
        if text is None:
            return None
        outcome = self._judged(path, outcome, [])
        return Result(path, Lines(text), outcome, known=self._known(path, text, outcome, workspace, []))

    def whole(self) -> Iterator[tuple[Overrides, list[str]]]:
        """The folders whose settings ask for all of their files, by what holds for them."""
        wanted: dict[Overrides, list[str]] = {}
        for folder in self.folders:
            options = self.options.of(folder)
            if options.enable and options.diagnostic_mode == "workspace":
                wanted.setdefault(options.overrides, []).append(folder)
        yield from wanted.items()

    def rules(self, path: str | None = None) -> dict[str, Rule]:
        """All rules by code and by name; those that hold for a file, or for the first folder."""
        from torchlint import hygiene, packs

        place = path or (self.folders[0] if self.folders else os.getcwd())
        workspace = self._workspace(place)
        try:
            rules = workspace.rules(workspace.settings(place if os.path.isdir(place) else os.path.dirname(place)))
        except SettingsError:
            rules = packs.load()
        found = {rule.code: rule for rule in (*rules, *hygiene.RULES)}
        former = {name: rule for rule in found.values() for name in rule.formerly}
        return {**former, **found, **{rule.name: rule for rule in found.values()}}

    def text(self, path: str) -> str:
        """The text of another file, for the positions of related places."""
        unsaved = self.unsaved.get(path)
        return unsaved.decode() if unsaved is not None else self._workspace(path).text(path)


def problem_of(wrong: SettingsError) -> Problem:
    """What a person is told of a mistake in the configuration."""
    file, _, line = wrong.where.rpartition(":")
    if not line.isdigit():
        file, line = wrong.where, "1"
    path = os.path.abspath(file) if file else ""
    if path and os.path.isfile(path):
        return Problem(f"{wrong}", path.replace(os.sep, "/"), int(line))
    return Problem(f"settings of the editor: {wrong.message}" if wrong.where.startswith("--") else str(wrong))


def on_disk(path: str) -> str:
    """The path that a document stands for; jupyterlab-lsp puts its joined notebooks into a directory of its own."""
    if path.endswith(_VIRTUAL.rstrip("/")):
        return path[: -len(_VIRTUAL) + 1]
    return path.replace(_VIRTUAL, "/", 1)


_IGNORE = re.compile(r"#\s*torchlint:\s*ignore\[([^\]]*)\]")


class LineEdit(NamedTuple):
    """Text to put in at a place: line from 1, column in UTF-8 bytes. `reason` is the part that a person should write;
    empty if the comment has its reason already."""

    line: int
    column: int
    text: str
    reason: str = ""


def ignore_edit(lines: Lines, finding: Finding, reason: str) -> LineEdit:
    """The edit that suppresses a finding, at the end of its line or of the next one of its statement that has room."""
    room = Room(lines.text)
    number = room.place(finding.place.span.line) or finding.place.span.line
    line = lines.line(number).rstrip("\r\n")
    known = _IGNORE.search(line, room.comment(number))
    if known is not None:
        column = len(line[: known.end(1)].encode(errors="replace"))
        return LineEdit(number, column, f", {finding.name}" if known[1].strip() else finding.name)
    comment = f"  # torchlint: ignore[{finding.name}] {reason}"
    return LineEdit(number, len(line.encode(errors="replace")), comment, reason)


def ignore_file_edit(lines: Lines, finding: Finding, reason: str, cells: Program | None) -> LineEdit:
    """The edit that suppresses a rule in the whole file: a comment at its start, after a first line for the system; in
    a notebook, at the start of the finding's cell."""
    number = 1
    if cells is not None:
        number = finding.place.span.line - cells.cell(finding.place.span.line)[1] + 1
    while lines.line(number).startswith("#!") or re.match(r"#.*coding[:=]", lines.line(number)):
        number += 1
    return LineEdit(number, 0, f"# torchlint: file-ignore[{finding.name}] {reason}\n", reason)
