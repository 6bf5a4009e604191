"""The Python files of the unpacked projects, and which of them are torch code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

IMPORTS_TORCH = re.compile(rb"^[ \t]*(?:import|from)[ \t]+torch", re.MULTILINE)


def python_files(root: Path) -> Iterator[Path]:
    """All Python files below a directory, sorted."""
    return (path for path in sorted(root.rglob("*.py")) if path.is_file())


def torch_files(root: Path) -> Iterator[Path]:
    """The Python files below a directory that import torch or a package named after it, sorted."""
    return (path for path in python_files(root) if IMPORTS_TORCH.search(path.read_bytes()))


def lines_of(path: Path) -> int:
    """The number of lines of a file."""
    return path.read_bytes().count(b"\n") + 1
