"""What `torchlint check` shows: reports, summary, statistics, and the exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from typing import NamedTuple, TextIO

from torchlint import hygiene
from torchlint.cli.terminal import is_terminal, style_of
from torchlint.findings import Finding, Safety, Severity
from torchlint.report import FOR_PEOPLE, FORMATS, Results, Style, renderer
from torchlint.settings import SettingsError, nearest
from torchlint.workspace import Workspace

_CAP = 20  # findings per rule that `full` shows on a terminal
_ORDER = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class Output(NamedTuple):
    """A wanted report: its format, and the file that it goes to (`None`: standard output)."""

    format: str
    file: str | None


class Total(NamedTuple):
    """What a run has done, besides its findings."""

    findings: list[Finding]
    files: int
    relevant: int
    crashes: int
    fixed: int = 0
    changed: tuple[str, ...] = ()


def outputs_of(options: argparse.Namespace) -> list[Output]:
    """The reports that the command line asks for.

    Raises:
        SettingsError: for a format that does not exist.
    """
    outputs = []
    for word in options.output_format or ["full"]:
        name, _, file = word.partition(":")
        if name not in FORMATS:
            raise SettingsError("--output-format", f"`{name}` is no format{nearest(name, FORMATS)}")
        outputs.append(Output(name, file or None))
    return outputs


def report(
    workspace: Workspace,
    total: Total,
    options: argparse.Namespace,
    outputs: list[Output],
    started: float,
    stream: TextIO | None = None,
) -> int:
    """Show what a run has found; returns the exit code."""
    stream = stream or sys.stdout
    known = workspace.ruleset(workspace.settings(os.getcwd())).known
    if options.diff:
        failures = [finding for finding in total.findings if finding.code == hygiene.RULE_CRASHED.code]
        renderer("concise")(Results(failures, known, workspace.text), sys.stderr, style_of(sys.stderr, options.color))
        _tell_diff(total, options)
    elif options.statistics:
        _statistics(total, options, stream, outputs, started)
    else:
        for output in outputs:
            target = stream if output.file is None else io.StringIO()
            style = style_of(stream, options.color) if output.file is None else Style()
            cap = _CAP if output.file is None and output.format == "full" and is_terminal(stream) else None
            results = Results(total.findings, known, workspace.text, cap)
            if total.findings or output.format not in FOR_PEOPLE:
                renderer(output.format)(results, target, style)
            if output.file is not None and isinstance(target, io.StringIO):
                _save(workspace, output.file, target.getvalue())
            elif output.format in FOR_PEOPLE and not options.quiet:
                _summary(total, options, stream, style)
    return _code(workspace, total, options)


def _save(workspace: Workspace, path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        workspace.problems.append(f"{path}: cannot be written: {error.strerror or error}")


def _code(workspace: Workspace, total: Total, options: argparse.Namespace) -> int:
    if tell_problems(workspace) or total.crashes or any(f.code == hygiene.RULE_CRASHED.code for f in total.findings):
        return 2
    if options.exit_zero:
        return 0
    if options.diff:
        return 1 if total.changed else 0
    return 1 if any(_fails(workspace, finding, options.fail_on) for finding in total.findings) else 0


def _fails(workspace: Workspace, finding: Finding, asked: str | None) -> bool:
    level = asked or workspace.settings(os.path.dirname(finding.place.path)).fail_on
    if level == "never":
        return False
    return _ORDER.index(finding.severity or Severity.WARNING) >= _ORDER.index(Severity(level))


def tell_problems(workspace: Workspace) -> int:
    """Print what could not be done; returns 2 if there was anything."""
    for problem in dict.fromkeys(workspace.problems):
        sys.stderr.write(f"torchlint: {problem}\n")
    return 2 if workspace.problems else 0


def _tell_diff(total: Total, options: argparse.Namespace) -> None:
    if options.quiet:
        return
    if total.changed:
        fixes, files = _count(total.fixed, "fix", "es"), _count(len(total.changed), "file")
        sys.stderr.write(f"Would make {fixes} in {files}.\n")
    else:
        sys.stderr.write("Would change nothing.\n")


def _summary(total: Total, options: argparse.Namespace, stream: TextIO, style: Style) -> None:
    if total.fixed:
        stream.write(f"Made {_count(total.fixed, 'fix', 'es')} in {_count(len(total.changed), 'file')}.\n")
    if not total.findings:
        if total.files:
            stream.write("No findings left.\n" if total.fixed else "No findings.\n")
        return
    counts = [(severity, sum(f.severity is severity for f in total.findings)) for severity in reversed(_ORDER)]
    words = [_count(n, severity.value if severity is not Severity.INFO else "note") for severity, n in counts if n]
    files = len({finding.place.path for finding in total.findings})
    found = _count(len(total.findings), "finding")
    stream.write(f"Found {style.bold(found)} ({', '.join(words)}) in {_count(files, 'file')}.\n")
    _hint(total, options, stream)


def _hint(total: Total, options: argparse.Namespace, stream: TextIO) -> None:
    if options.fix:
        return
    fixes = [finding.fix for finding in total.findings if finding.fix is not None and finding.fix.verbs]
    safe = sum(fix.safety is Safety.SAFE for fix in fixes)
    unsafe = sum(fix.safety is Safety.UNSAFE for fix in fixes)
    if safe and unsafe:
        stream.write(f"{safe} fixable with --fix, {unsafe} more with --unsafe-fixes.\n")
    elif safe:
        stream.write(f"{safe} fixable with --fix.\n")
    elif unsafe:
        stream.write(f"{unsafe} fixable with --fix --unsafe-fixes.\n")


def _statistics(
    total: Total, options: argparse.Namespace, stream: TextIO, outputs: list[Output], started: float
) -> None:
    counts: dict[str, list[Finding]] = {}
    for finding in total.findings:
        counts.setdefault(finding.code, []).append(finding)
    rows = sorted(counts.items(), key=lambda item: (-len(item[1]), item[0]))
    if outputs[0].format in ("json", "json-lines"):
        import json

        data = [
            {"code": code, "name": found[0].name, "count": len(found), "fixable_count": sum(map(_fixable, found))}
            for code, found in rows
        ]
        stream.write(json.dumps(data, indent=2) + "\n")
        return
    style = style_of(stream, options.color)
    width = max((len(str(len(found))) for _, found in rows), default=1)
    for code, found in rows:
        fixable = sum(map(_fixable, found))
        note = "" if not fixable else " [*]" if fixable == len(found) else f" [{fixable} fixable]"
        worst = max((f.severity or Severity.WARNING for f in found), key=_ORDER.index)
        stream.write(f"{len(found):>{width}}  {style.severity(code, worst)} {found[0].name}{note}\n")
    if not options.quiet:
        _summary(total, options, stream, style)
        seconds = time.perf_counter() - started
        files = _count(total.files, "file")
        stream.write(f"Checked {files} ({total.relevant} with torch) in {seconds:.2f} s.\n")


def _fixable(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.safety is Safety.SAFE and bool(finding.fix.verbs)


def _count(number: int, word: str, plural: str = "s") -> str:
    return f"{number} {word}{'' if number == 1 else plural}"
