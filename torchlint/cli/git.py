"""What git has of the checked files: the trees of commits and the index, read as blobs.

Nothing is checked out or written, no hook, filter, file system monitor or external program of the repository is run.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from typing import IO, NamedTuple

from torchlint.discovery import NOTEBOOK, SUFFIXES
from torchlint.settings import SettingsError
from torchlint.workspace import Workspace

_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false")
_FILE_MODES = ("100644", "100755", "100664")
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX")
_LINK_MODE = "120000"
_MODULE_MODE = "160000"


class Snapshot(NamedTuple):
    """The files of a commit or of the index: blob ids by absolute path; `modules` are submodules by directory."""

    repository: Repository
    blobs: dict[str, str]
    modules: dict[str, Repository]

    def read(self, path: str) -> bytes | None:
        """The content that a file has here; `None` if there is none."""
        path = self.repository.inside(path)
        blob = self.blobs.get(path)
        if blob is None:
            return None
        around = [directory for directory in self.modules if path.startswith(directory + os.sep)]
        owner = self.modules[max(around, key=len)] if around else self.repository
        return owner.blob(blob)

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return self.repository.inside(path) in self.blobs


class Repository:
    """A git repository, asked through the `git` command.

    Args:
        directory: a directory in its work tree.
        option: what the user asked for, for messages.
        inner: whether this is a submodule, which the variables of a hook do not speak of.

    Raises:
        SettingsError: without git, or outside of a repository.
    """

    def __init__(self, directory: str, option: str, inner: bool = False) -> None:
        self._directory = directory
        self._environment = _environment(inner)
        self._option = option
        self._reader: tuple[int, IO[bytes], IO[bytes]] | None = None
        self.top = os.path.abspath(self._ask("rev-parse", "--show-toplevel").rstrip("\n"))

    def commit(self, name: str) -> str:
        """The id of the commit that a name stands for.

        Raises:
            SettingsError: if there is none.
        """
        try:
            return self._ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
        except SettingsError:
            hint = " (a shallow clone has no older ones)" if self._is_shallow() else ""
            raise SettingsError(
                self._option, f"`{name}` is no commit, branch or tag of this repository{hint}"
            ) from None

    def parting(self, name: str) -> str:
        """The commit at which the work here parted from a branch; the branch's own, if no history is shared."""
        commit = self.commit(name)
        if not self.has_commits():
            return commit
        done = self._run("merge-base", commit, "HEAD")
        return done[1].decode().split("\n")[0] if done[0] == 0 and done[1].strip() else commit

    def has_commits(self) -> bool:
        """Whether anything has been committed."""
        return self._run("rev-parse", "--verify", "--quiet", "HEAD")[0] == 0

    def tree(self, commit: str) -> Snapshot:
        """The files of a commit."""
        lines = self._ask("ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
        heads = [(head.split(" "), path) for head, _, path in (line.partition("\t") for line in lines if line)]
        return self._snapshot((words[0], words[2], path) for words, path in heads)

    def index(self) -> Snapshot:
        """The files as they would be committed now."""
        lines = self._ask("ls-files", "--stage", "-z", "--full-name", "--", ":/").split("\0")
        heads = [(head.split(" "), path) for head, _, path in (line.partition("\t") for line in lines if line)]
        return self._snapshot((words[0], words[1], path) for words, path in heads if words[2] == "0")

    def _snapshot(self, entries: Iterable[tuple[str, str, str]]) -> Snapshot:
        """A snapshot from modes, ids and paths; a link to a file stands for the file, a submodule for its files."""
        found = Snapshot(self, {}, {})
        links = {}
        for mode, name, path in entries:
            whole = os.path.join(self.top, path)
            if mode in _FILE_MODES:
                found.blobs[whole] = name
            elif mode == _LINK_MODE and path.endswith(SUFFIXES):
                links[whole] = name
            elif mode == _MODULE_MODE and os.path.exists(os.path.join(whole, ".git")):
                with contextlib.suppress(SettingsError):  # a commit that the submodule does not have
                    inner = Repository(whole, self._option, inner=True).tree(name)
                    found.blobs.update(inner.blobs)
                    found.modules.update({whole: inner.repository, **inner.modules})
        for path, name in links.items():
            target = os.path.join(os.path.dirname(path), os.fsdecode(self.blob(name)))
            if os.path.normpath(target) in found.blobs:
                found.blobs[path] = found.blobs[os.path.normpath(target)]
        return found

    def inside(self, path: str) -> str:
        """A path as the snapshots have it: below the top, also where a link leads there."""
        if path == self.top or path.startswith(self.top + os.sep):
            return path
        return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))

    def holds(self, path: str) -> bool:
        """Whether a path is in the work tree."""
        found = self.inside(path)
        return found == self.top or found.startswith(self.top.rstrip(os.sep) + os.sep)

    def blob(self, name: str) -> bytes:
        """The content of a blob; one process of git serves all, and each forked process has its own.

        Raises:
            SettingsError: if git does not deliver it.
        """
        if self._reader is None or self._reader[0] != os.getpid():
            self._reader = self._start()
        _, asked, answers = self._reader
        asked.write(name.encode() + b"\n")
        asked.flush()
        head = answers.readline().split()
        if len(head) != 3 or head[1] != b"blob":
            raise SettingsError(
                self._option, f"git does not have the object {name}, which a file of this version needs"
            )
        data = answers.read(int(head[2]) + 1)
        return data[:-1]

    def is_same(self, name: str, data: bytes) -> bool:
        """Whether a blob has this content, without reading it."""
        import hashlib

        known = hashlib.sha1 if len(name) == 40 else hashlib.sha256
        return known(b"blob %d\0" % len(data) + data).hexdigest() == name

    def _start(self) -> tuple[int, IO[bytes], IO[bytes]]:
        import subprocess

        command = ["git", *_QUIET, "cat-file", "--batch"]
        process = subprocess.Popen(
            command, cwd=self._directory, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdin is not None and process.stdout is not None
        return os.getpid(), process.stdin, process.stdout

    def _is_shallow(self) -> bool:
        done = self._run("rev-parse", "--is-shallow-repository")
        return done[0] == 0 and done[1].strip() == b"true"

    def _ask(self, *words: str) -> str:
        code, out, said = self._run(*words)
        if code == 0:
            return os.fsdecode(out)
        lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
        reason = lines[0].removeprefix("fatal: ") if lines else f"git {words[0]} failed"
        if "not a git repository" in reason:
            reason = "this is not inside a git repository"
        raise SettingsError(self._option, reason)

    def _run(self, *words: str) -> tuple[int, bytes, bytes]:
        import subprocess

        try:
            done = subprocess.run(
                ["git", *_QUIET, *words], cwd=self._directory, env=self._environment, capture_output=True, check=False
            )
        except FileNotFoundError:
            raise SettingsError(self._option, "git is not installed, or not on the path") from None
        return done.returncode, done.stdout, done.stderr


def _environment(inner: bool) -> dict[str, str]:
    """Git that asks nobody, locks nothing and speaks English."""
    known = {name: value for name, value in os.environ.items() if not (inner and name in _OF_A_HOOK)}
    return {**known, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_PAGER": "cat"}


class SnapshotWorkspace(Workspace):
    """A workspace whose Python files are those of a snapshot; everything else is as it is on disk.

    Python files of the work tree that the snapshot does not have do not exist here.
    """

    def __init__(self, snapshot: Snapshot, like: Workspace) -> None:
        super().__init__(like.overrides, like.checked)
        self.snapshot = snapshot
        self._directories = {
            directory for path in snapshot.blobs for directory in _above(path, snapshot.repository.top)
        }

    def content(self, path: str) -> bytes | None:
        """The content that a file has in the snapshot."""
        if self.snapshot.has(path):
            return self.snapshot.read(path)
        return None if self._rules_over(path) else super().content(path)

    def read(self, path: str) -> bytes | None:
        """As `content`."""
        return self.content(path)

    def exists(self, path: str) -> bool:
        """Whether the snapshot has a file or a directory."""
        if self.snapshot.has(path) or self.snapshot.repository.inside(path) in self._directories:
            return True
        return not self._rules_over(path) and super().exists(path)

    def _rules_over(self, path: str) -> bool:
        """Whether the snapshot alone says if there is such a file or package."""
        is_python = path.endswith(SUFFIXES) or "." not in os.path.basename(path)
        return is_python and self.snapshot.repository.holds(path) and "site-packages" not in path

    def python_files(self, root: str) -> list[str]:
        from torchlint.settings import matches

        found = []
        top = self.snapshot.repository.inside(root).rstrip(os.sep) + os.sep
        for path in sorted(self.snapshot.blobs):
            if path.endswith(SUFFIXES) and not path.endswith(NOTEBOOK) and path.startswith(top):
                settings = self.settings(os.path.dirname(path))
                if not matches(path, settings.root, (*settings.exclude, *settings.extend_exclude)):
                    found.append(path.replace(os.sep, "/"))
        return found


def _above(path: str, top: str) -> list[str]:
    found = []
    while len(path) > len(top):
        path = os.path.dirname(path)
        found.append(path)
    return found
