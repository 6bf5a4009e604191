"""`torchlint baseline`: take the findings of now as given, so that later runs report what is new."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter

from torchlint import atomic
from torchlint.baseline import Stored, dump, load
from torchlint.cli.before import Before, judges, tell_pruned
from torchlint.cli.overrides import overrides_of
from torchlint.cli.reporting import tell_problems
from torchlint.cli.terminal import Progress
from torchlint.discovery import File, files
from torchlint.engine import Outcome
from torchlint.fingerprint import Identities, Identity
from torchlint.hygiene import RULE_CRASHED
from torchlint.selection import chosen
from torchlint.settings import BASELINE, SettingsError, baseline_of
from torchlint.workspace import Workspace, shown


def baseline(options: argparse.Namespace) -> int:
    """Write the baseline, or take out of it what no longer stands for a finding; returns the exit code."""
    paths = options.paths or ["."]
    for path in paths:
        if not os.path.exists(path):
            raise SettingsError("", f"{path}: no such file or directory; nothing was written")
    workspace = Workspace(overrides_of(options), paths)
    settings = workspace.settings(os.getcwd())
    rules = workspace.ruleset(settings)
    excepted = chosen(settings, workspace.rules(settings), options.excepted, "--except")
    if options.baseline is not None:
        file = os.path.abspath(options.baseline)
    else:
        file = baseline_of(settings, os.getcwd()) or os.path.join(_home(settings.file), BASELINE)
    if options.prune and not os.path.isfile(file):
        raise SettingsError(shown(file), "there is no such baseline; `torchlint baseline` writes it")
    stored = load(file) if os.path.isfile(file) else Stored(file, (), ())
    found = list(files(paths, workspace.settings, workspace.problems.append))
    if not found and not workspace.problems:
        sys.stderr.write("torchlint: no Python files found\n")
    outcomes = _checked(workspace, found, options)
    try:
        if options.prune:
            options.baseline = file
            before = Before(workspace, found, options)
            for path, outcome in outcomes:
                before.take(path.path, outcome)
            told = tell_pruned(before.prune()) or [f"nothing to remove from {shown(file)}"]
            lines = [f"{line[0].upper()}{line[1:]}." for line in told]
        else:
            entries = _entries(workspace, outcomes, stored.root, excepted)
            kept = _kept(workspace, stored, found, outcomes, entries)
            names = {code: rule.name for code, rule in rules.known.items()}
            atomic.write(file, dump((*entries, *kept), lambda code: names.get(code, "")))
            lines = _told(shown(file), entries, kept, stored)
    except OSError as error:
        workspace.problems.append(f"{shown(file)}: cannot be written: {error.strerror or error}")
        return tell_problems(workspace)
    if not options.quiet:
        sys.stdout.writelines(line + "\n" for line in lines)
    return tell_problems(workspace)


def _home(configuration: str | None) -> str:
    """Where a new baseline goes: beside the configuration or to the top of the repository, whichever is nearer."""
    current = os.getcwd()
    while not os.path.exists(os.path.join(current, ".git")):
        if configuration is not None and current == os.path.dirname(configuration):
            return current
        if os.path.dirname(current) == current:
            return os.getcwd()
        current = os.path.dirname(current)
    return current


def _checked(workspace: Workspace, found: list[File], options: argparse.Namespace) -> list[tuple[File, Outcome]]:
    from torchlint.cli.parallel import outcomes

    progress = Progress(len(found), not options.quiet)
    try:
        answers = outcomes(workspace, found, options.jobs, lambda done: progress.step(len(done)))
        return [(file, outcome) for file, outcome in answers if outcome is not None]
    finally:
        progress.clear()


def _entries(
    workspace: Workspace, outcomes: list[tuple[File, Outcome]], root: str, excepted: frozenset[str]
) -> list[Identity]:
    identities = Identities(root)
    entries = []
    for file, outcome in outcomes:
        text = workspace.text(file.path) if outcome.findings else ""
        for finding in outcome.findings:
            if finding.code == RULE_CRASHED.code:
                workspace.problems.append(f"{shown(file.path)}: {finding.message}")
            elif finding.code not in excepted:
                entries.append(identities.of(finding, text))
    return entries


def _kept(
    workspace: Workspace,
    stored: Stored,
    found: list[File],
    outcomes: list[tuple[File, Outcome]],
    entries: list[Identity],
) -> list[Identity]:
    """The entries that this run says nothing about: of other files, of rules that are off or have crashed."""
    named = frozenset(file.path for file in found)
    crashed = {file.path for file, outcome in outcomes if outcome.crashes}
    found_again = Counter(entry.key for entry in entries)
    kept = []
    for entry in stored.entries:
        path = os.path.normpath(os.path.join(stored.root, entry.path))
        if not judges(workspace, named, path, entry.code):
            kept.append(entry)
        elif path in crashed:
            found_again[entry.key] -= 1
            if found_again[entry.key] < 0:
                kept.append(entry)
    return kept


def _told(file: str, entries: list[Identity], kept: list[Identity], stored: Stored) -> list[str]:
    now, then = Counter(entry.key for entry in (*entries, *kept)), Counter(entry.key for entry in stored.entries)
    count, places = sum(now.values()), len({entry.path for entry in now})
    if not count:
        return [f"Wrote {file}: nothing is found, so it is empty."]
    added, gone = sum((now - then).values()), sum((then - now).values())
    what = f"{count} finding{'' if count == 1 else 's'} in {places} file{'' if places == 1 else 's'}"
    change = f" ({added} more than before, {gone} gone)" if stored.entries else ""
    return [f"Wrote {what} to {file}{change}.", "`torchlint check` reports what is new from now on; commit the file."]
