"""Files, settings, rules and projects as they are on disk: what every surface needs around the pure engine."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from torchlint import engine, packs
from torchlint import settings as configuration
from torchlint.discovery import NOTEBOOK, Decoded, File, NotText, Tree, decode, files, is_project, project_root
from torchlint.engine import Outcome
from torchlint.rule import Rule
from torchlint.selection import Ruleset, build
from torchlint.settings import Settings
from torchlint.source.broken import parse

if TYPE_CHECKING:
    from torchlint.model import Project


class Overrides(NamedTuple):
    """What the user asked for besides the configuration files.

    `config` is the only file to be read, if it is given; `assignments` are `KEY=VALUE`; `select` replaces the
    configured selection if it is not `None`; `per_file_ignores` are pairs of a pattern (relative to the working
    directory) and selectors.
    """

    isolated: bool = False
    config: str | None = None
    assignments: tuple[str, ...] = ()
    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Torch(NamedTuple):
    """The lowest version of torch that a project allows, and the first that it rules out at the upper end."""

    lowest: tuple[int, int] | None
    below: tuple[int, int] | None


class Seen:
    """What was read from disk: the digests of contents (`None`: nothing could be read), and which paths existed."""

    def __init__(self) -> None:
        from hashlib import sha1

        self._digest = sha1
        self.digests: dict[str, bytes | None] = {}
        self.exists: dict[str, bool] = {}

    def clear(self) -> None:
        """Forget everything."""
        self.digests.clear()
        self.exists.clear()

    def merge(self, digests: dict[str, bytes | None], exists: dict[str, bool]) -> None:
        """Add what another process has seen; where two have seen different things, neither counts."""
        for path, digest in digests.items():
            if self.digests.setdefault(path, digest) != digest:
                self.digests[path] = b""
        self.exists.update(exists)

    def content(self, path: str, data: bytes | None) -> None:
        """Note what was read; the first reading counts."""
        if path not in self.digests:
            self.digests[path] = None if data is None else self._digest(data, usedforsecurity=False).digest()


_PROJECTS_HELD = 1
_PACK = "rule pack: "  # what problems with packs begin with
_MOST_DIRECTORIES = 5000  # of a project that are searched for its files
_NO_OVERRIDES = Overrides()


class Workspace:
    """Everything around the engine: settings by directory, rules by settings, projects by root, files by path.

    Args:
        overrides: what the user asked for on the command line.
        checked: the absolute paths that the user named.
        unsaved: texts that stand for files, by absolute path (an editor's buffers, standard input).

    `problems` collects clear lines about what could not be done; a run that has any ends with exit code 2. Methods
    raise `settings.SettingsError` for mistakes in the configuration.
    """

    def __init__(
        self,
        overrides: Overrides = _NO_OVERRIDES,
        checked: Sequence[str] = (),
        unsaved: dict[str, bytes] | None = None,
    ) -> None:
        self.overrides = overrides
        self.checked = [os.path.abspath(path) for path in checked]
        self.unsaved = {} if unsaved is None else unsaved
        self.problems: list[str] = []
        self.tree = Tree()
        self.listed: list[File] | None = None
        self._sorted: list[str] | None = None
        self.seen: Seen | None = None
        self.broken_packs = False
        self._settings: dict[str, Settings] = {}
        self._changed: dict[tuple[str | None, str], Settings] = {}
        self._rules: dict[tuple[str, ...], list[Rule]] = {}
        self._rulesets: dict[tuple[str | None, str, tuple[str, ...]], Ruleset] = {}
        self._projects: dict[tuple[str, str | None], Project] = {}
        self._roots: dict[str, str] = {}
        self._versions: dict[tuple[str, str | None], Torch] = {}
        self._exists: dict[str, bool] = {}

    def settings(self, directory: str) -> Settings:
        """The settings for the files in a directory, with the user's overrides."""
        if self.overrides.isolated:
            found = Settings(root=os.getcwd())
        elif self.overrides.config is not None:
            known = self._settings.get("")
            if known is None:
                known = self._settings[""] = configuration.from_file(self.overrides.config)
            found = known
        else:
            found = configuration.load(directory, self._settings, self.tree.has)
        key = (found.file, "" if found.file else found.root)
        changed = self._changed.get(key)
        if changed is None:
            changed = configuration.override(found, self.overrides.assignments)
            if self.overrides.per_file_ignores:
                changed = changed._replace(
                    per_file_ignores={**changed.per_file_ignores, **dict(self._extra_ignores(found))}
                )
            self._changed[key] = changed
        return changed

    def _extra_ignores(self, settings: Settings) -> Iterator[tuple[str, tuple[str, ...]]]:
        here = os.path.relpath(os.getcwd(), settings.root).replace(os.sep, "/")
        for pattern, selectors in self.overrides.per_file_ignores:
            bare = pattern.removeprefix("!")
            anchored = "/" in bare and here != "." and not here.startswith("..")
            yield ("!" * (bare != pattern)) + (f"{here}/{bare}" if anchored else bare), selectors

    @property
    def configured(self) -> Iterable[Settings]:
        """The settings that were asked for so far, each once."""
        return self._changed.values()

    def rules(self, settings: Settings) -> list[Rule]:
        """All rules: those of the built-in pack and of the configured ones, without those that cannot be loaded."""
        known = self._rules.get(settings.packs)
        if known is None:
            known, errors = packs.read(settings.packs)
            self._rules[settings.packs] = known
            self.broken_packs |= bool(errors)
            self.problems.extend(_told(errors))
        return known

    def ruleset(self, settings: Settings) -> Ruleset:
        """The rules that are on under some settings."""
        key = (settings.file, "" if settings.file else settings.root, settings.select)
        known = self._rulesets.get(key)
        if known is None:
            asked = self.overrides
            rules = self.rules(settings)
            try:
                known = build(settings, rules, asked.select, asked.extend_select, asked.ignore)
            except configuration.SettingsError:
                broken = next((problem for problem in self.problems if problem.startswith(_PACK)), None)
                if broken is None:
                    raise
                # A rule that could not be loaded is not missing: the reason why comes first.
                raise configuration.SettingsError(settings.where("packs"), broken) from None
            self._rulesets[key] = known
        return known

    def prepare(self) -> None:
        """Execute the rules that are on, which processes forked later then need not do."""
        for rules in self._rulesets.values():
            for rule in rules.selected:
                rule.body()

    def files(self) -> Iterator[File]:
        """The Python files at and under the checked paths, without the notebooks."""
        found = files(self.checked, self.settings, self.problems.append)
        return (file for file in found if not file.path.endswith(NOTEBOOK))

    def root(self, path: str) -> str:
        """The directory that imports of a file start from."""
        return project_root(path, self.checked, self._roots, self.tree)

    def project(self, path: str, settings: Settings) -> Project:
        """The project that a file belongs to."""
        from torchlint.model import Project

        root = self.root(path)
        key = (root, settings.file)
        project = self._projects.get(key)
        if project is None:
            version = self.torch(root, settings)
            posix = root.replace(os.sep, "/")
            project = Project(
                posix,
                self.content,
                version.lowest,
                exists=self.exists,
                files=lambda: self.python_files(root),
                torch_below=lambda: version.below,
            )
            while len(self._projects) >= _PROJECTS_HELD:
                self._projects.pop(next(iter(self._projects))).close()
            self._projects[key] = project
        return project

    def torch(self, root: str, settings: Settings) -> Torch:
        """The versions of torch that a project allows."""
        key = (root, settings.file)
        known = self._versions.get(key)
        if known is None:
            if settings.torch_version is not None:
                known = Torch(settings.torch_version, None)
            else:
                from torchlint.torch_version import below_of_project, of_project

                found = of_project(root)
                known = Torch(found.version if found else None, below_of_project(root))
            self._versions[key] = known
        return known

    def tell_torch(self, root: str, settings: Settings, version: Torch) -> Torch:
        """Let somebody say who knows which versions of torch a project allows."""
        self._versions[root, settings.file] = version
        return version

    def python_files(self, root: str) -> list[str]:
        """All files of a project; around a lone script, that may lie in any directory, only those beside it."""
        named = [path for path in self.checked if path.endswith(".py")]
        whole = is_project(root)
        inside = root.rstrip(os.sep) + os.sep
        if self.listed is not None and any(inside.startswith(top.rstrip(os.sep) + os.sep) for top in self.checked):
            if self._sorted is None:
                self._sorted = sorted(file.path for file in self.listed)
            first = bisect_left(self._sorted, inside)
            found = self._sorted[first : bisect_left(self._sorted, inside[:-1] + chr(ord(os.sep) + 1), first)]
            if not whole:
                found = [path for path in found if os.sep not in path[len(inside) :]]
        else:
            most = _MOST_DIRECTORIES if whole else 1
            found = [file.path for file in files([root], self.settings, lambda _: None, most, self.tree)]
        python = {path for path in (*named, *found) if not path.endswith(NOTEBOOK)}
        return sorted(path.replace(os.sep, "/") for path in python)

    def content(self, path: str) -> bytes | None:
        """The content of a file, unsaved or on disk; `None` if there is none that can be read."""
        unsaved = self.unsaved.get(path)
        if unsaved is not None:
            return unsaved
        try:
            with open(path, "rb") as file:
                data = file.read()
        except (OSError, ValueError):
            data = None
        if self.seen is not None:
            self.seen.content(path, data)
        return data

    def exists(self, path: str) -> bool:
        """Whether there is a file or a directory."""
        known = self._exists.get(path)
        if known is None:
            known = self._exists[path] = path in self.unsaved or os.path.exists(path)
        if self.seen is not None:
            self.seen.exists[path] = known
        return known

    def text(self, path: str) -> str:
        """The text of a file for showing it; wrong bytes are replaced."""
        data = self.content(path) or b""
        try:
            return decode(data, path).text
        except NotText:
            return data.decode("utf-8", "replace").removeprefix("\ufeff")

    def read(self, path: str) -> bytes | None:
        """The content of a file that is to be checked; `None`, and a problem, if it cannot be read."""
        unsaved = self.unsaved.get(path)
        if unsaved is not None:
            return unsaved
        try:
            with open(path, "rb") as file:
                data = file.read()
            if self.seen is not None:
                self.seen.content(path, data)
            return data
        except OSError as error:
            self.problems.append(f"{shown(path)}: cannot be read: {error.strerror or error}")
            return None

    def check(self, file: File) -> Outcome | None:
        """The findings in a file; `None` if it has nothing to do with torch or cannot be read."""
        data = self.read(file.path)
        if data is None:
            return None
        relevant = engine.mentions_torch(data)
        if not relevant and not file.named:
            return None
        try:
            decoded = decode(data, file.path)
        except NotText as wrong:
            settings = self.settings(os.path.dirname(file.path))
            path = file.path.replace(os.sep, "/")
            return engine.broken_file(path, self.ruleset(settings), wrong.message, wrong.line)
        return self.check_text(file.path, decoded) if relevant else None

    def check_text(self, path: str, decoded: Decoded, parse: engine.Parse = parse) -> Outcome:
        """The findings in a text that stands for the file at `path`; `parse` gives its tree."""
        settings = self.settings(os.path.dirname(path))
        rules = self.ruleset(settings if decoded.notebook is None else for_notebooks(settings))
        return engine.check(path.replace(os.sep, "/"), decoded.text, self.project(path, settings), rules, parse)

    def rest(self) -> None:
        """Free what the last checks have left."""
        for project in self._projects.values():
            project.rest()

    def changed(self, path: str) -> None:
        """Take notice of a file that has changed, or that has come or gone."""
        posix = path.replace(os.sep, "/")
        self._exists.pop(path, None)
        self._exists.pop(posix, None)
        for project in self._projects.values():
            project.changed(posix)

    def forget(self, path: str) -> None:
        """Drop what was read of a file that has changed."""
        while self._projects:
            self._projects.popitem()[1].close()
        self._exists.pop(path, None)


def for_notebooks(settings: Settings) -> Settings:
    """The settings for a notebook: only what is certainly wrong, unless rules are selected or a profile is.

    Notebooks are drafts; a team that wants more of them says so.
    """
    if "select" in settings.origins:
        return settings
    return settings._replace(select=("correctness",))


def _told(errors: Sequence[packs.PackError]) -> Iterator[str]:
    """One line for each reason why rules cannot be loaded."""
    reasons: dict[str, list[packs.PackError]] = {}
    for error in errors:
        reasons.setdefault(error.reason, []).append(error)
    for same in reasons.values():
        others = f" (and {len(same) - 1} other rule files, for the same reason)" if len(same) > 1 else ""
        yield f"{_PACK}{same[0]}{others}"


def shown(path: str) -> str:
    """A path as people write it: relative where it is below the working directory."""
    inside = os.getcwd().rstrip(os.sep) + os.sep
    return path[len(inside) :] if path.startswith(inside) else path
