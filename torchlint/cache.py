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
from typing import TYPE_CHECKING, Any, BinaryIO

from torchlint import __version__, packs
from torchlint.discovery import Entry, stamp_of
from torchlint.engine import Outcome
from torchlint.findings import Finding, Fix, Place, Related, Safety, Severity, Span, Verb

if TYPE_CHECKING:
    from torchlint.discovery import File
    from torchlint.settings import Settings
    from torchlint.workspace import Seen, Torch, Workspace

VARIABLE = "TORCHLINT_CACHE_DIR"

_MAGIC = b"torchlint cache\n"
_DOUBT = 2_000_000_000  # ns: what was written so shortly before a run may have changed since without new times
_UNSURE = (0, 0, 0)
_GONE = (-1, -1, -1)
_SLACK = 1000  # paths that may be left over before they are thrown out
_ENDING = ".cache"
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
        if _is_ours(name):
            os.unlink(os.path.join(directory, name))
            count += name.endswith(_ENDING)
    if os.path.isdir(directory) and not os.listdir(directory):
        os.rmdir(directory)
    return count


class Cache:
    """The cache of a run: `known` once with all files, `add` for each outcome that was worked out, `save` at the end.

    Args:
        workspace: what is checked; its files are not listed yet.
        directory: where caches are kept.

    What an unchanged tree needs is loaded at once: directories, files with their stamps, and what was found in them.
    What findings rest on is kept behind it, packed, and unpacked when something has changed.
    """

    def __init__(self, workspace: Workspace, directory: str) -> None:
        self._workspace = workspace
        self._directory = directory
        self._start = time.time_ns()
        self._key = self._identity()
        self._file = os.path.join(directory, _name(self._key))
        self._touched = False
        self._hits: set[int] = set()
        self._contexts: list[tuple[str, str]] = []  # of this run: what else outcomes depend on, and the project's root
        # For an unchanged tree. `_walk`: the paths of the last run; `_groups`: directories that stand for all that have
        # the same settings and project, by their number in `_places`. `_outcomes` by path: the context, whether the
        # file was named, and what was found. `_asked`: the stamps of directories in which names were asked for.
        # `_torch` by root: the versions of torch that a project allows, and the stamps of what tells them.
        self._size = 0
        self._walk: tuple[str, ...] = ()
        self._tree: dict[str, tuple[Any, ...]] = {}
        self._places: dict[str, int] = {}
        self._groups: list[str] = []
        self._paths: list[str] = []
        self._stamps = array("q")  # three for each path: times and size
        self._torch: dict[str, tuple[Any, dict[str, _Stamp]]] = {}
        self._outcomes: dict[str, tuple[str, bool, bytes | None]] = {}
        self._asked: dict[str, tuple[int, int]] = {}
        # Behind it. `_evidence` by path: the project's root, numbers of files that were read and of names that were
        # asked for, words. `_words` by root: numbers of all its files, and of those that have a word.
        self._opened: BinaryIO | None = None
        self._check = b""
        self._digests: list[bytes | None] = []
        self._evidence: dict[str, tuple[str, bytes, bytes, tuple[str, ...]]] = {}
        self._names: list[str] = []
        self._there: list[bool] = []
        self._words: dict[str, tuple[bytes, dict[str, bytes]]] = {}
        self._numbers: dict[str, int] = {}
        self._name_numbers: dict[str, int] = {}
        self._load()
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
        python = sys.implementation.cache_tag, sys.prefix, os.environ.get("VIRTUAL_ENV")
        return repr((anchor, workspace.overrides, __version__, python, _code()))

    def _load(self) -> None:
        try:
            self._opened = open(self._file, "rb")  # noqa: SIM115 - the second part is read later, if at all
            part = _read(self._opened, _MAGIC)
            if part is not None:
                key, self._check, *parts = marshal.loads(part)
                if key == self._key:
                    self._size, self._walk, self._tree, self._places, self._groups, self._torch, *parts = parts
                    self._paths, stamps, self._outcomes, self._asked = parts
                    self._stamps.frombytes(stamps)
                    return
        except (OSError, EOFError, ValueError, TypeError):
            pass
        self._empty()

    def _unpack(self) -> None:
        """Load what findings rest on; where that is damaged, nothing is known any more."""
        if self._opened is not None:
            try:
                part = _read(self._opened, self._check)
                if part is None:
                    raise EOFError
                self._digests, self._evidence, self._names, self._there, self._words = marshal.loads(part)
            except (OSError, EOFError, ValueError, TypeError):
                self._forget()
            if self._opened is not None:
                self._opened.close()
                self._opened = None
        if len(self._numbers) < len(self._paths):
            self._numbers = {path: number for number, path in enumerate(self._paths)}
            self._name_numbers = {path: number for number, path in enumerate(self._names)}

    def _empty(self) -> None:
        self._walk, self._tree, self._places, self._groups, self._torch = (), {}, {}, [], {}
        self._forget()

    def _forget(self) -> None:
        self._paths, self._stamps, self._outcomes, self._asked = [], array("q"), {}, {}
        self._digests, self._evidence, self._names, self._there, self._words = [], {}, [], [], {}
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _entry(self, directory: str) -> Entry | None:
        known = self._tree.get(directory)
        return None if known is None else Entry._make(known)

    # what still holds

    def known(self, files: Sequence[File]) -> dict[int, Outcome | None]:
        """The outcomes that still hold, by the number of the file; from now on what is read is noted for the others."""
        homes = [_home(file.path) for file in files]
        same = self._same_walk(set(homes))
        self._find_contexts(homes, same)
        self._drop(same)
        found: dict[int, Outcome | None] = {}
        outcomes, places, contexts = self._outcomes, self._places, [context for context, _ in self._contexts]
        for number, file in enumerate(files):
            entry = outcomes.get(file.path)
            if entry is None or entry[0] != contexts[places[homes[number]]]:
                continue
            said = entry[2]
            if said is not None:
                outcome = _restored(marshal.loads(said)) if said else _CLEAN
                if outcome.complete or file.named or not entry[1]:  # what is no text may count only where it is named
                    found[number] = outcome
            elif entry[1] or not file.named:
                found[number] = None
        self._hits = {places[homes[number]] for number in found}
        if len(found) < len(files):
            from torchlint.workspace import Seen

            self._unpack()
            self._workspace.seen = Seen()
        return found

    def vouches_for(self, settings: Settings) -> bool:
        """Whether an earlier run has used the same settings, so that no mistake can be in them."""
        return any(self._workspace.settings(self._groups[number]) is settings for number in self._hits)

    def _same_walk(self, homes: set[str]) -> bool:
        """Whether the same paths were walked as the last time, with the same names in all directories."""
        tree, walk = self._workspace.tree, tuple(self._workspace.checked)
        same = walk == self._walk and homes <= self._places.keys() and homes <= tree.entries.keys()
        for directory in tree.fresh:
            entry, before = tree.entries[directory], self._tree.get(directory)
            same &= before is not None and before[1:] == entry[1:]
            stamp = entry.stamp if directory not in tree.links else _UNSURE[:2]
            now = (self._trusted((*stamp, 0))[:2], *entry[1:])
            if now != before:
                self._tree[directory] = now
                self._touched = True
        self._walk = walk
        self._touched |= not same
        return same

    def _find_contexts(self, homes: Iterable[str], same: bool) -> None:
        """Find out what else the outcomes depend on: settings, rules, torch."""
        workspace = self._workspace
        if not same:
            groups: dict[tuple[str, int], int] = {}
            self._places, self._groups = {}, []
            for directory in homes:
                if directory not in self._places:
                    key = (workspace.root(os.path.join(directory, "_")), id(workspace.settings(directory)))
                    self._places[directory] = groups.setdefault(key, len(groups))
                    if len(groups) > len(self._groups):
                        self._groups.append(directory)
        for directory in self._groups:
            settings, root = workspace.settings(directory), workspace.root(os.path.join(directory, "_"))
            version = self._versions(root, settings)
            self._contexts.append((repr((root, version, *_relevant(settings))), root))

    def _versions(self, root: str, settings: Settings) -> Torch:
        """The versions of torch that a project allows, as `Workspace.torch` tells them."""
        from torchlint.torch_version import sources
        from torchlint.workspace import Torch

        workspace = self._workspace
        if settings.torch_version is not None:
            return workspace.torch(root, settings)
        known = self._torch.get(root)
        if known is not None and all(_stamp(path) == stamp for path, stamp in known[1].items()):
            version = workspace.tell_torch(root, settings, Torch(*known[0]))
        else:
            version = workspace.torch(root, settings)
            stamps = {path: self._trusted(_stamp(path)) for path in sources(root)}
            self._torch[root] = tuple(version), stamps
            self._touched = True
        return version

    def _drop(self, same: bool) -> None:
        """Forget the outcomes that rest on something that has changed."""
        restamped, moved = self._restamped(), self._moved()
        if same and not restamped and not moved:
            return
        self._unpack()
        changed, flipped = self._changed(restamped), self._flipped(moved)
        words = self._other_words(changed, {root for _, root in self._contexts}, same)
        self._touched = True
        if not (changed or flipped or words):
            return
        paths = {self._paths[number] for number in changed}
        for path, (root, used, sought, asked) in list(self._evidence.items()):
            if (
                path in paths
                or (changed and not changed.isdisjoint(_unpacked(used)))
                or (flipped and not flipped.isdisjoint(_unpacked(sought)))
                or (asked and any((root, word) in words for word in asked))
            ):
                del self._outcomes[path], self._evidence[path]

    def _restamped(self) -> list[tuple[int, _Stamp]]:
        """The files whose times or size are not what they were, or could not tell."""
        stat, stamps, different = os.stat, self._stamps, []
        at = 0
        for path in self._paths:
            try:
                status = stat(path)
                modified, changed, size = status.st_mtime_ns, status.st_ctime_ns, status.st_size
            except (OSError, ValueError):
                modified, changed, size = _GONE
            if modified != stamps[at] or changed != stamps[at + 1] or size != stamps[at + 2]:
                different.append((at // 3, (modified, changed, size)))
            at += 3
        return different

    def _moved(self) -> list[tuple[str, tuple[int, int]]]:
        """The directories in which something has come or gone, or could have."""
        walked, different = self._workspace.tree.entries, []
        for directory, before in self._asked.items():
            entry = walked.get(directory)
            now = entry.stamp if entry is not None else _stamp(directory)[:2]
            if now != before:
                different.append((directory, now))
        return different

    def _changed(self, restamped: Iterable[tuple[int, _Stamp]]) -> set[int]:
        """The files whose content is not what it was."""
        changed: set[int] = set()
        for number, now in restamped:
            digest = None if now == _GONE else _digest(self._paths[number])
            if digest != self._digests[number]:
                changed.add(number)
                self._digests[number] = digest
            self._restamp(number, now)
        return changed

    def _restamp(self, number: int, stamp: _Stamp) -> None:
        self._stamps[3 * number : 3 * number + 3] = array("q", self._trusted(stamp))

    def _trusted(self, stamp: _Stamp) -> _Stamp:
        """A stamp that tells whether there was a change since; one that cannot is replaced by one that never fits."""
        return stamp if max(stamp[:2]) < self._start - _DOUBT else _UNSURE

    def _flipped(self, moved: Sequence[tuple[str, tuple[int, int]]]) -> set[int]:
        """The names that have come or gone, of those that were asked for."""
        if not moved:
            return set()
        flipped: set[int] = set()
        directories = dict(moved)
        for number, path in enumerate(self._names):
            if os.path.dirname(path) in directories and os.path.exists(path) != self._there[number]:
                flipped.add(number)
                self._there[number] = not self._there[number]
        for directory, now in moved:
            self._asked[directory] = self._trusted((*now, 0))[:2]
        return flipped

    def _other_words(self, changed: set[int], roots: set[str], same: bool) -> set[tuple[str, str]]:
        """The projects and words of which the files that have the word are others than they were."""
        other: set[tuple[str, str]] = set()
        for root, (listing, words) in list(self._words.items()):
            before = set(_unpacked(listing))
            if same and changed.isdisjoint(before):
                continue
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
                    words[word] = _together(new)
            self._words[root] = _together(now), words
        return other

    def _content(self, number: int) -> bytes:
        """The content of a file, whose digest is noted; empty if it cannot be read."""
        try:
            with open(self._paths[number], "rb") as file:
                data = file.read()
        except (OSError, ValueError):
            data = None
        self._digests[number] = None if data is None else _digest_of(data)
        self._restamp(number, _UNSURE)
        return data or b""

    # what is new

    def add(self, file: File, outcome: Outcome | None) -> None:
        """Keep an outcome that was worked out in this run; `None` for a file that has nothing to do with torch."""
        seen = self._workspace.seen
        self._outcomes.pop(file.path, None)
        self._evidence.pop(file.path, None)
        if seen is None or (outcome is not None and outcome.crashes) or seen.digests.get(file.path) is None:
            return
        context, root = self._contexts[self._places[_home(file.path)]]
        self._touched = True
        if not self._note(file.path, seen):
            return
        if outcome is None:
            self._outcomes[file.path] = (context, file.named, None)
            self._evidence[file.path] = (root, b"", b"", ())
            return
        if not all(self._note(path, seen) for path in outcome.used) or not all(map(self._answered, outcome.sought)):
            return
        if outcome.words and not self._agreed(root, outcome.words, seen):
            return
        found = outcome._replace(used=frozenset(), sought=frozenset(), words=())
        try:
            said = b"" if found == _CLEAN else marshal.dumps(_plain(found))
        except ValueError:
            return
        self._outcomes[file.path] = (context, file.named, said)
        self._evidence[file.path] = (
            root,
            _together(map(self._numbers.__getitem__, outcome.used)),
            _together(map(self._name_numbers.__getitem__, outcome.sought)),
            tuple(word for word, _ in outcome.words),
        )

    def _number(self, path: str) -> int:
        number = self._numbers.get(path)
        if number is None:
            number = self._numbers[path] = len(self._paths)
            self._paths.append(path)
            self._stamps.extend(_UNSURE)
            self._digests.append(None)
        return number

    def _note(self, path: str, seen: Seen) -> bool:
        """Whether a file was read, in this run or by an earlier one, and always with the same content."""
        known = path in self._numbers
        if path not in seen.digests:
            return known
        number, digest = self._number(path), seen.digests[path]
        if not known:
            self._digests[number] = digest
            self._restamp(number, _stamp(path))
        return digest == self._digests[number]

    def _answered(self, path: str) -> bool:
        """Whether it was asked if a path exists, and the answer was always the same."""
        assert self._workspace.seen is not None
        answer, number = self._workspace.seen.exists.get(path), self._name_numbers.get(path)
        if number is not None:
            return answer is None or answer == self._there[number]
        if answer is None:
            return False
        self._name_numbers[path] = len(self._names)
        self._names.append(path)
        self._there.append(answer)
        directory = os.path.dirname(path)
        if directory not in self._asked:
            self._asked[directory] = self._trusted(_stamp(directory))[:2]
        return True

    def _agreed(self, root: str, words: Iterable[tuple[str, tuple[str, ...]]], seen: Seen) -> bool:
        """Whether the whole project was read with the contents that are noted."""
        if root not in self._words:
            paths = self._workspace.python_files(root)
            if not all(self._note(path, seen) for path in paths):
                return False
            self._words[root] = _together(map(self._number, paths)), {}
        known = self._words[root][1]
        having = ((word, _together(map(self._number, paths))) for word, paths in words)
        return all(known.setdefault(word, numbers) == numbers for word, numbers in having)

    # saving

    def save(self) -> None:
        """Write what is known, if anything is new; a directory that cannot be written to is left alone."""
        try:
            self._save()
        finally:
            if self._opened is not None:
                self._opened.close()

    def _save(self) -> None:
        if not self._touched or self._workspace.broken_packs:
            return
        self._unpack()
        if len(self._paths) + len(self._names) > 1.5 * self._size + _SLACK:
            self._compact()
        behind = marshal.dumps((self._digests, self._evidence, self._names, self._there, self._words))
        parts = (self._walk, self._tree, self._places, self._groups, self._torch, self._paths, self._stamps.tobytes())
        body = marshal.dumps((self._key, _sum(behind), self._size, *parts, self._outcomes, self._asked))
        from torchlint import atomic

        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            if not os.path.exists(self._file):
                _prune(self._directory)
            atomic.write(self._file, _framed(_MAGIC, body) + _framed(_sum(behind), behind), durable=False)
        except OSError:
            return

    def _compact(self) -> None:
        """Throw out files and names that nothing rests on any more."""
        files = {number for listing, _ in self._words.values() for number in _unpacked(listing)}
        names: set[int] = set()
        for path, (_, used, sought, _) in self._evidence.items():
            files.add(self._numbers[path])
            files.update(_unpacked(used))
            names.update(_unpacked(sought))
        new_files = {number: place for place, number in enumerate(sorted(files))}
        new_names = {number: place for place, number in enumerate(sorted(names))}

        def moved(numbers: bytes, new: dict[int, int]) -> bytes:
            return _together(new[number] for number in _unpacked(numbers) if number in new)

        self._stamps = array(
            "q", (stamp for number in new_files for stamp in self._stamps[3 * number : 3 * number + 3])
        )
        self._paths = [self._paths[number] for number in new_files]
        self._digests = [self._digests[number] for number in new_files]
        self._names = [self._names[number] for number in new_names]
        self._there = [self._there[number] for number in new_names]
        self._evidence = {
            path: (root, moved(used, new_files), moved(sought, new_names), words)
            for path, (root, used, sought, words) in self._evidence.items()
        }
        self._words = {
            root: (moved(listing, new_files), {word: moved(having, new_files) for word, having in words.items()})
            for root, (listing, words) in self._words.items()
        }
        asked = {os.path.dirname(path) for path in self._names}
        self._asked = {directory: stamp for directory, stamp in self._asked.items() if directory in asked}
        self._tree = {path: entry for path, entry in self._tree.items() if os.path.isdir(path)}
        self._size = len(self._paths) + len(self._names)


def _home(path: str) -> str:
    return path[: path.rfind(os.sep)] or os.sep


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
        except (packs.PackError, OSError):
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
    return f"{zlib.crc32(data):08x}{zlib.adler32(data):08x}{_ENDING}"


def _is_ours(name: str) -> bool:
    """Whether a file is a cache, or what a killed run has left beside one."""
    key, found, rest = name.partition(_ENDING)
    return bool(found) and len(key) == 16 and (not rest or rest.startswith(".torchlint-"))


def _sum(data: bytes) -> bytes:
    import zlib

    return zlib.crc32(data).to_bytes(4, "big")


def _framed(start: bytes, part: bytes) -> bytes:
    """A part as `_read` takes it."""
    return start + _sum(part) + len(part).to_bytes(8, "big") + part


def _read(file: BinaryIO, start: bytes) -> bytes | None:
    """The next part of a file, which must begin with some bytes; `None` if it does not, or is not whole."""
    head = file.read(len(start) + 12)
    if not head.startswith(start) or len(head) < len(start) + 12:
        return None
    data = file.read(min(int.from_bytes(head[-8:], "big"), os.fstat(file.fileno()).st_size))
    return data if _sum(data) == head[-12:-8] else None


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


def _together(numbers: Iterable[int]) -> bytes:
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
    """Remove what no run has written for a long time."""
    from contextlib import suppress

    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        with suppress(OSError):
            if _is_ours(name) and time.time() - os.stat(path).st_mtime > _KEPT:
                os.unlink(path)
