"""What was there before, taken out of what a run has found: baselines, and the commit of `--since`."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from torchlint import hygiene
from torchlint.baseline import Baseline, Stored, dump, load, stale, without
from torchlint.cli.reporting import Total
from torchlint.discovery import NOTEBOOK, File
from torchlint.engine import Outcome
from torchlint.findings import Finding
from torchlint.fingerprint import Identity
from torchlint.report import Suppressed
from torchlint.settings import SettingsError, baseline_of
from torchlint.workspace import Workspace, for_notebooks, shown

Check = Callable[[Workspace, list[File]], Iterable[tuple[File, Outcome | None]]]


class Before:
    """Subtracts earlier findings file by file; asking again for a file replaces the first answer.

    Args:
        workspace: what is checked now.
        files: the files that are checked.
        options: the command line.

    Raises:
        SettingsError: for a baseline that is missing or damaged.
    """

    def __init__(self, workspace: Workspace, files: Sequence[File], options: argparse.Namespace) -> None:
        self._workspace = workspace
        self._files = frozenset(file.path for file in files)
        self._chosen = None if options.baseline is None else os.path.abspath(options.baseline)
        self._without = options.no_baseline or options.isolated
        self._staged = options.staged
        self._since: Baseline | None = None
        self._stored: dict[str, tuple[Stored, Baseline]] = {}
        self._known: dict[str, list[Suppressed]] = {}
        self._unjudged: set[str] = set()
        self._places: dict[str, str | None] = {}
        if self._chosen is not None:
            self._baseline(self._chosen)

    def ask(self, outcomes: Sequence[tuple[File, Outcome]], name: str, check: Check) -> None:
        """Find out what the commit of `--since` had."""
        from torchlint.cli.since import since

        left = [(file, self.take(file.path, outcome)) for file, outcome in outcomes]
        self._since = since(self._workspace, left, name, check)

    def take(self, path: str, outcome: Outcome, text: str | None = None) -> Outcome:
        """The outcome of a file without the findings that were there before."""
        if outcome.crashes or not outcome.complete:
            self._unjudged.add(path)
        text = self._workspace.text(path) if text is None and outcome.findings else text or ""
        findings = outcome.findings
        known: list[Suppressed] = []
        file = self._file(os.path.dirname(path))
        layers = [("baseline", self._baseline(file)[1])] if file is not None else []
        if self._since is not None:
            layers.append(("since", self._since))
        for by, baseline in layers:
            split = baseline.split(path, text, findings)
            known.extend(Suppressed(finding, by, "") for finding in split.known)
            findings = split.new
        self._known[path] = known
        return outcome._replace(findings=findings)

    @property
    def known(self) -> list[Suppressed]:
        """The findings that were taken out."""
        return [entry for path in self._known for entry in self._known[path]]

    def stale(self) -> list[Finding]:
        """Findings about baseline entries that stand for nothing any more."""
        found: list[Finding] = []
        for stored, baseline in self._stored.values():
            rules = self._workspace.ruleset(self._workspace.settings(stored.root))
            if hygiene.STALE_BASELINE_ENTRY.code not in rules.codes:
                continue
            severity = rules.severities.get(hygiene.STALE_BASELINE_ENTRY.code, hygiene.STALE_BASELINE_ENTRY.severity)
            told = stale(stored, self._dead(stored, baseline), self._name)
            found.extend(finding._replace(severity=severity) for finding in told)
        return found

    def added_to(self, total: Total, *, prune: bool) -> Total:
        """The total with the findings that were there before, and those about stale entries or without the entries."""
        total = total._replace(suppressed=[*total.suppressed, *self.known])
        if not prune:
            return total._replace(findings=[*total.findings, *self.stale()])
        try:
            sys.stderr.writelines(f"torchlint: {line}\n" for line in tell_pruned(self.prune()))
        except OSError as error:
            self._workspace.problems.append(f"the baseline cannot be written: {error.strerror or error}")
        return total

    def prune(self) -> dict[str, int]:
        """Take the stale entries out of the baselines; the number of them by file.

        Raises:
            OSError: if a baseline cannot be written; it is unchanged then.
        """
        from torchlint import atomic

        removed = {}
        for file, (stored, baseline) in self._stored.items():
            dead = self._dead(stored, baseline)
            if dead:
                atomic.write(file, dump(without(stored, dead), self._name))
                removed[file] = sum(dead.values())
        return removed

    def _dead(self, stored: Stored, baseline: Baseline) -> Counter[Identity]:
        """The entries that this run would have found again, and has not."""
        return Counter({entry: n for entry, n in baseline.left().items() if self._judges(stored.root, entry)})

    def _file(self, directory: str) -> str | None:
        if self._chosen is not None or self._without:
            return self._chosen
        return baseline_of(self._workspace.settings(directory), directory, self._places)

    def _baseline(self, file: str) -> tuple[Stored, Baseline]:
        known = self._stored.get(file)
        if known is None:
            stored = load(file, self._workspace.content(file))
            baseline = Baseline(stored.root, stored.entries, lambda path: text_of(self._workspace, path))
            known = self._stored[file] = (stored, baseline)
        return known

    def _name(self, code: str) -> str:
        rule = self._workspace.ruleset(self._workspace.settings(os.getcwd())).known.get(code)
        return rule.name if rule is not None else ""

    def _judges(self, root: str, entry: Identity) -> bool:
        """Whether this run would have found again what an entry stands for."""
        path = os.path.normpath(os.path.join(root, entry.path))
        return path not in self._unjudged and judges(self._workspace, self._files, path, entry.code, self._staged)


def judges(workspace: Workspace, files: frozenset[str], path: str, code: str, staged: bool = False) -> bool:
    """Whether a run over some files and directories says something about a rule in a file."""
    if path not in files:
        is_under = any(path.startswith(top.rstrip(os.sep) + os.sep) or path == top for top in workspace.checked)
        if not is_under or (workspace.exists(path) and (staged or workspace.content(path) is None)):
            return False
    elif workspace.content(path) is None and workspace.exists(path):
        return False
    try:
        settings = workspace.settings(os.path.dirname(path))
        rules = workspace.ruleset(for_notebooks(settings) if path.endswith(NOTEBOOK) else settings)
    except SettingsError:
        return False
    return code in rules.codes and code not in rules.off_in(path.replace(os.sep, "/"))


def text_of(workspace: Workspace, path: str) -> str | None:
    """The text that a file has now; `None` if it is gone."""
    return None if workspace.content(path) is None else workspace.text(path)


def tell_pruned(removed: dict[str, int]) -> list[str]:
    """What `prune` has done, in lines."""
    return [
        f"removed {count} {'entry that stands' if count == 1 else 'entries that stand'} for nothing from {shown(file)}"
        for file, count in removed.items()
    ]
