"""The oldest torch that a project runs on, read from its files and never by importing torch.

The sources, in this order: the configuration; the lower bound in the dependencies (`pyproject.toml`, `setup.cfg`,
`setup.py`, `requirements*.txt`, `environment.yml`); the lock file; the metadata of the installed torch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import NamedTuple

_DECLARED = ("pyproject.toml", "setup.cfg", "setup.py", "environment.yml", "environment.yaml", "Pipfile")
_LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
# compiled by `re` when they are first used, which most runs never do
_REQUIREMENT = (
    r"""(?:^|["'\s])(?:torch|pytorch)(?:\[[^\]]*\])?["']?\s*"""
    r"""(?:=\s*(?:\{[^}]*?\bversion\s*=\s*)?["'](?=[\^~<>=!\d]))?[({"']*\s*"""
    r"""(?P<bounds>[~^<>=!]{1,3}\s*\d[^"';#)\n]*|\d[\d.]*(?=["']))"""
)
_LOWER = r"(?P<sign>~=|===|==|>=|\^|~|>|=|)\s*v?(?P<major>\d+)(?:\.(?P<minor>\d+))?"
_BOUND = r"(?P<sign>~=|===|==|>=|<=|!=|\^|~|>|<|=|)\s*v?(?P<major>\d+)(?:\.(?P<minor>\d+))?(?:\.(?P<patch>\d+))?"
_LOCKED = r"""name = "torch"\s*\nversion = "(\d+)\.(\d+)"""
_LOCKED_JSON = r'(?s)"torch": \{[^{}]*?"version": "==(\d+)\.(\d+)'
_INSTALLED = r"torch-(\d+)\.(\d+)[^-]*\.(?:dist|egg)-info$"


class Known(NamedTuple):
    """A torch version, and where it was read (a path or `installed`)."""

    version: tuple[int, int]
    source: str


def of_project(root: str) -> Known | None:
    """The lowest torch version that the project at `root` allows, or `None` if nothing tells it."""
    for found in (_declared(root), _locked(root), _installed(root)):
        for known in found:
            return known
    return None


def below_of_project(root: str) -> tuple[int, int] | None:
    """The first torch version that the project rules out at the upper end, or `None` if it takes the newest."""
    bounds = [bound for path in _files(root) for line in _lines(path) for bound in upper_bounds(line)]
    if bounds:
        known = [bound for bound in bounds if bound is not None]
        return max(known) if len(known) == len(bounds) else None
    for found in (_locked(root), _installed(root)):
        for version, _ in found:
            return version[0], version[1] + 1
    return None


def upper_bounds(line: str) -> Iterator[tuple[int, int] | None]:
    """The first version that each torch requirement of a line excludes at its upper end; `None` where it has none.

    `torch>=2.1,<3` gives (3, 0), `torch==2.1.*` gives (2, 2), `torch>=2.1` gives `None`.
    """
    if "torch" not in line or line.lstrip().startswith(("#", ";", "//")):
        return
    for found in re.finditer(_REQUIREMENT, line):
        parts = [re.match(_BOUND, part.strip()) for part in found.group("bounds").split(",")]
        ends = [_end(part) for part in parts if part]
        yield min((end for end in ends if end is not None), default=None)


def _end(bound: re.Match[str]) -> tuple[int, int] | None:
    sign, major, minor = bound.group("sign"), int(bound.group("major")), int(bound.group("minor") or 0)
    if sign == "<":
        return (major, minor + 1) if int(bound.group("patch") or 0) else (major, minor)
    if sign == "^" or (sign == "~=" and bound.group("patch") is None):
        return major + 1, 0
    return (major, minor + 1) if sign in ("<=", "==", "===", "~=", "~", "") else None


def sources(root: str) -> Iterator[str]:
    """All files and directories whose change can change the answers, whether they are there or not."""
    yield from _files(root)
    yield from (root, os.path.join(root, "requirements"))
    yield from (os.path.join(root, name) for name in _LOCKS)
    for base in (os.path.join(root, ".venv"), os.path.join(root, "venv")):
        yield os.path.join(base, "lib")
    yield from _site_packages(root)


def _declared(root: str) -> Iterator[Known]:
    for path in _files(root):
        bounds = [bound for line in _lines(path) for bound in lower_bounds(line)]
        if bounds:
            yield Known(min(bounds), path)


def _files(root: str) -> Iterator[str]:
    for name in _DECLARED:
        yield os.path.join(root, name)
    for directory in (root, os.path.join(root, "requirements")):
        try:
            names = sorted(os.listdir(directory))
        except OSError:
            continue
        for name in names:
            if name.endswith(".txt") and ("requirements" in name or directory != root):
                yield os.path.join(directory, name)


def lower_bounds(line: str) -> Iterator[tuple[int, int]]:
    """The lower bounds that one line of a dependency file gives for torch.

    `torch>=2.1,<3` gives (2, 1); `torch<3` and `torch` alone give nothing.
    """
    if "torch" not in line or line.lstrip().startswith(("#", ";", "//")):
        return
    for found in re.finditer(_REQUIREMENT, line):
        lowest = []
        for part in found.group("bounds").split(","):
            bound = re.match(_LOWER, part.strip())
            if bound:
                lowest.append((int(bound.group("major")), int(bound.group("minor") or 0)))
        if lowest:
            yield max(lowest)


def _locked(root: str) -> Iterator[Known]:
    for name in _LOCKS:
        path = os.path.join(root, name)
        text = "\n".join(_lines(path))
        found = re.search(_LOCKED, text) or re.search(_LOCKED_JSON, text)
        if found:
            yield Known((int(found.group(1)), int(found.group(2))), path)


def _installed(root: str) -> Iterator[Known]:
    for directory in _site_packages(root):
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        for name in names:
            found = re.match(_INSTALLED, name)
            if found:
                yield Known((int(found.group(1)), int(found.group(2))), os.path.join(directory, name))


def _site_packages(root: str) -> Iterator[str]:
    """The project's own environment, the active one, then the one that torchlint runs in."""
    import sys

    for base in (os.path.join(root, ".venv"), os.path.join(root, "venv"), os.environ.get("VIRTUAL_ENV", "")):
        library = os.path.join(base, "lib")
        if base and os.path.isdir(library):
            for name in sorted(os.listdir(library)):
                yield os.path.join(library, name, "site-packages")
            yield os.path.join(base, "Lib", "site-packages")
    yield from (path for path in sys.path if path.endswith(("site-packages", "dist-packages")))


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []
