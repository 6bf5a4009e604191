"""Which files a check reads, which project they belong to, and their text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlint.settings import BASELINE, Settings, matches
from torchlint.settings import FILES as CONFIGURATION

if TYPE_CHECKING:
    from torchlint.source.notebook import Notebook

NOTEBOOK = ".ipynb"
SUFFIXES = (".py", ".pyw", NOTEBOOK)
_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
_CONFIGURES = frozenset(CONFIGURATION)
MARKS = frozenset({*CONFIGURATION, *_ROOT_MARKS, BASELINE, ".gitignore"})
"""Names whose presence in a directory decides about the files in it and below it."""

_COOKIE = rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)"


class NotText(Exception):
    """Bytes that Python could not read as source: what is wrong, and on which line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class File(NamedTuple):
    """A file to be checked: its absolute path, and whether the user named it rather than a directory around it."""

    path: str
    named: bool


class Decoded(NamedTuple):
    """The text of a file without its byte order mark, and what is needed to write it back unchanged.

    The text of a notebook is the program that its code cells make.
    """

    text: str
    encoding: str
    mark: bytes
    notebook: Notebook | None = None

    def encoded(self, text: str) -> bytes:
        """The bytes of a changed text, in the same encoding and with the same byte order mark.

        Raises:
            ValueError: if the encoding cannot express the text, or the cells of a notebook cannot hold it.
        """
        whole = text if self.notebook is None else self.notebook.changed(text)
        return self.mark + whole.encode(self.encoding)


class Entry(NamedTuple):
    """What a directory held when it was listed, after everything that is skipped was left out.

    `stamp` is that of the directory (`stamp_of`), `filter` says what was skipped; `marks` are the names of `MARKS`.
    """

    stamp: tuple[int, int]
    filter: str
    files: tuple[str, ...]
    inner: tuple[str, ...]
    marks: tuple[str, ...]


class Tree:
    """The directories that were searched, so that what they hold need not be found out twice.

    Args:
        before: what is known of a directory from an earlier run; it counts as long as its stamp is that of the
            directory and the same things are skipped.

    `fresh` are the directories that were listed anew, `links` those of them with symbolic links, which can lead to
    something else without a change of the directory.
    """

    def __init__(self, before: Callable[[str], Entry | None] = lambda _: None) -> None:
        self.before = before
        self.entries: dict[str, Entry] = {}
        self.fresh: set[str] = set()
        self.links: set[str] = set()

    def has(self, directory: str, name: str) -> bool:
        """Whether a directory has a file of `MARKS`."""
        known = self.entries.get(directory)
        return name in known.marks if known is not None else os.path.exists(os.path.join(directory, name))


def stamp_of(status: os.stat_result) -> tuple[int, int]:
    """The times at which a directory's list of names, or a file's content, last changed."""
    return status.st_mtime_ns, status.st_ctime_ns


def files(
    paths: Sequence[str],
    settings_for: Callable[[str], Settings],
    missing: Callable[[str], None],
    most: int | None = None,
    tree: Tree | None = None,
    force_exclude: bool = False,
) -> Iterator[File]:
    """The Python files and notebooks at and under some paths, each once, files before directories, in order of name.

    A named file is taken whatever it is called and whatever is excluded, unless `force_exclude` says otherwise.
    `missing` is told about each path that does not exist or cannot be entered, with one clear line. Symbolic links to
    directories are followed once. Under each path not more than `most` directories are searched.
    """
    tree = tree if tree is not None else Tree()
    if len(paths) == 1 and os.path.isdir(paths[0]) and not force_exclude:
        yield from _under(os.path.abspath(paths[0]), settings_for, missing, most, tree)
        return
    found: dict[str, File] = {}
    for path in paths:
        absolute = os.path.abspath(path)
        if force_exclude and _excluded(absolute, settings_for):
            continue
        if os.path.isdir(absolute):
            for file in _under(absolute, settings_for, missing, most, tree):
                found.setdefault(file.path, file)
        elif os.path.exists(absolute):
            found[absolute] = File(absolute, True)
        else:
            missing(f"{path}: no such file or directory")
    yield from sorted(found.values(), key=_place)


def _place(file: File) -> tuple[tuple[bool, str], ...]:
    """What files are sorted by: in each directory its files come first."""
    *above, name = file.path.split(os.sep)
    return (*((True, part) for part in above), (False, name))


