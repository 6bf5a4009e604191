"""`torchlint check`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from torchlint.cli.overrides import overrides_of
from torchlint.cli.reporting import Output, Total, count, outputs_of, report, tell_problems
from torchlint.cli.terminal import Progress
from torchlint.discovery import Decoded, File, NotText, decode
from torchlint.engine import Outcome
from torchlint.findings import Finding
from torchlint.settings import BASELINE, SettingsError, baseline_of
from torchlint.workspace import Workspace, shown

if TYPE_CHECKING:
    from torchlint.cache import Cache
    from torchlint.cli.before import Before
    from torchlint.cli.parallel import Done

_STDIN = "-"


def check(options: argparse.Namespace) -> int:
    """Check files and report what is found; returns the exit code."""
    started = time.perf_counter()
    outputs = outputs_of(options)
    if options.stdin_filename is not None and not options.paths:
        options.paths = [_STDIN]  # nothing else can be meant
    paths = options.paths or ["."]
    if (options.watch or options.review) and _STDIN in paths:
        raise SettingsError("", "standard input can be neither watched nor reviewed")
    if options.watch:
        from torchlint.cli.watch import watch

        return watch(options, check)
    if _STDIN in paths:
        return _check_stdin(options, outputs, started)
    workspace = Workspace(overrides_of(options), paths)
    cache = _cache(workspace, options)
    if options.show_settings:
        from torchlint.cli.show_settings import show_settings

        return show_settings(workspace, paths)
    files = _listed(workspace, paths, options)
    if cache is None or not files:
        workspace.ruleset(workspace.settings(os.getcwd()))
    if options.staged:
        workspace, files = _staged(workspace, paths, options)
    if options.show_files:
        for file in files:
            sys.stdout.write(file.path + "\n")
        return tell_problems(workspace)
    if not files and not workspace.problems:
        what = "the commit changes no Python files" if options.staged else "no Python files found"
        sys.stderr.write(f"torchlint: {what}\n")
    total = _run(workspace, files, options, cache)
    return report(workspace, total, options, outputs, started)


def _cache(workspace: Workspace, options: argparse.Namespace) -> Cache | None:
    """What earlier runs have found; `None` where nobody is to know, or there is no place to keep it."""
    if options.no_cache or options.staged or options.show_settings or options.show_files:
        return None
    from torchlint.cache import Cache, directory_of

    directory = directory_of(options.cache_dir)
    return Cache(workspace, directory) if directory is not None else None


def _listed(workspace: Workspace, paths: list[str], options: argparse.Namespace) -> list[File]:
    workspace.checked = [os.path.abspath(path) for path in paths]
    for path in paths:
        workspace.settings(path if os.path.isdir(path) else os.path.dirname(os.path.abspath(path)))
    from torchlint.discovery import files

    told = workspace.problems.append
    workspace.listed = list(
        files(paths, workspace.settings, told, tree=workspace.tree, force_exclude=options.force_exclude)
    )
    return workspace.listed


def _staged(workspace: Workspace, paths: list[str], options: argparse.Namespace) -> tuple[Workspace, list[File]]:
    from torchlint.cli.since import staged

    if options.fix or options.fix_only or options.add_ignore is not None:
        raise SettingsError("--staged", "this checks the index; what changes files works on the work tree")
    return staged(workspace, paths)


def _run(workspace: Workspace, files: list[File], options: argparse.Namespace, cache: Cache | None) -> Total:
    progress = Progress(len(files), not options.quiet)

    def tell(done: Done) -> None:
        progress.step(len(done))

    mends = options.fix or options.fix_only or options.diff or options.add_ignore is not None
    if options.review and mends:
        raise SettingsError("--review", "this asks about each fix; it cannot be used with options that do not ask")
    mender = _Mender(workspace, options) if mends else None
    by_file: list[tuple[File, Outcome]] = []
    try:
        for file, outcome in outcomes(workspace, files, options.jobs, tell, cache):
            if outcome is not None:
                by_file.append((file, outcome))
    finally:
        progress.clear()
    before = _before(workspace, files, by_file, options)
    if before is not None:
        by_file = [(file, before.take(file.path, outcome)) for file, outcome in by_file]
    if options.review:
        return _review(workspace, by_file, len(files), options, before)
    if mender is not None:
        mender.before = before
        for number, (file, outcome) in enumerate(by_file):
            if mender.wants(outcome):
                by_file[number] = (file, mender.mend(file, outcome))
    total = Total.of([outcome for _, outcome in by_file], len(files), len(by_file))
    if before is not None:
        total = before.added_to(total, prune=options.fix or options.fix_only)
    return total if mender is None else mender.added_to(total)


def _review(
    workspace: Workspace,
    found: list[tuple[File, Outcome]],
    files: int,
    options: argparse.Namespace,
    before: Before | None,
) -> Total:
    from torchlint.cli.review import review

    done = review(workspace, found, options, before)
    total = Total.of([outcome for _, outcome in done.outcomes], files, len(found))
    if before is not None:
        total = before.added_to(total, prune=False)
    options.silent = True  # the findings were shown, one by one
    made, places = count(len(done.made), "fix", "es"), count(len(done.changed), "file")
    left = count(len(total.findings), "finding")
    sys.stdout.write(f"\nMade {made} in {places}, ignored {done.ignored}, left {left}.\n")
    return total._replace(made=done.made, changed=done.changed)


def _before(
    workspace: Workspace, files: list[File], found: list[tuple[File, Outcome]], options: argparse.Namespace
) -> Before | None:
    """What was there before, if anything is to be subtracted."""
    if options.since is None and options.baseline is None:
        if options.no_baseline or options.isolated or not _has_baseline(workspace, files):
            return None
    from torchlint.cli.before import Before

    before = Before(workspace, files, options)
    if options.since is not None:
        before.ask(found, options.since, lambda past, asked: outcomes(past, asked, options.jobs, lambda _: None))
    return before


def _has_baseline(workspace: Workspace, files: Sequence[File]) -> bool:
    """Whether some file may have a baseline: a configured one, or one that lies above it."""
    if any(settings.baseline is not None for settings in workspace.configured):
        return True
    walked = workspace.tree.entries
    if any(BASELINE in entry.marks for entry in walked.values()):
        return True
    above = {os.path.dirname(file.path) for file in files if file.named or not walked}
    above.update(path for path in workspace.checked if path in walked)
    places: dict[str, str | None] = {}
    return any(baseline_of(workspace.settings(folder), folder, places, workspace.tree.has) for folder in above)


def outcomes(
    workspace: Workspace,
    files: list[File],
    jobs: int | None,
    tell: Callable[[Done], None],
    cache: Cache | None = None,
    home: str | None = None,
) -> Iterable[tuple[File, Outcome | None]]:
    """The outcome of each file, in order: what the cache has, and the rest worked out in so many processes.

    `tell` hears at once, in any order, what more is done. The settings of `home`, by default the working directory,
    must be right even where they hold for none of the files.

    Raises:
        SettingsError: for mistakes in the configuration.
    """
    if cache is None:
        return _computed(workspace, files, jobs, tell)
    known = cache.known(files)
    settings = workspace.settings(home or os.getcwd())
    if not cache.vouches_for(settings):
        workspace.ruleset(settings)
    rest = [file for number, file in enumerate(files) if number not in known]
    tell([(files[number], outcome) for number, outcome in known.items()])
    computed = dict(_computed(workspace, rest, jobs, tell))
    for file, outcome in computed.items():
        cache.add(file, outcome)
    cache.save()
    return [(file, known[number] if number in known else computed[file]) for number, file in enumerate(files)]


def _computed(
    workspace: Workspace, files: list[File], jobs: int | None, tell: Callable[[Done], None]
) -> Iterable[tuple[File, Outcome | None]]:
    if len(files) < 2:
        done = [(file, workspace.check(file)) for file in files]
        tell(done)
        return done
    from torchlint.cli import parallel

    return parallel.outcomes(workspace, files, jobs, tell)


class _Mender:
    """Applies fixes to files, or writes comments that suppress findings, or prints either as a patch."""

    def __init__(self, workspace: Workspace, options: argparse.Namespace) -> None:
        from torchlint.cli.fixing import Formatter
        from torchlint.cli.ignoring import reason_of

        self._workspace = workspace
        self._reason = reason_of(options)
        self._unsafe: bool = options.unsafe_fixes
        self._diff: bool = options.diff
        self._formatter = Formatter()
        self.made: list[Finding] = []
        self.failures = 0
        self.changed: list[str] = []
        self.before: Before | None = None

    def added_to(self, total: Total) -> Total:
        """The total with what was mended."""
        crashes = total.crashes + self.failures
        return total._replace(crashes=crashes, made=tuple(self.made), changed=tuple(self.changed))

    def wants(self, outcome: Outcome) -> bool:
        """Whether there is anything to fix."""
        if self._reason:
            from torchlint.cli.ignoring import ignorable

            return bool(ignorable(outcome))
        from torchlint.cli.fixing import applicable

        return any(applicable(finding, self._unsafe) is not None for finding in outcome.findings)

    def mend(self, file: File, outcome: Outcome) -> Outcome:
        """Fix one file on disk, or print the patch; returns what is still found."""
        from torchlint.cli.fixing import write

        try:
            decoded = decode(self._workspace.read(file.path) or b"", file.path)
        except NotText:
            return outcome
        before = len(self.made)
        text, left = self.text(file.path, decoded, outcome)
        if text == decoded.text:
            return left
        try:
            if self._diff:
                _print_patch(file.path, decoded, text)
                return outcome
            write(file.path, decoded, text)
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            del self.made[before:], self.changed[-1:]
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._workspace.problems.append(f"{shown(file.path)}: fixes cannot be written: {reason or error}")
            return outcome
        self._workspace.forget(file.path)
        return left

    def text(self, path: str, decoded: Decoded, outcome: Outcome) -> tuple[str, Outcome]:
        """The fixed text of a file, and what is still found in it."""
        from torchlint.cli.fixing import fix

        def again(text: str) -> Outcome:
            found = self._workspace.check_text(path, decoded._replace(text=text))
            return found if self.before is None else self.before.take(path, found, text)

        if self._reason:
            return self._ignored(path, decoded, outcome, again)
        fixed = fix(path, decoded.text, outcome, again, self._unsafe)
        left = fixed.outcome
        if fixed.failures:
            self.failures += len(fixed.failures)
            left = left._replace(findings=(*left.findings, *fixed.failures))
        if not fixed.settled:
            self._workspace.problems.append(f"{shown(path)}: its fixes undo each other; the last ones were not applied")
        text = fixed.text if fixed.made else decoded.text
        if fixed.made and decoded.notebook is None:
            text = self._formatter.format(path, decoded.text, text)
        if text != fixed.text:
            left = again(text)
        if fixed.made:
            self.made.extend(fixed.made)
            self.changed.append(path)
        return text, left

    def _ignored(
        self, path: str, decoded: Decoded, outcome: Outcome, again: Callable[[str], Outcome]
    ) -> tuple[str, Outcome]:
        from torchlint.cli.ignoring import ignore

        done = ignore(decoded.text, outcome, again, self._reason)
        if done.problem:
            self._workspace.problems.append(f"{shown(path)}: {done.problem}")
        if done.made:
            self.made.extend(done.made)
            self.changed.append(path)
        return done.text, done.outcome


def _print_patch(path: str, decoded: Decoded, text: str) -> None:
    from torchlint.cli.fixing import patch

    old, new = (decoded.encoded(each).decode(decoded.encoding) for each in (decoded.text, text))
    data = patch(path, old, new)
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
    if options.staged or options.add_ignore is not None:
        raise SettingsError("", "standard input is neither staged nor a file that comments can be written to")
    data = sys.stdin.buffer.read()
    path = os.path.abspath(options.stdin_filename or "<stdin>")
    workspace = Workspace(overrides_of(options), [os.path.dirname(path)], {path: data})
    workspace.ruleset(workspace.settings(os.path.dirname(path)))
    file = File(path, True)
    if options.show_files:
        sys.stdout.write(path + "\n")
        return 0
    outcome = workspace.check(file)
    before = _before(workspace, [file], [(file, outcome)] if outcome else [], options)
    if outcome and before:
        outcome = before.take(path, outcome)
    total = Total.of([outcome] if outcome else [], 1, int(outcome is not None))
    if not (options.fix or options.fix_only or options.diff):
        total = total._replace(suppressed=[*total.suppressed, *before.known]) if before else total
        return report(workspace, total, options, outputs, started)
    mender = _Mender(workspace, options)
    mender.before = before
    try:
        decoded = decode(data, path)
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
    total = mender.added_to(Total.of([left] if left else [], 1, total.relevant))
    return report(workspace, total, options, outputs, started, sys.stderr)
