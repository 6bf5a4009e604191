"""`--since REF` and `--staged`.

The files of an earlier commit are checked too, and what they had is subtracted; what is staged is checked in place of
the work tree.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

from torchlint.baseline import Baseline
from torchlint.cli.before import text_of
from torchlint.cli.git import Repository, Snapshot, SnapshotWorkspace
from torchlint.discovery import SUFFIXES, File
from torchlint.engine import Outcome
from torchlint.fingerprint import Identities, Identity
from torchlint.settings import SettingsError, matches
from torchlint.workspace import Workspace, shown

Check = Callable[[Workspace, list[File]], Iterable[tuple[File, Outcome | None]]]


def staged(workspace: Workspace, paths: Sequence[str]) -> tuple[SnapshotWorkspace, list[File]]:
    """The index in place of the work tree, and the Python files at and under the paths that a commit would change.

    Raises:
        SettingsError: outside of a repository, or without git.
    """
    repository = Repository(os.getcwd(), "--staged")
    index = repository.index()
    before = repository.tree("HEAD").blobs if repository.has_commits() else {}
    tops = [repository.inside(os.path.abspath(path)) for path in paths]
    files = []
    for path, blob in sorted(index.blobs.items()):
        if not path.endswith(SUFFIXES) or before.get(path) == blob:
            continue
        settings = workspace.settings(os.path.dirname(path))
        named = path in tops
        excluded = matches(path, settings.root, (*settings.exclude, *settings.extend_exclude))
        if named or (not excluded and any(path.startswith(top.rstrip(os.sep) + os.sep) for top in tops)):
            files.append(File(path, named))
    return SnapshotWorkspace(index, workspace), files


def since(workspace: Workspace, outcomes: Sequence[tuple[File, Outcome]], name: str, check: Check) -> Baseline:
    """The findings of an earlier commit, as far as they can account for those of now.

    Args:
        workspace: what is checked now.
        outcomes: its findings.
        name: the commit or branch; of a branch, the commit counts at which the work here has parted from it.
        check: checks files of a workspace.

    Raises:
        SettingsError: without git, outside of a repository, or for an unknown name.
    """
    repository = Repository(os.getcwd(), "--since")
    for file, _ in outcomes:
        if not repository.holds(file.path):
            message = (
                f"{shown(file.path)} is not in the repository {repository.top}, so there is no earlier version of it"
            )
            raise SettingsError("--since", message)
    first_of_all = name == "HEAD" and not repository.has_commits()
    tree = Snapshot(repository, {}, {}) if first_of_all else repository.tree(repository.parting(name))
    past = SnapshotWorkspace(tree, workspace)
    root = os.getcwd()
    first = [file for file, outcome in outcomes if outcome.findings and tree.has(file.path)]
    entries = list(_identities(past, first, check, root))
    baseline = Baseline(root, entries, lambda path: text_of(workspace, path))
    new = [f for file, o in outcomes for f in baseline.split(file.path, workspace.text(file.path), o.findings).new]
    if not new:
        return baseline
    known = {repository.inside(file.path) for file in first}
    moved = [File(path, False) for path in _changed(tree, workspace) if path not in known]
    return Baseline(root, [*entries, *_identities(past, moved, check, root)], lambda path: text_of(workspace, path))


def _identities(past: SnapshotWorkspace, files: list[File], check: Check, root: str) -> Iterable[Identity]:
    identities = Identities(root)
    for file, outcome in check(past, files):
        for finding in outcome.findings if outcome is not None else ():
            yield identities.of(finding, past.text(file.path))


def _changed(tree: Snapshot, workspace: Workspace) -> Iterable[str]:
    """The Python files of a commit that are gone or different now: what they had may have moved elsewhere."""
    for path, blob in sorted(tree.blobs.items()):
        if path.endswith(SUFFIXES):
            data = workspace.content(path)
            if data is None or not tree.repository.is_same(blob, data):
                yield path
