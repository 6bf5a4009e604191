"""Which files a check reads, which project they belong to, and their text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlint.settings import Settings, matches

if TYPE_CHECKING:
    from torchlint.source.notebook import Notebook

NOTEBOOK = ".ipynb"
SUFFIXES = (".py", ".pyw", NOTEBOOK)
_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
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


def files(
    paths: Sequence[str],
    settings_for: Callable[[str], Settings],
    missing: Callable[[str], None],
    most: int | None = None,
) -> Iterator[File]:
    """The Python files at and under some paths, each once, sorted within each directory.

    A named file is taken whatever it is called and whatever is excluded. `missing` is told about each path that does
    not exist or cannot be entered, with one clear line. Symbolic links to directories are followed once. Under each
    path not more than `most` directories are searched.
    """
    seen: set[str] = set()
    for path in paths:
        absolute = os.path.abspath(path)
        if os.path.isdir(absolute):
            found = _under(absolute, settings_for, missing, most)
        elif os.path.exists(absolute):
            found = iter((File(absolute, True),))
        else:
            missing(f"{path}: no such file or directory")
            continue
        for file in found:
            if file.path not in seen:
                seen.add(file.path)
                yield file


def _under(
    top: str, settings_for: Callable[[str], Settings], missing: Callable[[str], None], most: int | None
) -> Iterator[File]:
    ignored = _GitIgnores(top)
    entered: set[tuple[int, int]] = set()
    todo = [top]
    while todo and (most is None or len(entered) < most):
        directory = todo.pop()
        try:
            mark = os.stat(directory)
            if (mark.st_dev, mark.st_ino) in entered:
                continue
            entered.add((mark.st_dev, mark.st_ino))
            with os.scandir(directory) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            missing(f"{_shown(directory)}: cannot be entered: {error.strerror or error}")
            continue
        settings = settings_for(directory)
        patterns = (*settings.exclude, *settings.extend_exclude)
        inner = []
        for entry in entries:
            is_directory = _is_directory(entry)
            if not is_directory and not entry.name.endswith(SUFFIXES):
                continue
            if matches(entry.path, settings.root, patterns):
                continue
            if settings.respect_gitignore and ignored.covers(entry.path, is_directory):
                continue
            if is_directory:
                inner.append(entry.path)
            elif _is_file(entry):
                yield File(entry.path, False)
        todo.extend(reversed(inner))


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

    def __init__(self, top: str) -> None:
        self._specs: dict[str, Any] = {}
        self._chains: dict[str, list[tuple[str, Any]]] = {}
        self._repository = _above(top, (".git",))

    def covers(self, path: str, is_directory: bool) -> bool:
        """Whether git would ignore the path; a later pattern or a deeper file overrides an earlier one."""
        ignored = False
        for directory, spec in self._chain(os.path.dirname(path)):
            relative = path[len(directory) :].lstrip(os.sep).replace(os.sep, "/")
            answer = spec.check_file(relative + "/" if is_directory else relative).include
            if answer is not None:
                ignored = answer
        return ignored

    def _chain(self, directory: str) -> list[tuple[str, Any]]:
        known = self._chains.get(directory)
        if known is not None:
            return known
        parent = os.path.dirname(directory)
        chain: list[tuple[str, Any]] = []
        if self._repository and directory != self._repository and parent != directory:
            chain = self._chain(parent)
        spec = self._spec(directory)
        if spec is not None:
            chain = [*chain, (directory, spec)]
        self._chains[directory] = chain
        return chain

    def _spec(self, directory: str) -> Any:
        if self._repository is None:
            return None
        path = os.path.join(directory, ".gitignore")
        if not os.path.isfile(path):
            return None
        from pathspec import GitIgnoreSpec

        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return GitIgnoreSpec.from_lines(line for line in file.read().splitlines() if _valid(line))
        except OSError:
            return None


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


def project_root(path: str, checked: Sequence[str], cache: dict[str, str] | None = None) -> str:
    """The directory that imports of a file start from.

    That is the nearest one above it with a `pyproject.toml`, a `setup.py` or a repository; else the checked directory
    (of `checked`, absolute) that contains the file; else the file's own.
    """
    cache = {} if cache is None else cache
    directory = os.path.dirname(path)
    root = cache.get(directory)
    if root is None:
        root = _above(directory, _ROOT_MARKS)
        if root is None or root == os.path.dirname(root):
            around = [top for top in checked if directory == top or directory.startswith(top.rstrip(os.sep) + os.sep)]
            root = max(around, key=len, default=directory)
            root = root if os.path.isdir(root) else directory
        cache[directory] = root
    return root


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
