"""What earlier runs found, kept so that a file is checked again only when something that its findings rest on changed.

One file in the user's cache directory holds what is known of a repository (or of a lone directory) under one command
line. An outcome holds as long as its own text, the files that were read for it, the paths that it asked for and the
answers to its questions about the whole project are what they were, and the settings and rules are the same. Contents
are compared by digest; a file whose times and size are those of the last run is not read again, unless it was written
so shortly before that run that its times could not tell.

Whatever is wrong with the file (garbage, cut off, another version, not to be read), it counts as empty; it is replaced
at once, so that a run that is killed or that runs beside another one leaves a whole one. Nothing here is an error.
"""

from __future__ import annotations

import enum
import marshal
import os
import sys
import time
from array import array
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from torchlint import __version__, packs
from torchlint.discovery import Entry, stamp_of
from torchlint.engine import Outcome
from torchlint.findings import Finding, Fix, Place, Related, Safety, Severity, Span, Verb

if TYPE_CHECKING:
    from torchlint.discovery import File
    from torchlint.settings import Settings
    from torchlint.workspace import Seen, Workspace

VARIABLE = "TORCHLINT_CACHE_DIR"

_MAGIC = b"torchlint cache 1\n"
_DOUBT = 2_000_000_000  # ns: what was written so shortly before a run may have changed since without new times
_UNSURE = (0, 0, 0)
_GONE = (-1, -1, -1)
_SLACK = 1000  # paths that may be left over before they are thrown out
_KEPT = 60 * 86400  # s: files that no run has written for so long are removed
_KINDS: tuple[Any, ...] = (Outcome, Finding, Place, Span, Related, Fix, Verb, Severity, Safety)
_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
_CLEAN = Outcome(())
_Stamp = tuple[int, int, int]


def directory_of(asked: str | None = None) -> str | None:
    """The directory that caches are kept in: the one asked for, else that of the environment, else the user's."""
    if asked or os.environ.get(VARIABLE):
        return os.path.abspath(os.path.expanduser(asked or os.environ[VARIABLE]))
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
        return os.path.join(base, "torchlint", "cache") if base else None
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        return None
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Caches", "torchlint")
    base = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.join(home, ".cache"), "torchlint")


def clean(directory: str) -> int:
    """Remove all caches in a directory, and the directory if nothing else is in it; returns how many there were.

    Raises:
        OSError: if one cannot be removed.
    """
    count = 0
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        if name.endswith(".cache") or ".cache." in name:
            os.unlink(os.path.join(directory, name))
            count += name.endswith(".cache")
    if os.path.isdir(directory) and not os.listdir(directory):
        os.rmdir(directory)
    return count


