"""A baseline of one release, held against the next: what moved must not be new, and what came must be.

What moved is told by git, which knows nothing of fingerprints: both releases are committed to a scratch repository, and a
finding has moved if `git blame` leads its line back to a line of the earlier release that had a finding of the same rule.
Where git and the baseline disagree, `earlier/read.txt` has what a person found.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from ecosystem import projects
from ecosystem.projects import HERE, Project, Split

EARLIER = Split("earlier", HERE / "earlier")
ROOT = HERE.parents[1]
FILE = ".torchlint-baseline.json"
OPTIONS = ("--isolated", "--config=preview=true", "--select=ALL", "--no-respect-gitignore")


class Row(NamedTuple):
    """What became of the findings of one project; `moved` and `came` are git's words, `known` and `new` the baseline's."""

    name: str
    before: int
    moved_known: int
    moved_new: list[str]
    came_new: list[str]
    came_known: list[str]
    stale: int


def add_arguments(commands: Any) -> None:
    """The command line of `run.py baseline`."""
    parser = commands.add_parser("baseline", help="a baseline of an earlier release against the pinned one")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--pin", action="append", default=[], metavar="NAME==VERSION", help="pin an earlier release")
    parser.add_argument("--since", action="store_true", help="with `check --since` instead of a baseline file")
    parser.add_argument("--show", action="store_true", help="list the findings that are new, and where git disagrees")


def run(arguments: argparse.Namespace) -> int:
    """Compare; the exit code tells whether something that moved was new or something that came was not."""
    for requirement in arguments.pin:
        pin(requirement)
    earlier = projects.pinned(arguments.names, split=EARLIER)
    now = {project.name: project for project in projects.pinned()}
    print(f"{'project':<24}{'from':>9}{'to':>9}{'then':>6}{'moved':>7}{'new':>5}{'came':>6}{'known':>6}{'stale':>7}")
    rows = []
    for project in earlier:
        projects.fetch(project)
        projects.fetch(now[project.name])
        row = compare(project, now[project.name], since=arguments.since)
        rows.append(row)
        moved, came = row.moved_known + len(row.moved_new), len(row.came_new) + len(row.came_known)
        counts = f"{row.before:>6}{moved:>7}{len(row.moved_new):>5}{came:>6}{len(row.came_known):>6}{row.stale:>7}"
        print(f"{row.name:<24}{project.version:>9}{now[project.name].version:>9}{counts}", flush=True)
        for title, lines in (("moved, but new", row.moved_new), ("came, but known", row.came_known)):
            for line in lines:
                print(f"  {title}: {line}")
        for line in row.came_new if arguments.show else ():
            print(f"  came: {line}")
    moved = sum(row.moved_known + len(row.moved_new) for row in rows)
    came = sum(len(row.came_new) + len(row.came_known) for row in rows)
    wrong_moved, wrong_came = sum(len(row.moved_new) for row in rows), sum(len(row.came_known) for row in rows)
    print(f"\n{len(rows)} projects: {moved} findings moved, {wrong_moved} of them new; ", end="")
    print(f"{came} findings came, {wrong_came} of them not new")
    return 1 if wrong_moved or wrong_came else 0


def pin(requirement: str) -> None:
    """Add or renew an earlier release."""
    name, _, version = requirement.partition("==")
    with tempfile.TemporaryDirectory() as scratch:
        archive = projects.download(name, version, "sdist", Path(scratch))
        sha256, size = projects.hash_of(archive), archive.stat().st_size
        project = Project(name, version, "sdist", sha256, size, earlier=True)
        projects.unpack(archive, project.root, sha256)
    EARLIER.home.mkdir(exist_ok=True)
    projects.write_pins([p for p in projects.pinned(split=EARLIER) if p.name != name] + [project], EARLIER)


def compare(then: Project, now: Project, *, since: bool) -> Row:
    """The findings of two releases of one project."""
    with tempfile.TemporaryDirectory(prefix="torchlint-") as scratch:
        work = Path(scratch) / "work"
        shutil.copytree(then.root, work, ignore=shutil.ignore_patterns(projects.STAMP))
        git(work, "init", "-q")
        before = findings(work)
        first = commit(work)
        if not since:
            torchlint(work, "baseline", *OPTIONS, "--quiet", f"--baseline={FILE}")
        for path in work.iterdir():
            if path.name not in (".git", FILE):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(now.root, work, ignore=shutil.ignore_patterns(projects.STAMP), dirs_exist_ok=True)
        asked = f"--since={first}" if since else f"--baseline={FILE}"
        found = findings(work, asked, "--show-suppressed")
        commit(work)
        rules = [f for f in before if not f["code"].startswith("TL0")]
        old = Counter((f["filename"], f["location"]["row"], f["code"]) for f in rules)
        return judged(now.name, work, first, old, found)


def judged(name: str, work: Path, first: str, old: Counter[tuple[str, int, str]], found: list[dict[str, Any]]) -> Row:
    """Each finding of the later release, by what git and torchlint say about it."""
    moved_known, moved_new, came_new, came_known = 0, [], [], []
    read, before = read_by_people(name), sum(old.values())
    stale = sum(f["code"] == "TL004" for f in found)
    found = [f for f in found if not f["code"].startswith("TL0")]
    origins = [(f, origin(work, first, f)) for f in found]
    origins.sort(key=lambda item: item[1] is None or item[1][0] != item[0]["filename"])
    for finding, place in origins:
        known = (finding["suppressed"] or {}).get("by") in ("baseline", "since")
        moved = place is not None and old[(*place, finding["code"])] > 0
        if place is not None and moved:
            old[(*place, finding["code"])] -= 1
        line = f"{finding['filename']}:{finding['location']['row']} {finding['code']} {finding['message']}"
        if known and (moved or (finding["filename"], finding["code"]) in read):
            moved_known += 1
        else:
            (moved_new if moved else came_known if known else came_new).append(line)
    return Row(name, before, moved_known, moved_new, came_new, came_known, stale)


def read_by_people(name: str) -> set[tuple[str, str]]:
    """Path and code of findings that moved although git does not see it."""
    lines = (EARLIER.home / "read.txt").read_text(encoding="utf-8").splitlines()
    return {(words[1], words[2]) for words in (line.split(" ", 3) for line in lines) if words[0] == name}


def origin(work: Path, first: str, finding: dict[str, Any]) -> tuple[str, int] | None:
    """The file and line of the earlier release that git leads the line of a finding back to."""
    row = finding["location"]["row"]
    words = ("blame", "-w", "-M", "-C", "-C", "--line-porcelain", f"-L{row},{row}", "--", finding["filename"])
    said = git(work, *words).splitlines()
    head = said[0].split()
    if head[0] != first:
        return None
    path = next(line.partition(" ")[2] for line in said if line.startswith("filename "))
    return path, int(head[1])


def findings(work: Path, *options: str) -> list[dict[str, Any]]:
    """The findings in a directory, with paths relative to it."""
    said = torchlint(work, "check", *OPTIONS, "--output-format=json", "--exit-zero", *options, ".")
    found: list[dict[str, Any]] = json.loads(said)
    return [
        f | {"filename": os.path.relpath(f["filename"], work) if os.path.isabs(f["filename"]) else f["filename"]}
        for f in found
    ]


def commit(work: Path) -> str:
    """Commit all Python files; returns the id."""
    git(work, "add", "-A", "-f", "--", "*.py")
    git(work, "commit", "-q", "--allow-empty", "-m", "release")
    return git(work, "rev-parse", "HEAD").strip()


def git(work: Path, *words: str) -> str:
    """What git says, in a repository that knows nobody."""
    identity = ("-c", "user.name=ecosystem", "-c", "user.email=ecosystem@example.org", "-c", "gc.auto=0")
    done = subprocess.run(
        ["git", *identity, *words], cwd=work, capture_output=True, text=True, errors="replace", check=True
    )
    return done.stdout


def torchlint(work: Path, *words: str) -> str:
    """What torchlint prints; `RuntimeError` if it could not do its job."""
    command = [sys.executable, "-m", "torchlint", *words]
    done = subprocess.run(
        command, cwd=work, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    if done.returncode > 1:
        raise RuntimeError(f"{' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout
