"""Verdicts on findings, written by people who read the code; the format is described in README.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ecosystem.places import Place
from ecosystem.projects import MAIN, Split

WORDS = ("true", "false", "unclear")
HEAD = re.compile(r"(true|false|unclear) (\S.*?) in (\S+)(?: #(\d+))?: ?(.*)")


class Verdict(NamedTuple):
    """What a reader says of one finding of one rule."""

    place: Place
    word: str
    reason: str

    def __str__(self) -> str:
        return f"{self.word} {self.place}\n    {self.reason}\n"


def file_of(rule: str, split: Split = MAIN) -> Path:
    """The verdict file of a rule, by its name."""
    return split.home / "verdicts" / f"{rule}.txt"


def read(rule: str, split: Split = MAIN) -> dict[Place, Verdict]:
    """The verdicts of a rule; `ValueError` names the line that cannot be read or says something twice."""
    path = file_of(rule, split)
    return parse(path.read_text(encoding="utf-8"), path.name) if path.exists() else {}


def parse(text: str, source: str) -> dict[Place, Verdict]:
    """Verdicts by place; `source` names the text in errors."""
    found: dict[Place, Verdict] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            if not found:
                raise ValueError(f"{source}:{number}: a reason without a verdict above it")
            place, verdict = found.popitem()
            found[place] = verdict._replace(reason=f"{verdict.reason} {line.strip()}".strip())
            continue
        head = HEAD.fullmatch(line)
        if head is None:
            raise ValueError(f"{source}:{number}: not of the form `true|false|unclear PATH in FUNCTION: STATEMENT`")
        word, path, function, nth, statement = head.groups()
        place = Place(path, function, int(nth or 1), statement)
        if place in found:
            raise ValueError(f"{source}:{number}: a second verdict on the same finding")
        found[place] = Verdict(place, word, "")
    missing = next((verdict for verdict in found.values() if not verdict.reason), None)
    if missing:
        raise ValueError(f"{source}: no reason given for {missing.place}")
    return found


def write(rule: str, verdicts: Iterable[Verdict], split: Split = MAIN) -> None:
    """Write a rule's verdicts sorted by place, keeping the comment at the top of the file."""
    path = file_of(rule, split)
    path.parent.mkdir(exist_ok=True)
    before = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    comment = "".join(line for line in before if line.startswith("#"))
    path.write_text(comment + "".join(str(v) for v in sorted(verdicts, key=lambda v: v.place)), encoding="utf-8")