class Cache:
    """The cache of a run: `known` once with all files, `add` for each outcome that was worked out, `save` at the end.

    Args:
        workspace: what is checked; its files are not listed yet.
        directory: where caches are kept.
    """

    def __init__(self, workspace: Workspace, directory: str) -> None:
        self._workspace = workspace
        self._directory = directory
        self._start = time.time_ns()
        self._key = self._identity()
        self._file = os.path.join(directory, _name(self._key))
        self._contexts: dict[str, tuple[str, str]] = {}
        self._projects: dict[tuple[str, int], str] = {}
        self._touched = False
        # What is saved. Paths have numbers; `_stamps` and `_digests` go with them (`None`: content never asked for).
        # Outcomes by path: context, root, whether the file was named, numbers of files read and of paths asked for,
        # words, and what was found. `_asked`: by directory its stamp, and numbers of names that are there, and not.
        # `_words`: by root the numbers of all its files, and of those that have a word.
        self._tree: dict[str, tuple[Any, ...]] = {}
        self._paths: list[str] = []
        self._stamps: list[_Stamp | None] = []
        self._digests: list[bytes | None] = []
        self._outcomes: dict[str, tuple[str, str, bool, bytes, bytes, tuple[str, ...], bytes | None]] = {}
        self._asked: dict[str, tuple[int, int, bytes, bytes]] = {}
        self._words: dict[str, tuple[bytes, dict[str, bytes]]] = {}
        self._size = 0
        self._load()
        self._numbers = {path: number for number, path in enumerate(self._paths)}
        self._answers: dict[int, bool] = {}
        workspace.tree.before = self._entry

    def _identity(self) -> str:
        """All that decides which cache this is: the repository, the command line, and torchlint itself."""
        workspace = self._workspace
        first = workspace.checked[0] if workspace.checked else os.getcwd()
        top = anchor = first if os.path.isdir(first) else os.path.dirname(first)
        while not os.path.exists(os.path.join(anchor, ".git")):
            parent = os.path.dirname(anchor)
            if parent == anchor:
                anchor = workspace.root(os.path.join(top, "_"))
                break
            anchor = parent
        return repr((anchor, workspace.overrides, __version__, sys.implementation.cache_tag, _code()))

    def _load(self) -> None:
        try:
            with open(self._file, "rb") as file:
                data = file.read()
        except (OSError, ValueError):
            return
        start = len(_MAGIC) + 4
        if not data.startswith(_MAGIC) or _checksum(data[start:]) != data[len(_MAGIC) : start]:
            return
        try:
            key, self._size, *parts = marshal.loads(memoryview(data)[start:])
            if key == self._key:
                self._tree, self._paths, self._stamps, self._digests, self._outcomes, self._asked, self._words = parts
        except (EOFError, ValueError, TypeError):
            return

    def _entry(self, directory: str) -> Entry | None:
        known = self._tree.get(directory)
        return None if known is None else Entry._make(known)

    # what still holds

    def known(self, files: Sequence[File]) -> dict[int, Outcome | None]:
        """The outcomes that still hold, by the number of the file; from now on what is read is noted for the others."""
        contexts = [self._context(file.path) for file in files]
        self._drop({root for _, root in contexts})
        found: dict[int, Outcome | None] = {}
        for number, file in enumerate(files):
            entry = self._outcomes.get(file.path)
            if entry is None or entry[0] != contexts[number][0]:
                continue
            said = entry[6]
            if said is not None:
                found[number] = _restored(marshal.loads(said)) if said else _CLEAN
            elif entry[2] or not file.named:
                found[number] = None
        if len(found) < len(files):
            from torchlint.workspace import Seen

            self._workspace.seen = Seen()
            self._answers = {number: True for _, _, there, _ in self._asked.values() for number in _unpacked(there)}
            for _, _, _, missing in self._asked.values():
                self._answers.update(dict.fromkeys(_unpacked(missing), False))
        return found

    def _context(self, path: str) -> tuple[str, str]:
        """What else a file's outcome depends on (settings, rules, torch), and the root of its project."""
        directory = path[: path.rfind(os.sep)]
        known = self._contexts.get(directory)
        if known is None:
            workspace = self._workspace
            settings, root = workspace.settings(directory), workspace.root(path)
            key = (root, id(settings))
            context = self._projects.get(key)
            if context is None:
                context = self._projects[key] = repr((root, workspace.torch(root, settings), *_relevant(settings)))
            known = self._contexts[directory] = context, root
        return known

    def _drop(self, roots: set[str]) -> None:
        """Forget the outcomes that rest on something that has changed."""
        if not self._outcomes:
            return
        changed, flipped = self._changed(), self._flipped()
        words = self._other_words(changed, roots)
        if not (changed or flipped or words):
            return
        paths = {self._paths[number] for number in changed}
        for path, (_, root, _, used, sought, asked, _) in list(self._outcomes.items()):
            if (
                path in paths
                or (changed and not changed.isdisjoint(_unpacked(used)))
                or (flipped and not flipped.isdisjoint(_unpacked(sought)))
                or (asked and any((root, word) in words for word in asked))
            ):
                del self._outcomes[path]
        self._touched = True

    def _changed(self) -> set[int]:
        """The files whose content is not what it was."""
        changed: set[int] = set()
        stat, paths = os.stat, self._paths
        for number, stamp in enumerate(self._stamps):
            if stamp is None:
                continue
            try:
                status = stat(paths[number])
                now = (status.st_mtime_ns, status.st_ctime_ns, status.st_size)
            except (OSError, ValueError):
                now = _GONE
            if now == stamp:
                continue
            digest = None if now == _GONE else _digest(paths[number])
            if digest != self._digests[number]:
                changed.add(number)
                self._digests[number] = digest
            self._stamps[number] = self._trusted(now)
            self._touched = True
        return changed

    def _trusted(self, stamp: _Stamp) -> _Stamp:
        """A stamp that tells whether there was a change since; one that cannot is replaced by one that never fits."""
        return stamp if max(stamp[:2]) < self._start - _DOUBT else _UNSURE

    def _flipped(self) -> set[int]:
        """The paths that have come or gone, of those that were asked for."""
        flipped: set[int] = set()
        for directory, (modified, changed, there, missing) in list(self._asked.items()):
            now = _stamp_of_directory(directory)
            if now == (modified, changed):
                continue
            answers = {number: os.path.exists(self._paths[number]) for number in _unpacked(there + missing)}
            before = set(_unpacked(there))
            flipped.update(number for number, answer in answers.items() if answer != (number in before))
            self._asked[directory] = self._grouped(now, answers)
            self._touched = True
        return flipped

    def _grouped(self, now: tuple[int, int], answers: dict[int, bool]) -> tuple[int, int, bytes, bytes]:
        there = _packed(number for number, answer in answers.items() if answer)
        missing = _packed(number for number, answer in answers.items() if not answer)
        return (*self._trusted((*now, 0))[:2], there, missing)

    def _other_words(self, changed: set[int], roots: set[str]) -> set[tuple[str, str]]:
        """The projects and words of which the files that have the word are others than they were."""
        other: set[tuple[str, str]] = set()
        for root, (listing, words) in list(self._words.items()):
            before = set(_unpacked(listing))
            if root not in roots:
                if not changed.isdisjoint(before):
                    other.update((root, word) for word in words)
                    del self._words[root]
                continue
            now = {self._number(path) for path in self._workspace.python_files(root)}
            fresh = (now - before) | (now & changed)
            if not fresh and now == before:
                continue
            texts = {number: self._content(number) for number in fresh}
            for word, having in words.items():
                old, needle = set(_unpacked(having)), word.encode()
                new = (old & now) - fresh | {number for number, text in texts.items() if needle in text}
                if new != old:
                    other.add((root, word))
                    words[word] = _packed(new)
            self._words[root] = _packed(now), words
            self._touched = True
        return other

    def _content(self, number: int) -> bytes:
        """The content of a file, whose digest is noted; empty if it cannot be read."""
        try:
            with open(self._paths[number], "rb") as file:
                data = file.read()
        except (OSError, ValueError):
            data = None
        self._digests[number], self._stamps[number] = None if data is None else _digest_of(data), _UNSURE
        return data or b""

    # what is new

    def add(self, file: File, outcome: Outcome | None) -> None:
        """Keep an outcome that was worked out in this run; `None` for a file that has nothing to do with torch."""
        seen = self._workspace.seen
        if seen is None or (outcome is not None and outcome.crashes) or seen.digests.get(file.path) is None:
            return
        context, root = self._context(file.path)
        self._touched = True
        self._outcomes.pop(file.path, None)
        if outcome is None:
            if self._note(file.path, seen):
                self._outcomes[file.path] = (context, root, file.named, b"", b"", (), None)
            return
        files = (file.path, *outcome.used)
        if not all(self._note(path, seen) for path in files) or not all([*map(self._answered, outcome.sought)]):
            return
        if outcome.words and not self._agreed(root, outcome.words, seen):
            return
        found = outcome._replace(used=frozenset(), sought=frozenset(), words=())
        try:
            said = b"" if found == _CLEAN else marshal.dumps(_plain(found))
        except ValueError:
            return
        self._outcomes[file.path] = (
            context,
            root,
            file.named,
            _packed(map(self._number, outcome.used)),
            _packed(map(self._number, outcome.sought)),
            tuple(word for word, _ in outcome.words),
            said,
        )

    def _number(self, path: str) -> int:
        number = self._numbers.get(path)
        if number is None:
            number = self._numbers[path] = len(self._paths)
            self._paths.append(path)
            self._stamps.append(None)
            self._digests.append(None)
        return number

    def _note(self, path: str, seen: Seen) -> bool:
        """Whether a file was read in this run, or by an earlier one, and always with the same content."""
        number = self._number(path)
        if path not in seen.digests:
            return self._stamps[number] is not None
        digest = seen.digests[path]
        if self._stamps[number] is None:
            self._digests[number], self._stamps[number] = digest, self._trusted(_stamp(path))
        return digest == self._digests[number]

    def _answered(self, path: str) -> bool:
        """Whether it was asked if a path exists, and the answer was always the same."""
        assert self._workspace.seen is not None
        number, answer = self._number(path), self._workspace.seen.exists.get(path)
        if answer is None:
            return number in self._answers
        return self._answers.setdefault(number, answer) == answer

    def _agreed(self, root: str, words: Iterable[tuple[str, tuple[str, ...]]], seen: Seen) -> bool:
        """Whether the whole project was read with the contents that are noted."""
        if root not in self._words:
            paths = self._workspace.python_files(root)
            if not all(self._note(path, seen) for path in paths):
                return False
            self._words[root] = _packed(map(self._number, paths)), {}
        known = self._words[root][1]
        return all(known.setdefault(w, p) == p for w, p in ((w, _packed(map(self._number, f))) for w, f in words))

    # saving

    def save(self) -> None:
        """Write what is known, if anything is new; a directory that cannot be written to is left alone."""
        tree = self._workspace.tree
        for directory in tree.fresh:
            entry = tree.entries[directory]
            if directory in tree.links or self._trusted((*entry.stamp, 0)) == _UNSURE:
                self._touched |= self._tree.pop(directory, None) is not None
            else:
                self._tree[directory] = tuple(entry)
                self._touched = True
        if not self._touched or self._workspace.broken_packs:
            return
        self._ask_again()
        if len(self._paths) > 1.5 * self._size + _SLACK:
            self._compact()
        parts = (self._tree, self._paths, self._stamps, self._digests, self._outcomes, self._asked, self._words)
        body = marshal.dumps((self._key, self._size, *parts))
        beside = f"{self._file}.{os.getpid()}"
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            if not os.path.exists(self._file):
                _prune(self._directory)
            with open(beside, "wb") as file:
                file.write(_MAGIC + _checksum(body) + body)
            os.replace(beside, self._file)
        except OSError:
            _unlink(beside)

    def _ask_again(self) -> None:
        """Put the paths that were asked for in this run to the others of their directories."""
        if len(self._answers) == sum(len(there + missing) // 4 for _, _, there, missing in self._asked.values()):
            return
        groups: dict[str, dict[int, bool]] = {}
        for number, answer in self._answers.items():
            groups.setdefault(os.path.dirname(self._paths[number]), {})[number] = answer
        for directory, answers in groups.items():
            before = self._asked.get(directory)
            now = _stamp_of_directory(directory) if before is None else before[:2]
            self._asked[directory] = self._grouped(now, answers)

    def _compact(self) -> None:
        """Throw out paths that nothing rests on any more."""
        alive = {number for listing, _ in self._words.values() for number in _unpacked(listing)}
        for path, (_, _, _, used, sought, _, _) in self._outcomes.items():
            alive.add(self._numbers[path])
            alive.update(_unpacked(used), _unpacked(sought))
        order = sorted(alive)
        new = {number: place for place, number in enumerate(order)}

        def moved(packed: bytes) -> bytes:
            return _packed(new[number] for number in _unpacked(packed) if number in new)

        self._paths = [self._paths[number] for number in order]
        self._stamps = [self._stamps[number] for number in order]
        self._digests = [self._digests[number] for number in order]
        self._outcomes = {
            path: (*entry[:3], moved(entry[3]), moved(entry[4]), *entry[5:]) for path, entry in self._outcomes.items()
        }
        asked = {path: (*entry[:2], moved(entry[2]), moved(entry[3])) for path, entry in self._asked.items()}
        self._asked = {path: entry for path, entry in asked.items() if entry[2] or entry[3]}
        self._words = {
            root: (moved(listing), {word: moved(having) for word, having in words.items()})
            for root, (listing, words) in self._words.items()
        }
        self._tree = {path: entry for path, entry in self._tree.items() if os.path.isdir(path)}
        self._size = len(order)


def _relevant(settings: Settings) -> Iterable[Any]:
    """The part of the settings that findings depend on, and the content of the rule packs that are named."""
    blank = type(settings)(root=settings.root if settings.per_file_ignores else "")
    yield settings._replace(
        **{field: getattr(blank, field) for field in ("root", "file", "extend", "required_version", "origins")},
        **{field: getattr(blank, field) for field in ("exclude", "extend_exclude", "respect_gitignore", "fail_on")},
        baseline=None,
    )
    yield "select" in settings.origins
    for pack in settings.packs:
        try:
            yield [(path, _digest(path)) for path in _python_under(packs.directory(pack))]
        except packs.PackError:
            yield pack


def _code() -> Sequence[tuple[str, int, int]]:
    """What tells one state of a checkout of torchlint from another; an installed one is told by its version."""
    package, rules = os.path.dirname(os.path.abspath(__file__)), packs.builtin()
    if rules.startswith(package):
        return ()
    found = []
    for path in (*_python_under(package), *_python_under(rules)):
        status = os.stat(path)
        found.append((path, status.st_mtime_ns, status.st_size))
    return found


def _python_under(top: str) -> Iterable[str]:
    todo = [top]
    while todo:
        with os.scandir(todo.pop()) as scan:
            for entry in sorted(scan, key=lambda entry: entry.name):
                if entry.name.endswith(".py"):
                    yield entry.path
                elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                    todo.append(entry.path)


def _name(key: str) -> str:
    import zlib

    data = key.encode(errors="surrogatepass")
    return f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}.cache"


