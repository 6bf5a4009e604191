"""What the server knows: open texts, settings of the client, and the last result for each document."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from torchlint.baseline import known_before
from torchlint.discovery import File, NotText, decode
from torchlint.engine import NOTHING, Outcome, mentions_torch
from torchlint.findings import Finding, Severity
from torchlint.rule import Rule
from torchlint.settings import SettingsError
from torchlint.source.notebook import Program, program
from torchlint.source.text import Lines
from torchlint.workspace import Overrides, Workspace

_VIRTUAL = f"{os.sep}.virtual_documents{os.sep}"


class Options(NamedTuple):
    """The client's settings, as far as the server needs them.

    `diagnostic_mode` is `openFilesOnly` or `workspace`; `show_ignore` and `show_fixes` switch code actions; `isolated`
    (a workspace that is not trusted) leaves its configuration and its rule packs, which are code, alone.
    """

    enable: bool = True
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    configuration: str | None = None
    diagnostic_mode: str = "openFilesOnly"
    severity: tuple[tuple[str, Severity], ...] = ()
    show_fixes: bool = True
    show_ignore: bool = True
    interpreter: tuple[str, ...] = ()
    isolated: bool = False

    @property
    def overrides(self) -> Overrides:
        """What these settings mean for a check."""
        return Overrides(
            isolated=self.isolated,
            config=self.configuration or None,
            select=self.select,
            extend_select=self.extend_select,
            ignore=self.ignore,
        )


def options_of(settings: Any) -> Options:
    """The options in a client's settings object; whatever has a wrong type is left at its default."""
    if not isinstance(settings, dict):
        return Options()

    def words(key: str) -> tuple[str, ...] | None:
        value = settings.get(key)
        return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else None

    def flag(key: str, section: str = "") -> bool:
        holder = settings.get(section) if section else settings
        value = holder.get(key) if isinstance(holder, dict) else None
        if isinstance(value, dict):
            value = value.get("enable")
        return value if isinstance(value, bool) else True

    configuration = settings.get("configuration")
    mode = settings.get("diagnosticMode")
    severities = settings.get("severity")
    known = {severity.value: severity for severity in Severity}
    return Options(
        enable=flag("enable"),
        select=words("select") or None,
        extend_select=words("extendSelect") or (),
        ignore=words("ignore") or (),
        configuration=os.path.expanduser(configuration) if isinstance(configuration, str) and configuration else None,
        diagnostic_mode="workspace" if mode == "workspace" else "openFilesOnly",
        severity=tuple(
            (name, known[value])
            for name, value in (severities.items() if isinstance(severities, dict) else ())
            if value in known
        ),
        show_fixes=flag("fixViolation", "codeAction"),
        show_ignore=flag("disableRuleComment", "codeAction"),
        interpreter=words("interpreter") or (),
        isolated=settings.get("isolated") is True,
    )


class Result(NamedTuple):
    """The findings in one text, with the text that they belong to."""

    path: str
    lines: Lines
    outcome: Outcome
    problem: str = ""
    cells: Program | None = None
    known: frozenset[Finding] = frozenset()  # those that the baseline has


