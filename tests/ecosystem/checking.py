"""Running torchlint over the set, as a user would: one process per project, findings as JSON."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ecosystem import files, projects
from ecosystem.places import Place, draw, place_of
from ecosystem.projects import MAIN, Split

ROOT = Path(__file__).resolve().parents[2]
FINDINGS = "findings.txt"
LIMIT = 900  # seconds for one project


class Found(NamedTuple):
    """One finding in the set; `path` starts with the project's name, `line` is from 1."""

    path: str
    line: int
    code: str
    name: str
    message: str
    place: Place
    related: tuple[tuple[str, int, str], ...] = ()

    @property
    def project(self) -> str:
        """The project's name."""
        return self.path.partition("/")[0]

    @property
    def id(self) -> str:
        """What `judge` and `show` call the finding; also its position in the draw."""
        return draw(self.code, str(self.place))

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code} {self.message}"


class Size(NamedTuple):
    """How much torch code a project has, and how long torchlint took, in seconds."""

    files: int
    lines: int
    seconds: float


class Run(NamedTuple):
    """The findings and sizes of a check, by project name."""

    found: list[Found]
    sizes: dict[str, Size]
    errors: list[str]


def check(chosen: Iterable[projects.Project], rules: Iterable[str] = ()) -> Iterator[Run]:
    """Check projects one after the other, with all rules or the named ones; one `Run` for each."""
    select = ",".join(rules) or "ALL"
    for project in chosen:
        torch = list(files.torch_files(project.root))
        start = time.perf_counter()
        found, errors = findings_in(project, select)
        size = Size(len(torch), sum(map(files.lines_of, torch)), time.perf_counter() - start)
        yield Run(found, {project.name: size}, errors)


def findings_in(project: projects.Project, select: str) -> tuple[list[Found], list[str]]:
    """The findings in one project, sorted, and what went wrong."""
    command = [sys.executable, "-m", "torchlint", "check", "--isolated", "--config=preview=true", f"--select={select}"]
    command += ["--output-format=json", "--exit-zero", "--no-cache", "--no-respect-gitignore", "-j1", "."]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            command, cwd=project.root, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return [], [f"{project.name}: not ended after {LIMIT} s"]
    errors = [f"{project.name}: {line}" for line in done.stderr.splitlines() if line.strip()]
    if done.returncode:
        return [], [f"{project.name}: exit {done.returncode}", *errors]
    entries = json.loads(done.stdout)
    return sorted(found_from(entry, project) for entry in entries), errors


def found_from(entry: dict[str, object], project: projects.Project) -> Found:
    """A finding from torchlint's JSON."""
    inside = relative(str(entry["filename"]), project)
    line = entry["location"]["row"]  # type: ignore[index]
    path = f"{project.name}/{inside}"
    related = tuple(
        (f"{project.name}/{relative(r['filename'], project)}", r["location"]["row"], r["message"])
        for r in entry.get("related") or ()  # type: ignore[attr-defined]
    )
    place = place_of(projects.cache(), path, line)
    return Found(path, line, str(entry["code"]), str(entry["name"]), str(entry["message"]), place, related)


def relative(filename: str, project: projects.Project) -> str:
    """A path as torchlint prints it, relative to the project's root."""
    return Path(os.path.normpath(project.root / filename)).relative_to(project.root).as_posix()


def accepted(split: Split = MAIN) -> list[str]:
    """The committed findings, one line each."""
    path = split.home / FINDINGS
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def accept(found: Iterable[Found], lines_kept: Iterable[str], split: Split = MAIN) -> None:
    """Commit to the findings, beside the accepted lines that this check did not concern."""
    lines = sorted({*map(str, found), *lines_kept})
    (split.home / FINDINGS).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def memory(split: Split) -> Path:
    """Where the last checks of a split are remembered."""
    return projects.cache() / ("last.json" if split is MAIN else f"last-{split.name}.json")


def last(split: Split = MAIN) -> Run:
    """What the last checks found, merged."""
    path = memory(split)
    if not path.exists():
        return Run([], {}, [])
    stored = json.loads(path.read_text(encoding="utf-8"))
    found = [
        Found(*entry[:5], Place(*entry[5]), tuple(tuple(r) for r in entry[6]))  # type: ignore[misc]
        for entry in stored["found"]
    ]
    return Run(found, {name: Size(*size) for name, size in stored["sizes"].items()}, [])


def remember(run: Run, codes: set[str], split: Split = MAIN) -> Run:
    """Merge a check into what is remembered: it replaces the projects it covers, of `codes` only if there are any."""
    with locked():
        before = last(split)
        kept = [f for f in before.found if f.project not in run.sizes or (codes and f.code not in codes)]
        merged = Run(sorted([*kept, *run.found]), before.sizes | run.sizes, [])
        path = memory(split)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps({"found": merged.found, "sizes": merged.sizes}), encoding="utf-8")
        part.replace(path)
    return merged


@contextmanager
def locked() -> Iterator[None]:
    """One at a time among processes that write what is remembered."""
    with (projects.cache() / "last.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
