"""`--add-ignore REASON`: a comment at each finding that suppresses it, and the code as it was."""

from __future__ import annotations

import argparse
import ast
import re
import warnings
from collections.abc import Callable
from typing import NamedTuple

from torchlint.comments import with_comments
from torchlint.engine import Outcome
from torchlint.findings import Finding
from torchlint.settings import SettingsError


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


def _is_same_code(old: str, new: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.dump(ast.parse(old)) == ast.dump(ast.parse(new))
    except (SyntaxError, ValueError, RecursionError):
        return False