def _excluded(path: str, settings_for: Callable[[str], Settings]) -> bool:
    settings = settings_for(path if os.path.isdir(path) else os.path.dirname(path))
    return matches(path, settings.root, (*settings.exclude, *settings.extend_exclude))


def _under(
    top: str, settings_for: Callable[[str], Settings], missing: Callable[[str], None], most: int | None, tree: Tree
) -> Iterator[File]:
    ignored = _GitIgnores(top, tree)
    entered: set[tuple[int, int]] = set()
    todo: list[tuple[str, Settings | None]] = [(top, None)]
    while todo and (most is None or len(entered) < most):
        directory, settings = todo.pop()
        try:
            status = os.stat(directory)
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            entry = tree.entries.get(directory) or tree.before(directory)
            scanned = None
            if entry is None or entry.stamp != stamp_of(status):
                scanned = _scanned(directory)
                entry = _marked(scanned, stamp_of(status))
            tree.entries[directory] = entry
            if settings is None or not _CONFIGURES.isdisjoint(entry.marks):
                settings = settings_for(directory)
            skips = _filter(settings, ignored, directory)
            if entry.filter != skips:
                scanned = scanned if scanned is not None else _scanned(directory)
                entry = _filtered(entry._replace(filter=skips), scanned, settings, ignored)
                tree.entries[directory] = entry
                tree.fresh.add(directory)
                if any(item.is_symlink() for item in scanned):
                    tree.links.add(directory)
        except OSError as error:
            missing(f"{_shown(directory)}: cannot be entered: {error.strerror or error}")
            continue
        start = directory if directory.endswith(os.sep) else directory + os.sep
        for name in entry.files:
            yield File(start + name, False)
        todo.extend((start + name, settings) for name in reversed(entry.inner))


def _scanned(directory: str) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as scan:
        return sorted(scan, key=lambda entry: entry.name)


def _marked(scanned: list[os.DirEntry[str]], stamp: tuple[int, int]) -> Entry:
    return Entry(stamp, "", (), (), tuple(entry.name for entry in scanned if entry.name in MARKS))


def _filter(settings: Settings, ignored: _GitIgnores, directory: str) -> str:
    """All that decides which names of a directory are skipped, as one text."""
    git = ignored.text(directory) if settings.respect_gitignore else ""
    known = ignored.filters.get((id(settings), git))
    if known is None:
        known = "\n".join(("+", settings.root, *settings.exclude, *settings.extend_exclude, git))
        ignored.filters[id(settings), git] = known
    return known


def _filtered(entry: Entry, scanned: list[os.DirEntry[str]], settings: Settings, ignored: _GitIgnores) -> Entry:
    patterns = (*settings.exclude, *settings.extend_exclude)
    found: list[str] = []
    inner: list[str] = []
    for item in scanned:
        is_directory = _is_directory(item)
        if not is_directory and not item.name.endswith(SUFFIXES):
            continue
        if matches(item.path, settings.root, patterns):
            continue
        if settings.respect_gitignore and ignored.covers(item.path, is_directory):
            continue
        if is_directory:
            inner.append(item.name)
        elif _is_file(item):
            found.append(item.name)
    return entry._replace(files=tuple(found), inner=tuple(inner))


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


class _GitIgnores:
    """The `.gitignore` files from the top of the repository down to each directory."""

    def __init__(self, top: str, tree: Tree) -> None:
        self._tree = tree
        self.filters: dict[tuple[int, str], str] = {}
        self._chains: dict[str, tuple[str, list[tuple[str, Any]]]] = {}
        self._repository = _above(top, (".git",))

    def text(self, directory: str) -> str:
        """All that the files say that count in a directory."""
        return self._chain(directory)[0]

    def covers(self, path: str, is_directory: bool) -> bool:
        """Whether git would ignore the path; a later pattern or a deeper file overrides an earlier one."""
        ignored = False
        for directory, spec in self._chain(os.path.dirname(path))[1]:
            relative = path[len(directory) :].lstrip(os.sep).replace(os.sep, "/")
            answer = spec.check_file(relative + "/" if is_directory else relative).include
            if answer is not None:
                ignored = answer
        return ignored

    def _chain(self, directory: str) -> tuple[str, list[tuple[str, Any]]]:
        if self._repository is None:
            return "", []
        known = self._chains.get(directory)
        if known is not None:
            return known
        parent = os.path.dirname(directory)
        text = ""
        chain: list[tuple[str, Any]] = []
        if directory != self._repository and parent != directory:
            text, chain = self._chain(parent)
        if self._tree.has(directory, ".gitignore"):
            own = _text(os.path.join(directory, ".gitignore"))
            text = f"{text}\0{directory}\0{own}"
            chain = [*chain, (directory, _Spec(own))]
        self._chains[directory] = text, chain
        return text, chain


