"""`--add-ignore REASON`: a comment at each finding that suppresses it, and the code as it was."""

from __future__ import annotations

import argparse
import ast
import io
import re
import tokenize
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torchlint.engine import Outcome
from torchlint.findings import Finding
from torchlint.settings import SettingsError
from torchlint.source.broken import parse
from torchlint.source.text import split
from torchlint.suppress import DIRECTIVE, Extents


class Ignored(NamedTuple):
    """A file with comments: the text, what is still found in it, the findings suppressed by them, and a problem."""

    text: str
    outcome: Outcome
    made: tuple[Finding, ...] = ()
    problem: str = ""


def reason_of(options: argparse.Namespace) -> str:
    """The reason that the command line gives; empty without `--add-ignore`.

    Raises:
        SettingsError: for an empty reason, and together with fixes.
    """
    if options.add_ignore is None:
        return ""
    reason = " ".join(options.add_ignore.split())
    if not reason:
        raise SettingsError("--add-ignore", "say why: the reason stands in every comment")
    if "torchlint:" in reason or re.search(r"#(?!\d)", reason):
        raise SettingsError("--add-ignore", "a reason cannot contain another comment")
    if options.fix or options.fix_only or options.unsafe_fixes:
        raise SettingsError("--add-ignore", "apply the fixes first; what is left can be ignored then")
    return reason


def ignorable(outcome: Outcome) -> list[Finding]:
    """The findings that a comment may suppress: what torchlint says about its own work is repaired instead."""
    return [finding for finding in outcome.findings if not finding.code.startswith("TL0")]


def ignore(text: str, outcome: Outcome, again: Callable[[str], Outcome], reason: str) -> Ignored:
    """Suppress all findings of a file; a file that would not stay as it is, apart from comments, is left alone."""
    if not outcome.complete:
        return Ignored(text, outcome, (), "no comments were added, as the file does not parse")
    wanted = ignorable(outcome)
    changed = with_comments(text, wanted, reason)
    left = again(changed)
    if not left.complete or not _is_same_code(text, changed):
        return Ignored(text, outcome, (), "no comments were added, as they would change the code")
    still = len(ignorable(left))
    problem = f"no place was found for the comments of {still} findings" if still else ""
    return Ignored(changed, left, tuple(wanted[: len(wanted) - still]), problem)


def with_comments(text: str, findings: Sequence[Finding], reason: str) -> str:
    """A text with comments that suppress the findings.

    A comment goes to the end of the finding's line or, where a string or a backslash goes on there, of the next line of
    the same statement that can take one. Comments that stand there stay; one with the same reason takes the names in.
    """
    lines = split(text)
    extents = Extents(parse(text)[0])
    free = _free_lines(text)
    wanted: dict[int, set[str]] = {}
    settled: set[tuple[int, int, str]] = set()
    for finding in findings:
        first, last = extents.covered(finding.place.span.line, alone=False)
        if (first, last, finding.name) in settled:
            continue
        settled.add((first, last, finding.name))
        line = finding.place.span.line
        place = next((row for row in (*range(line, last + 1), *range(first, line)) if row in free), None)
        if place is not None:
            wanted.setdefault(place, set()).add(finding.name)
    for row, names in wanted.items():
        body = lines[row - 1].rstrip("\r\n")
        lines[row - 1] = _with(body, sorted(names), reason) + lines[row - 1][len(body) :]
    return "".join(lines)


def _with(line: str, names: Sequence[str], reason: str) -> str:
    for found in re.finditer(DIRECTIVE, line):
        if found.group(1) == "ignore" and found.group(2) is not None and found.group(3).strip() == reason:
            known = [word for word in re.split(r"[\s,]+", found.group(2)) if word]
            inside = ", ".join(dict.fromkeys((*known, *names)))
            return f"{line[: found.start(2)]}{inside}{line[found.end(2) :]}"
    return f"{line.rstrip()}  # torchlint: ignore[{', '.join(names)}] {reason}"


def _free_lines(text: str) -> frozenset[int]:
    """The lines at whose end a comment can stand: those that end outside of strings and without a backslash."""
    free: set[int] = set()
    depth = 0  # of f-strings, which have tokens inside from Python 3.12 on
    starts, ends = getattr(tokenize, "FSTRING_START", None), getattr(tokenize, "FSTRING_END", None)
    plain = "".join(line.rstrip("\r\n") + "\n" for line in split(text))
    try:
        for token in tokenize.generate_tokens(io.StringIO(plain).readline):
            if token.type == starts:
                depth += 1
            elif token.type == ends:
                depth -= 1
            elif token.type in (tokenize.NEWLINE, tokenize.NL) and not depth:
                free.add(token.start[0])
    except (tokenize.TokenError, SyntaxError):
        pass
    return frozenset(free)


def _is_same_code(old: str, new: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.dump(ast.parse(old)) == ast.dump(ast.parse(new))
    except (SyntaxError, ValueError, RecursionError):
        return False
