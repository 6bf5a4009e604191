"""The files that are measured: torch code of the ecosystem set, or a seeded part of it, in the layout it has there."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from ecosystem import files, projects

SEED = 20260401


def torch_code() -> list[Path]:
    """The torch-importing files of all unpacked projects, relative to the cache, sorted."""
    there = [project for project in projects.pinned() if project.is_there]
    return [path.relative_to(projects.cache()) for project in there for path in files.torch_files(project.root)]


def whole_projects(paths: Sequence[Path], lines: int) -> list[Path]:
    """The files of randomly chosen projects, none above a quarter of that many lines, until they have so many."""
    by_project: dict[str, list[Path]] = {}
    for path in paths:
        by_project.setdefault(path.parts[0], []).append(path)
    names = sorted(by_project)
    random.Random(SEED).shuffle(names)
    chosen: list[Path] = []
    for name in names:
        size = lines_in(by_project[name])
        if size <= lines / 4 and lines_in(chosen) < lines:
            chosen += by_project[name]
    return sorted(chosen)


def single_files(paths: Sequence[Path], lines: int) -> list[Path]:
    """Randomly chosen files until they have that many lines."""
    shuffled = list(paths)
    random.Random(SEED).shuffle(shuffled)
    chosen: list[Path] = []
    total = 0
    for path in shuffled:
        if total >= lines:
            break
        chosen.append(path)
        total += lines_in([path])
    return sorted(chosen)


def lay(paths: Sequence[Path], root: Path) -> Path:
    """Copy the files below `root` in the layout of the cache."""
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(projects.cache() / path, target)
    return root


def lines_in(paths: Sequence[Path]) -> int:
    """The number of lines of files given relative to the cache."""
    return sum(files.lines_of(projects.cache() / path) for path in paths)
