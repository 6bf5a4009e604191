"""What `torchlint check` shows: reports, summary, statistics, and the exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple, TextIO

from torchlint import atomic, hygiene
from torchlint.cli.terminal import is_terminal, style_of
from torchlint.engine import Outcome
from torchlint.findings import Finding, Safety, Severity
from torchlint.report import FOR_PEOPLE, FORMATS, WITH_SUPPRESSED, Results, Style, Suppressed, renderer
from torchlint.settings import SettingsError, nearest
from torchlint.workspace import Workspace, shown

_MANY = 100  # findings, from which on a baseline is worth a hint
_CAP = 20  # findings per rule that `full` shows on a terminal
_VARIABLE = "TORCHLINT_OUTPUT_FORMAT"
_ORDER = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class Output(NamedTuple):
    """A wanted report: its format, and the file that it goes to (`None`: standard output)."""

    format: str
    file: str | None


class Total(NamedTuple):
    """What a run has done: `made` are the findings that were repaired, `changed` the files that this has changed."""

    findings: list[Finding]
    suppressed: list[Suppressed]
    files: int
    relevant: int
    crashes: int
    made: tuple[Finding, ...] = ()
    changed: tuple[str, ...] = ()

    @classmethod
    def of(cls, outcomes: Sequence[Outcome], files: int, relevant: int) -> Total:
        """The total of some outcomes, of so many files of which so many have to do with torch."""
        return cls(
            [finding for outcome in outcomes for finding in outcome.findings],
            [Suppressed(found, "comment", reason) for outcome in outcomes for found, reason in outcome.suppressed],
            files,
            relevant,
            sum(outcome.crashes for outcome in outcomes),
        )


def outputs_of(options: argparse.Namespace) -> list[Output]:
    """The reports that the command line, or else the environment, asks for.

    Raises:
        SettingsError: for a format that does not exist, for one file that two reports would go to, and for suppressed
            findings where no format shows them.
    """
    option, words = "--output-format", options.output_format
    if not words and os.environ.get(_VARIABLE):
        option, words = _VARIABLE, os.environ[_VARIABLE].split(",")
    outputs = []
    for word in words or ["full"]:
        name, _, file = word.strip().partition(":")
        if name not in FORMATS:
            near = nearest(name, FORMATS) or f"; there are {', '.join(FORMATS)}"
            raise SettingsError(option, f"`{name}` is no format{near}")
        outputs.append(Output(name, file or options.output_file))
    files = [os.path.abspath(output.file) for output in outputs if output.file]
    if len(set(files)) < len(files):
        raise SettingsError(option, "two reports would go to the same file; name one for each, as in `sarif:out.sarif`")
    if options.show_suppressed and all(output.format not in WITH_SUPPRESSED for output in outputs):
        *some, last = (f"`{name}`" for name in WITH_SUPPRESSED)
        message = f"`{outputs[0].format}` leaves them out; {', '.join(some)} and {last} show them"
        raise SettingsError("--show-suppressed", message)
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
    total = _loud(total, options)
    ruleset = None
    if total.findings or total.suppressed or any(output.format not in FOR_PEOPLE for output in outputs):
        ruleset = workspace.ruleset(workspace.settings(os.getcwd()))
    results = Results(
        total.findings,
        ruleset.known if ruleset is not None else {},
        workspace.text,
        suppressed=total.suppressed,
        with_suppressed=options.show_suppressed,
        selected=ruleset.selected if ruleset is not None else (),
        problems=workspace.problems,
    )
    told = sys.stderr if any(output.format not in FOR_PEOPLE and not output.file for output in outputs) else stream
    if options.diff or options.fix_only:
        failures = [finding for finding in total.findings if finding.code == hygiene.RULE_CRASHED.code]
        results.findings = failures
        renderer("concise")(results, sys.stderr, style_of(sys.stderr, options.color))
        if options.diff:
            _tell_diff(total, options)
        else:
            _tell_fixes(total, options, told)
    else:
        if options.show_fixes:
            _tell_fixes(total, options, told)
        for number, output in enumerate(outputs):
            if options.statistics and not number:
                _write_statistics(output, workspace, total, options, stream, started)
                continue
            _write(output, workspace, results, options, stream)
            if output.format in FOR_PEOPLE and output.file is None and not options.quiet and not options.silent:
                _summary(total, options, stream, style_of(stream, options.color))
                if options.verbose:
                    _tell_files(total, stream, started)
    return _code(workspace, total, options)


def _loud(total: Total, options: argparse.Namespace) -> Total:
    """The total without findings below `--min-severity`."""
    if options.min_severity is None:
        return total
    least = _ORDER.index(Severity(options.min_severity))
    return total._replace(
        findings=[finding for finding in total.findings if _strength(finding) >= least],
        suppressed=[entry for entry in total.suppressed if _strength(entry.finding) >= least],
    )


def _strength(finding: Finding) -> int:
    return _ORDER.index(finding.severity or Severity.WARNING)


def _write(output: Output, workspace: Workspace, results: Results, options: argparse.Namespace, stream: TextIO) -> None:
    if output.file is None and options.silent:
        return
    if not results.findings and output.format in FOR_PEOPLE and output.file is None:
        return
    render = renderer(output.format)
    if output.file is None:
        results.cap = _CAP if output.format == "full" and is_terminal(stream) else None
        render(results, stream, style_of(stream, options.color))
        return
    results.cap = None
    text = io.StringIO()
    render(results, text, Style())
    _keep(workspace, output.file, text.getvalue())


def _keep(workspace: Workspace, path: str, text: str) -> None:
    try:
        _save(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        workspace.problems.append(f"{path}: cannot be written: {error.strerror or error}")


def _save(path: str, data: bytes) -> None:
    """Replace a file at once, so that a run that is stopped leaves no half report; pipes and devices are written to."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as file:
            file.write(data)
    else:
        atomic.write(path, data)


