"""No crash, no hang, no traceback: every file whole, cut off at a random place, and with random lines missing.

The files are those of the set and of the standard library. A file that does not mention torch gets an import of it, so that
all of them pass through the model and the rules.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from ecosystem import files, projects
from torchlint import engine, packs, selection
from torchlint.hygiene import RULE_CRASHED
from torchlint.selection import Ruleset
from torchlint.settings import Settings

SEED = 20260401
SECONDS = 10.0  # of CPU time for one file
SECONDS_PER_LINE = 0.002
BATCH = 50


class Trouble(NamedTuple):
    """What went wrong with which variant of which file."""

    path: str
    variant: str
    what: str


class Batch(NamedTuple):
    """What became of some files: troubles, and the slowest variants as (seconds, lines, path, variant)."""

    checked: int
    troubles: list[Trouble]
    slowest: list[tuple[float, int, str, str]]


class Late(BaseException):
    """The time for one file is over; not an `Exception`, so that nothing on the way swallows it."""


def add_arguments(commands: Any) -> None:
    """Declare the command `robust`."""
    parser = commands.add_parser("robust", help="every file whole, truncated, with lines missing: no crash, no hang")
    parser.add_argument("--share", type=float, default=1.0, help="share of the files, chosen at random")
    parser.add_argument("--seconds", type=float, default=0.0, help="stop after that time")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--no-library", action="store_true", help="without the standard library")


def main(arguments: argparse.Namespace) -> int:
    """Check all variants of all files; exit code 1 if anything went wrong."""
    end = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    everything = list(all_files(library=not arguments.no_library))
    chosen = [item for item in everything if random.Random(f"{arguments.seed} {item[1]}").random() < arguments.share]
    random.Random(arguments.seed).shuffle(chosen)
    rules = all_rules()
    checked, troubles, slowest = 0, [], []
    for start in range(0, len(chosen), BATCH):
        if time.monotonic() > end:
            break
        part = apart(chosen[start : start + BATCH], rules, arguments.seed)
        checked += part.checked
        troubles += part.troubles
        slowest = sorted([*slowest, *part.slowest], reverse=True)[:10]
        for trouble in part.troubles:
            print(f"{trouble.path} ({trouble.variant}): {trouble.what}", flush=True)
    print(f"{checked} variants of {min(len(chosen), checked)} of {len(everything)} files, {len(troubles)} troubles")
    for seconds, lines, path, variant in slowest:
        print(f"{seconds:7.2f} s {lines:7} lines {path} ({variant})")
    return 1 if troubles else 0


def all_files(*, library: bool) -> Iterator[tuple[Path, Path]]:
    """Root and path of every file of the set and of the standard library."""
    for project in projects.pinned():
        if project.is_there:
            yield from ((project.root, path) for path in files.python_files(project.root))
    if library:
        root = Path(sysconfig.get_paths()["stdlib"])
        yield from ((root, path) for path in files.python_files(root) if "site-packages" not in path.parts)


def all_rules() -> Ruleset:
    """Every rule that loads."""
    rules, errors = packs.read()
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    return selection.build(Settings(root="", preview=True), rules, select=["ALL"])


def apart(batch: list[tuple[Path, Path]], rules: Ruleset, seed: int) -> Batch:
    """Check a batch in a process of its own, so that one that dies is told from one that fails."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with os.fdopen(writer, "w") as out:
            json.dump(checked_here(batch, rules, seed), out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answers:
        text = answers.read()
    _, status = os.waitpid(child, 0)
    if status or not text:
        names = f"{batch[0][1]} and the {len(batch) - 1} files after it"
        return Batch(0, [Trouble(names, "any", f"the process died with status {status}")], [])
    checked, troubles, slowest = json.loads(text)
    return Batch(checked, [Trouble(*t) for t in troubles], [tuple(s) for s in slowest])


def checked_here(batch: Iterable[tuple[Path, Path]], rules: Ruleset, seed: int) -> Batch:
    """Check all variants of some files."""
    signal.signal(signal.SIGPROF, on_alarm)
    checked, troubles, slowest = 0, [], []
    for root, path in batch:
        text = path.read_bytes().decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")
        for variant, changed in variants(text, random.Random(f"{seed} {path}")):
            start = time.process_time()
            trouble = trouble_with(root, path, changed, rules, alone=variant != "whole")
            slowest.append((time.process_time() - start, changed.count("\n"), str(path), variant))
            checked += 1
            if trouble:
                troubles.append(Trouble(str(path), variant, trouble))
    return Batch(checked, troubles, sorted(slowest, reverse=True)[:10])


def variants(text: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """The text and what may be left of it while someone edits."""
    if not engine.mentions_torch(text.encode(errors="surrogateescape")):
        text = "import torch\n" + text
    yield "whole", text
    yield "truncated", text[: chance.randrange(len(text))]
    lines = text.splitlines(keepends=True)
    gone = set(chance.sample(range(len(lines)), min(len(lines), chance.randint(1, 5))))
    yield "lines missing", "".join(line for number, line in enumerate(lines) if number not in gone)


def trouble_with(root: Path, path: Path, text: str, rules: Ruleset, *, alone: bool) -> str | None:
    """Check one text; what went wrong, else `None`. `alone` hides the files around it."""
    from torchlint.model import Project

    def read(other: str) -> bytes | None:
        try:
            return None if alone else Path(other).read_bytes()
        except OSError:
            return None

    signal.setitimer(signal.ITIMER_PROF, SECONDS + SECONDS_PER_LINE * text.count("\n"))
    try:
        outcome = engine.check(str(path), text, Project(str(root), read), rules)
    except Late:
        return "not ended in time"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return next((f.message for f in outcome.findings if f.code == RULE_CRASHED.code), None)


def on_alarm(number: int, frame: FrameType | None) -> None:
    """Leave what runs too long."""
    raise Late