class _Spec:
    """The patterns of one `.gitignore`, read when the first path is asked about."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._spec: Any = None

    def check_file(self, path: str) -> Any:
        """What the patterns say of a path."""
        if self._spec is None:
            from pathspec import GitIgnoreSpec

            self._spec = GitIgnoreSpec.from_lines(line for line in self._text.splitlines() if _valid(line))
        return self._spec.check_file(path)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _valid(line: str) -> bool:
    return line.strip() not in ("!", "/", "")


def _above(path: str, marks: Sequence[str]) -> str | None:
    """The nearest directory at or above a path that contains one of the marks."""
    current = path
    while True:
        if any(os.path.exists(os.path.join(current, mark)) for mark in marks):
            return current
        parent = os.path.dirname(current)
        if parent == current:
            return None
        current = parent


def is_project(directory: str) -> bool:
    """Whether a directory is marked as the root of a project."""
    return any(os.path.exists(os.path.join(directory, mark)) for mark in _ROOT_MARKS)


def project_root(
    path: str, checked: Sequence[str], cache: dict[str, str] | None = None, tree: Tree | None = None
) -> str:
    """The directory that imports of a file start from.

    That is the nearest one above it with a `pyproject.toml`, a `setup.py` or a repository; else the checked directory
    (of `checked`, absolute) that contains the file; else the file's own.
    """
    cache = {} if cache is None else cache
    tree = Tree() if tree is None else tree
    directory = os.path.dirname(path)
    root = cache.get(directory)
    if root is None:
        parent = os.path.dirname(directory)
        if any(tree.has(directory, mark) for mark in _ROOT_MARKS) and parent != directory:
            root = directory
        elif parent != directory and (above := _marked_above(parent, cache, tree)):
            root = above
        else:
            around = [top for top in checked if directory == top or directory.startswith(top.rstrip(os.sep) + os.sep)]
            root = max(around, key=len, default=directory)
            root = root if os.path.isdir(root) else directory
        cache[directory] = root
    return root


def _marked_above(directory: str, cache: dict[str, str], tree: Tree) -> str:
    """The nearest marked directory at or above one, but for the top of the file system; empty if there is none."""
    key = "\0" + directory
    known = cache.get(key)
    if known is None:
        parent = os.path.dirname(directory)
        if parent == directory:
            known = ""
        elif any(tree.has(directory, mark) for mark in _ROOT_MARKS):
            known = directory
        else:
            known = _marked_above(parent, cache, tree)
        cache[key] = known
    return known


def decode(data: bytes, path: str = "") -> Decoded:
    """The text of a Python file, by its byte order mark or its coding cookie (PEP 263), else as UTF-8.

    The path tells whether it is a notebook.

    Raises:
        NotText: if the bytes are not in that encoding, the encoding is unknown, or there are null bytes.
    """
    mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    body = data[len(mark) :]
    if path.endswith(NOTEBOOK):
        return _notebook(body, mark)
    zero = body.find(b"\0")
    if zero >= 0:
        raise NotText("the file contains null bytes", body.count(b"\n", 0, zero) + 1)
    encoding = "utf-8" if mark else _cookie(body)
    try:
        return Decoded(body.decode(encoding), encoding, mark)
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        name = "UTF-8" if encoding == "utf-8" else encoding
        raise NotText(f"the file is not valid {name} (byte {body[error.start]:#04x})", line) from None
    except (LookupError, ValueError):
        raise NotText(f"the file declares an unknown encoding `{encoding}`", 1) from None


def _notebook(body: bytes, mark: bytes) -> Decoded:
    from torchlint.source.notebook import NotNotebook, read

    try:
        notebook = read(body)
    except NotNotebook as wrong:
        raise NotText(wrong.message, wrong.line) from None
    return Decoded(notebook.text, "utf-8", mark, notebook)


def _cookie(body: bytes) -> str:
    for line in body.split(b"\n", 2)[:2]:
        found = re.match(_COOKIE, line)
        if found:
            return found.group(1).decode()
        if line.strip() and not line.lstrip().startswith(b"#"):
            break
    return "utf-8"


def _shown(path: str) -> str:
    relative = os.path.relpath(path)
    return path if relative.startswith("..") else relative