def _code(workspace: Workspace, total: Total, options: argparse.Namespace) -> int:
    if tell_problems(workspace) or total.crashes or any(f.code == hygiene.RULE_CRASHED.code for f in total.findings):
        return 2
    if options.exit_zero:
        return 0
    if options.diff:
        return 1 if total.changed else 0
    if options.exit_non_zero_on_fix and total.made:
        return 1
    if options.fix_only:
        return 0
    return 1 if any(_fails(workspace, finding, options.fail_on) for finding in total.findings) else 0


def _fails(workspace: Workspace, finding: Finding, asked: str | None) -> bool:
    level = asked or workspace.settings(os.path.dirname(finding.place.path)).fail_on
    return level != "never" and _strength(finding) >= _ORDER.index(Severity(level))


def tell_problems(workspace: Workspace) -> int:
    """Print what could not be done; returns 2 if there was anything."""
    for problem in dict.fromkeys(workspace.problems):
        sys.stderr.write(f"torchlint: {problem}\n")
    return 2 if workspace.problems else 0


def _tell_diff(total: Total, options: argparse.Namespace) -> None:
    if options.quiet or options.silent:
        return
    if total.changed:
        sys.stderr.write(f"Would {_done(total, options, 'make', 'ignore')}.\n")
    else:
        sys.stderr.write("Would change nothing.\n")


def _done(total: Total, options: argparse.Namespace, made: str, ignored: str) -> str:
    files = count(len(total.changed), "file")
    if options.add_ignore is not None:
        return f"{ignored} {count(len(total.made), 'finding')} in {files}"
    return f"{made} {count(len(total.made), 'fix', 'es')} in {files}"


def _tell_fixes(total: Total, options: argparse.Namespace, stream: TextIO) -> None:
    """The fixes that were made: how many, and with `--show-fixes` which ones, by file."""
    if options.silent:
        return
    if options.show_fixes:
        told: dict[tuple[str, str], int] = {}
        for finding in total.made:
            what = f"{finding.code} {finding.name}: {finding.fixes[0].title}"
            told[finding.place.path, what] = told.get((finding.place.path, what), 0) + 1
        for (path, what), times in told.items():
            stream.write(f"{shown(path)}: {what}{f' ({times} times)' if times > 1 else ''}\n")
    if options.fix_only and not options.quiet:
        stream.write(f"{_done(total, options, 'Made', 'Ignored')}.\n")