def _checksum(data: bytes) -> bytes:
    import zlib

    return zlib.crc32(data).to_bytes(4, "big")


def _digest(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return _digest_of(file.read())
    except (OSError, ValueError):
        return None


def _digest_of(data: bytes) -> bytes:
    from hashlib import sha1

    return sha1(data, usedforsecurity=False).digest()


def _stamp(path: str) -> _Stamp:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return _GONE
    return (*stamp_of(status), status.st_size)


def _stamp_of_directory(path: str) -> tuple[int, int]:
    return _stamp(path)[:2]


def _packed(numbers: Iterable[int]) -> bytes:
    return array("I", sorted(numbers)).tobytes()


def _unpacked(data: bytes) -> array[int]:
    numbers = array("I")
    numbers.frombytes(data)
    return numbers


def _plain(value: Any) -> Any:
    """A record as values that `marshal` takes: records as tuples with their kind in front, tuples as lists."""
    kind = _NUMBERS.get(type(value))
    if kind is not None:
        return (kind, value.value) if isinstance(value, enum.Enum) else (kind, *map(_plain, value))
    return [*map(_plain, value)] if isinstance(value, (tuple, frozenset)) else value


def _restored(value: Any) -> Any:
    if isinstance(value, tuple):
        kind = _KINDS[value[0]]
        return kind(*map(_restored, value[1:]))
    return tuple(map(_restored, value)) if isinstance(value, list) else value


def _prune(directory: str) -> None:
    """Remove caches that no run has written for a long time, and what killed runs have left."""
    with os.scandir(directory) as scan:
        for entry in scan:
            age = time.time() - entry.stat().st_mtime
            if (entry.name.endswith(".cache") and age > _KEPT) or (".cache." in entry.name and age > 3600):
                _unlink(entry.path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
