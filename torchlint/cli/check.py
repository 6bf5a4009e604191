"""`torchlint check`."""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple, TextIO

from torchlint import hygiene
from torchlint.cli.overrides import overrides_of
from torchlint.cli.terminal import Progress, is_terminal, style_of
from torchlint.discovery import Decoded, File, NotText, decode
from torchlint.engine import Outcome
from torchlint.findings import Finding, Safety, Severity
from torchlint.report import FOR_PEOPLE, FORMATS, Results, Style, renderer
from torchlint.settings import SettingsError, nearest
from torchlint.workspace import Workspace, shown

_CAP = 20  # findings per rule that `full` shows on a terminal
_STDIN = "-"
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


def check(options: argparse.Namespace) -> int:
    """Check files and report what is found; returns the exit code."""
    started = time.perf_counter()
    outputs = _outputs(options)
    paths = options.paths or ["."]
    if _STDIN in paths:
        return _check_stdin(options, outputs, started)
    workspace = Workspace(overrides_of(options), paths)
    files = list(_listed(workspace, paths))
    if options.show_files:
        for file in files:
            sys.stdout.write(file.path + "\n")
        return _problems(workspace)
    if not files and not workspace.problems:
        sys.stderr.write("torchlint: no Python files found\n")
    total = _run(workspace, files, options)
    return _report(workspace, total, options, outputs, started)


def _listed(workspace: Workspace, paths: list[str]) -> list[File]:
    workspace.checked = [os.path.abspath(path) for path in paths]
    for path in paths:
        workspace.settings(path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path)))
    settings = workspace.settings(os.getcwd())
    workspace.ruleset(settings)
    from torchlint.discovery import files

    return list(files(paths, workspace.settings, workspace.problems.append))


def _run(workspace: Workspace, files: list[File], options: argparse.Namespace) -> Total:
    progress = Progress(len(files), not options.quiet)
    mender = _Mender(workspace, options) if options.fix or options.diff else None
    findings: list[Finding] = []
    relevant = crashes = 0
    to_mend: list[tuple[int, File, Outcome]] = []
    by_file: list[Outcome] = []
    try:
        for file, outcome in _outcomes(workspace, files, options.jobs, progress):
            if outcome is None:
                continue
            relevant += 1
            if mender is not None and mender.wants(outcome):
                to_mend.append((len(by_file), file, outcome))
            by_file.append(outcome)
    finally:
        progress.clear()
    if mender is not None:
        for number, file, outcome in to_mend:
            by_file[number] = mender.mend(file, outcome)
    for outcome in by_file:
        findings.extend(outcome.findings)
        crashes += outcome.crashes
    if mender is None:
        return Total(findings, len(files), relevant, crashes)
    return Total(findings, len(files), relevant, crashes + mender.failures, mender.made, tuple(mender.changed))


def _outcomes(
    workspace: Workspace, files: list[File], jobs: int | None, progress: Progress
) -> Iterable[tuple[File, Outcome | None]]:
    if len(files) == 1:
        return [(files[0], workspace.check(files[0]))]
    from torchlint.cli.parallel import outcomes

    return outcomes(workspace, files, jobs, progress.step)