def _summary(total: Total, options: argparse.Namespace, stream: TextIO, style: Style) -> None:
    if total.made:
        stream.write(f"{_done(total, options, 'Made', 'Ignored')}.\n")
    if not total.findings:
        if total.files:
            stream.write("No findings left.\n" if total.made else "No findings.\n")
            _tell_known(total, stream)
        return
    counts = [(severity, sum(f.severity is severity for f in total.findings)) for severity in reversed(_ORDER)]
    words = [count(n, severity.value) for severity, n in counts if n]
    files = len({finding.place.path for finding in total.findings})
    found = count(len(total.findings), "finding")
    stream.write(f"Found {style.bold(found)} ({', '.join(words)}) in {count(files, 'file')}.\n")
    _tell_known(total, stream)
    _hint(total, options, stream)


def _tell_known(total: Total, stream: TextIO) -> None:
    counts = {by: sum(entry.by == by for entry in total.suppressed) for by in ("baseline", "since")}
    if counts["baseline"]:
        stream.write(f"{count(counts['baseline'], 'more finding')} in the baseline.\n")
    if counts["since"]:
        verb = "was" if counts["since"] == 1 else "were"
        stream.write(f"{count(counts['since'], 'more finding')} that {verb} there before.\n")


def _hint(total: Total, options: argparse.Namespace, stream: TextIO) -> None:
    if options.fix and options.unsafe_fixes:
        return
    fixes = [finding.fix for finding in total.findings if finding.fix is not None and finding.fix.verbs]
    safe = 0 if options.fix else sum(fix.safety is Safety.SAFE for fix in fixes)
    unsafe = sum(fix.safety is Safety.UNSAFE for fix in fixes)
    if safe and unsafe:
        stream.write(f"{safe} fixable with --fix, {unsafe} more with --unsafe-fixes.\n")
    elif safe:
        stream.write(f"{safe} fixable with --fix.\n")
    elif unsafe:
        stream.write(f"{unsafe} fixable with --fix --unsafe-fixes.\n")
    if len(total.findings) > _MANY and not any(entry.by != "comment" for entry in total.suppressed):
        stream.write("`torchlint baseline` takes them as given, so that later runs report only what is new.\n")


def _tell_files(total: Total, stream: TextIO, started: float) -> None:
    seconds = time.perf_counter() - started
    stream.write(f"Checked {count(total.files, 'file')} ({total.relevant} with torch) in {seconds:.2f} s.\n")


def _write_statistics(
    output: Output, workspace: Workspace, total: Total, options: argparse.Namespace, stream: TextIO, started: float
) -> None:
    """The counts, in the place of the first report."""
    if output.file is not None:
        text = io.StringIO()
        _statistics(total, options, text, output.format, started)
        _keep(workspace, output.file, text.getvalue())
    elif not options.silent:
        _statistics(total, options, stream, output.format, started)


def _statistics(total: Total, options: argparse.Namespace, stream: TextIO, format: str, started: float) -> None:
    counts: dict[str, list[Finding]] = {}
    for finding in total.findings:
        counts.setdefault(finding.code, []).append(finding)
    rows = sorted(counts.items(), key=lambda item: (-len(item[1]), item[0]))
    if format in ("json", "json-lines"):
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
        worst = max(found, key=_strength).severity
        stream.write(f"{len(found):>{width}}  {style.severity(code, worst)} {found[0].name}{note}\n")
    if not options.quiet:
        _summary(total, options, stream, style)
        _tell_files(total, stream, started)


def _fixable(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.safety is Safety.SAFE and bool(finding.fix.verbs)


def count(number: int, word: str, plural: str = "s") -> str:
    """A number with its word, in the plural if need be."""
    return f"{number} {word}{'' if number == 1 else plural}"