class Session:
    """Checks texts and remembers what other files the results rest on. Not safe for several threads at once."""

    def __init__(self, folders: Sequence[str] = (), options: Options = Options()) -> None:  # noqa: B008
        self.folders = list(folders)
        self.options = options
        self.unsaved: dict[str, bytes] = {}
        self._used: dict[str, frozenset[str]] = {}
        self._workspace = self._fresh()

    def _fresh(self) -> Workspace:
        return Workspace(self.options.overrides, self.folders, self.unsaved)

    def reset(self, options: Options | None = None) -> None:
        """Read configuration and project files anew, with other options if given."""
        if options is not None:
            self.options = options
        self._workspace.forget("")
        self._workspace = self._fresh()

    def put(self, path: str, text: str) -> None:
        """Let a text stand for a file."""
        self.unsaved[path] = text.encode(errors="replace")
        self._workspace.changed(path)

    def drop(self, path: str) -> None:
        """Let the file on disk count again."""
        self.unsaved.pop(path, None)
        self._workspace.changed(path)

    def changed(self, path: str) -> None:
        """Take notice of a file that changed on disk."""
        self._workspace.changed(path)

    def dependents(self, path: str, among: Iterable[str]) -> list[str]:
        """Those of the paths whose last result rests on the file."""
        return [other for other in among if other != path and path in self._used.get(other, ())]

    def check(self, path: str, text: str) -> Result:
        """The findings in a text that stands for the file at `path`."""
        return self._check(on_disk(path), text, None)

    def check_cells(self, path: str, cells: Sequence[str]) -> Result:
        """The findings in a notebook, as one program."""
        joined = program(cells)
        return self._check(path, joined.text, joined)

    def _check(self, path: str, text: str, cells: Program | None) -> Result:
        lines = Lines(text)
        if not self.options.enable or not mentions_torch(text.encode(errors="replace")):
            return Result(path, lines, NOTHING, cells=cells)
        workspace = self._workspace
        workspace.problems.clear()
        try:
            decoded = decode(text.encode(errors="replace"))
            outcome = workspace.check_text(path, decoded)
        except SettingsError as wrong:
            return Result(path, lines, NOTHING, str(wrong), cells)
        except NotText as wrong:
            return Result(path, lines, NOTHING, wrong.message, cells)
        self._used[path] = outcome.used
        wanted = dict(self.options.severity)
        if wanted:
            findings = tuple(self._with_severity(f, wanted) for f in outcome.findings)
            outcome = outcome._replace(findings=findings)
        problems = list(workspace.problems)
        known = self._known(path, decoded.text, outcome, problems)
        return Result(path, Lines(decoded.text), outcome, "; ".join(problems), cells, known)

    def _known(self, path: str, text: str, outcome: Outcome, problems: list[str]) -> frozenset[Finding]:
        """The findings that the baseline has; a baseline that cannot be read is one more problem."""
        if self.options.isolated:
            return frozenset()
        settings = self._workspace.settings(os.path.dirname(path))
        try:
            return known_before(path, text, outcome.findings, settings, self._now)
        except SettingsError as wrong:
            problems.append(str(wrong))
            return frozenset()

    def _now(self, path: str) -> str | None:
        data = self._workspace.content(path)
        try:
            return None if data is None else decode(data).text
        except NotText:
            return ""

    @staticmethod
    def _with_severity(finding: Finding, wanted: dict[str, Severity]) -> Finding:
        severity = wanted.get(finding.name) or wanted.get(finding.code)
        return finding._replace(severity=severity) if severity is not None else finding

    def check_file(self, file: File) -> Result | None:
        """The findings in a file on disk; `None` if it has nothing to do with torch or cannot be read."""
        data = self._workspace.read(file.path)
        if data is None or not mentions_torch(data):
            return None
        try:
            return self.check(file.path, decode(data).text)
        except NotText:
            return None

    def files(self) -> list[File]:
        """All Python files of the folders."""
        return list(self._workspace.files()) if self.folders else []

    def rules(self) -> dict[str, Rule]:
        """All rules by code and by name."""
        workspace = self._workspace
        folder = self.folders[0] if self.folders else os.getcwd()
        try:
            rules = workspace.rules(workspace.settings(folder))
        except SettingsError:
            from torchlint import packs

            rules = packs.load()
        from torchlint import hygiene

        found = {rule.code: rule for rule in (*rules, *hygiene.RULES)}
        return {**found, **{rule.name: rule for rule in found.values()}}

    def text(self, path: str) -> str:
        """The text of another file, for the positions of related places."""
        return self._workspace.text(path)


def on_disk(path: str) -> str:
    """The path that a document stands for; jupyterlab-lsp puts its joined notebooks into a directory of its own."""
    return path.replace(_VIRTUAL, os.sep, 1) if _VIRTUAL in path else path


_IGNORE = re.compile(r"#\s*torchlint:\s*ignore\[([^\]]*)\]")


class LineEdit(NamedTuple):
    """Text to put in at a place: line from 1, column in UTF-8 bytes."""

    line: int
    column: int
    text: str


def ignore_edit(lines: Lines, finding: Finding, reason: str) -> LineEdit:
    """The edit that suppresses a finding on its line, or above it where the line cannot take a comment."""
    number = finding.place.span.line
    line = lines.line(number).rstrip("\r\n")
    known = _IGNORE.search(line)
    if known is not None:
        column = len(line[: known.end(1)].encode())
        return LineEdit(number, column, f", {finding.name}" if known[1].strip() else finding.name)
    comment = f"# torchlint: ignore[{finding.name}] {reason}".rstrip()
    if line.endswith("\\") or line.count('"""') % 2 or line.count("'''") % 2:
        indent = line[: len(line) - len(line.lstrip())]
        return LineEdit(number, 0, f"{indent}{comment}\n")
    return LineEdit(number, len(line.encode()), f"  {comment}")


def ignore_file_edit(lines: Lines, finding: Finding, reason: str) -> LineEdit:
    """The edit that suppresses a rule in the whole file: a comment at its start, after a first line for the system."""
    number = 1
    while lines.line(number).startswith("#!") or re.match(r"#.*coding[:=]", lines.line(number)):
        number += 1
    return LineEdit(number, 0, f"# torchlint: file-ignore[{finding.name}] {reason}".rstrip() + "\n")