class _Mender:
    """Applies fixes to files, or prints them as a patch."""

    def __init__(self, workspace: Workspace, options: argparse.Namespace) -> None:
        from torchlint.cli.fixing import Formatter

        self._workspace = workspace
        self._unsafe: bool = options.unsafe_fixes
        self._diff: bool = options.diff
        self._formatter = Formatter()
        self.made = 0
        self.failures = 0
        self.changed: list[str] = []

    def wants(self, outcome: Outcome) -> bool:
        """Whether there is anything to fix."""
        from torchlint.cli.fixing import applicable

        return any(applicable(finding, self._unsafe) is not None for finding in outcome.findings)

    def mend(self, file: File, outcome: Outcome) -> Outcome:
        """Fix one file on disk, or print the patch; returns what is still found."""
        from torchlint.cli.fixing import write

        try:
            decoded = decode(self._workspace.read(file.path) or b"")
        except NotText:
            return outcome
        text, left = self.text(file.path, decoded, outcome)
        if text == decoded.text:
            return left
        if self._diff:
            _print_patch(file.path, decoded, text)
            return outcome
        try:
            write(file.path, decoded, text)
        except (OSError, UnicodeEncodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._workspace.problems.append(f"{shown(file.path)}: fixes cannot be written: {reason or error}")
            return outcome
        self._workspace.forget(file.path)
        return left

    def text(self, path: str, decoded: Decoded, outcome: Outcome) -> tuple[str, Outcome]:
        """The fixed text of a file, and what is still found in it."""
        from torchlint.cli.fixing import fix

        def again(text: str) -> Outcome:
            return self._workspace.check_text(path, decoded._replace(text=text))

        fixed = fix(path, decoded.text, outcome, again, self._unsafe)
        left = fixed.outcome
        if fixed.failures:
            self.failures += len(fixed.failures)
            left = left._replace(findings=(*left.findings, *fixed.failures))
        if not fixed.settled:
            self._workspace.problems.append(f"{shown(path)}: its fixes undo each other; the last ones were not applied")
        text = self._formatter.format(path, decoded.text, fixed.text) if fixed.made else decoded.text
        if text != fixed.text:
            left = again(text)
        if fixed.made:
            self.made += fixed.made
            self.changed.append(path)
        return text, left


def _print_patch(path: str, decoded: Decoded, text: str) -> None:
    from torchlint.cli.fixing import patch

    data = patch(path, decoded.mark.decode() + decoded.text, decoded.mark.decode() + text)
    sys.stdout.flush()
    raw = getattr(sys.stdout, "buffer", None)
    if raw is None:
        sys.stdout.write(data)
        return
    raw.write(data.encode(decoded.encoding, "replace"))
    raw.flush()


def _check_stdin(options: argparse.Namespace, outputs: list[Output], started: float) -> int:
    if options.paths != [_STDIN]:
        raise SettingsError("", "`-` cannot be checked together with other paths")
    data = sys.stdin.buffer.read()
    path = os.path.abspath(options.stdin_filename or "<stdin>")
    workspace = Workspace(overrides_of(options), [os.path.dirname(path)], {path: data})
    workspace.ruleset(workspace.settings(os.path.dirname(path)))
    file = File(path, True)
    if options.show_files:
        sys.stdout.write(path + "\n")
        return 0
    outcome = workspace.check(file)
    total = Total(
        list(outcome.findings) if outcome else [], 1, int(outcome is not None), outcome.crashes if outcome else 0
    )
    if not (options.fix or options.diff):
        return _report(workspace, total, options, outputs, started)
    mender = _Mender(workspace, options)
    try:
        decoded = decode(data)
    except NotText:
        decoded = None
    text, left = mender.text(path, decoded, outcome) if decoded and outcome else ("", outcome)
    if options.diff:
        if decoded and text and text != decoded.text:
            _print_patch(path, decoded, text)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(decoded.encoded(text) if decoded and text else data)
        sys.stdout.buffer.flush()
    if decoded and text:
        workspace.unsaved[path] = decoded.encoded(text)
    crashes = (left.crashes if left else 0) + mender.failures
    total = Total(list(left.findings) if left else [], 1, total.relevant, crashes, mender.made, tuple(mender.changed))
    return _report(workspace, total, options, outputs, started, sys.stderr)


def _outputs(options: argparse.Namespace) -> list[Output]:
    outputs = []
    for word in options.output_format or ["full"]:
        name, _, file = word.partition(":")
        if name not in FORMATS:
            raise SettingsError("--output-format", f"`{name}` is no format{nearest(name, FORMATS)}")
        outputs.append(Output(name, file or None))
    return outputs


def _report(
    workspace: Workspace,
    total: Total,
    options: argparse.Namespace,
    outputs: list[Output],
    started: float,
    stream: TextIO | None = None,
) -> int:
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
    if _problems(workspace) or total.crashes or any(f.code == hygiene.RULE_CRASHED.code for f in total.findings):
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


def _problems(workspace: Workspace) -> int:
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
