"""Recall: bugs that real projects reported or fixed, and whether torchlint says so in the version that has them.

`recall.toml` names each bug by project, commit, file, lines and rule; `recall.md` says how they were chosen. The repositories
are read from local clones, one directory `OWNER+NAME` for each.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from ecosystem import projects

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).resolve().parent
BUGS = HERE / "recall.toml"
ROOT = HERE.parents[1]
NEAR = 40  # lines between the defect and what a finding points to
LIMIT = 600  # seconds for one bug


class Bug(NamedTuple):
    """One bug: `commit` has it, `confirmed` is `fixed`, `acknowledged` or `reported`; `result` is `found` or `silent`, from `why`."""

    project: str
    report: str
    commit: str
    confirmed: str
    file: str
    lines: tuple[int, ...]
    rule: str
    result: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.project} {self.file}:{self.lines[0]} {self.rule}"


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command `recall`."""
    command = commands.add_parser("recall", help="bugs of real projects: found or silent, against recall.toml")
    command.add_argument("names", nargs="*", help="projects (OWNER/NAME) or rules; all without")
    command.add_argument("--clones", type=Path, help="where the repositories lie; by default beside the ecosystem set")
    command.add_argument("--clone-from", metavar="URL", help="clone what is missing from URL/OWNER/NAME")


def bugs() -> list[Bug]:
    """The recorded bugs."""
    entries = tomllib.loads(BUGS.read_text(encoding="utf-8"))["bug"]
    return [Bug(**(entry | {"lines": tuple(entry["lines"])})) for entry in entries]


def run(arguments: argparse.Namespace) -> int:
    """Check the bugs; exit code 1 where a result is not the recorded one."""
    clones = arguments.clones or projects.cache() / "clones"
    chosen = [b for b in bugs() if not arguments.names or {b.project, b.rule} & set(arguments.names)]
    results: list[tuple[Bug, str]] = []
    for bug, result in checked(chosen, clones, arguments.clone_from):
        changed = "" if result in (bug.result, "absent") else f" (was {bug.result})"
        print(f"{result:7}{changed} {bug}", flush=True)
        results.append((bug, result))
    table(results)
    return 1 if any(result != bug.result for bug, result in results) else 0


def checked(chosen: Iterable[Bug], clones: Path, source: str | None) -> Iterator[tuple[Bug, str]]:
    """Each bug with `found`, `silent`, or `absent` where its repository or commit is not there."""
    for bug in chosen:
        repository = clone(bug.project, clones, source)
        with tempfile.TemporaryDirectory(prefix="torchlint-") as scratch:
            there = repository is not None and lay(repository, bug.commit, Path(scratch))
            yield bug, ("found" if is_seen(bug, Path(scratch)) else "silent") if there else "absent"


def clone(project: str, clones: Path, source: str | None) -> Path | None:
    """The git directory of a project, cloned if it is missing and there is a source."""
    root = clones / project.replace("/", "+")
    if not root.exists() and source:
        subprocess.run(["git", "clone", "--quiet", "--bare", f"{source}/{project}", str(root)], check=False)
    places = (root / "repo" / ".git", root / "repo", root / ".git", root)
    return next((path for path in places if (path / "HEAD").is_file()), None)


def lay(repository: Path, commit: str, root: Path) -> bool:
    """Lay the Python files of a commit under `root`."""
    command = ["git", f"--git-dir={repository}", "archive", "--format=tar", commit, "--", "*.py"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        return False
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            inside = projects.wanted(f"top/{member.name}", is_wheel=False)
            stream = archive.extractfile(member) if inside and member.isfile() else None
            if inside and stream:
                target = root / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(stream.read())
    return True


def is_seen(bug: Bug, root: Path) -> bool:
    """Whether a finding of the bug's rule, or a related place of it, lies near the defect."""
    command = [
        sys.executable,
        "-m",
        "torchlint",
        "check",
        "--isolated",
        "--config=preview=true",
        f"--select={bug.rule}",
    ]
    command += ["--output-format=json", "--exit-zero", "--no-respect-gitignore", "-j1", "."]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT
    )
    if done.returncode:
        raise RuntimeError(f"{bug}: {done.stderr.strip().splitlines()[-1:]}")
    places = [
        (Path(os.path.normpath(root / place["filename"])), place["location"]["row"])
        for entry in json.loads(done.stdout)
        if entry["name"] == bug.rule
        for place in (entry, *(entry.get("related") or ()))
    ]
    wanted = root / bug.file
    return any(path == wanted and any(abs(row - line) <= NEAR for line in bug.lines) for path, row in places)


def table(results: Iterable[tuple[Bug, str]]) -> None:
    """Found and all, per rule and by how sure the project was."""
    present = [(bug, result) for bug, result in results if result != "absent"]
    for title, key in (("rule", lambda bug: bug.rule), ("confirmed", lambda bug: bug.confirmed), ("", lambda _: "all")):
        all_of = Counter(key(bug) for bug, _ in present)
        found = Counter(key(bug) for bug, result in present if result == "found")
        print(f"\n{title:36} found    of" if title else "")
        for name, number in sorted(all_of.items()):
            print(f"{name:36} {found[name]:5} {number:5}")
