"""Applying fixes to a file until nothing changes, writing it back unharmed, and printing patches."""

from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Callable, Iterator
from typing import NamedTuple

from torchlint import atomic, hygiene
from torchlint.discovery import Decoded
from torchlint.engine import Outcome
from torchlint.findings import Finding, Fix, Place, Safety, Severity, Span
from torchlint.workspace import shown

ROUNDS = 10


class Fixed(NamedTuple):
    """A file after its fixes: the text, what is still found in it, the findings repaired, and failures of rules."""

    text: str
    outcome: Outcome
    made: tuple[Finding, ...]
    failures: tuple[Finding, ...] = ()
    settled: bool = True


def applicable(finding: Finding, unsafe: bool) -> Fix | None:
    """The finding's primary fix, if it may be applied by a machine."""
    fix = finding.fix
    if fix is None or not fix.verbs or fix.safety is Safety.SHOWN:
        return None
    return fix if unsafe or fix.safety is Safety.SAFE else None


def fix(path: str, text: str, outcome: Outcome, check: Callable[[str], Outcome], unsafe: bool) -> Fixed:
    """Apply fixes, check again, and repeat until nothing changes or after ten rounds.

    A file that does not parse is left alone. A fix that would leave it unparsable is not applied, and is reported
    against its rule.
    """
    from torchlint.fixes import apply, compatible, edits_of

    made: list[Finding] = []
    failures: list[Finding] = []
    barred: set[str] = set()
    seen = {text}
    for _ in range(ROUNDS):
        if not outcome.complete:
            break
        wanted = [f for f in outcome.findings if applicable(f, unsafe) is not None and f.code not in barred]
        candidates = [edits_of(text, finding.fixes[0]) for finding in wanted]
        edits, taken = compatible(candidates)
        if not edits:
            break
        changed = apply(text, edits)
        if not _parses(changed):
            for finding, alone in zip(wanted, candidates, strict=True):
                if alone and not _parses(apply(text, alone)):
                    barred.add(finding.code)
                    failures.append(_failure(finding, "would leave the file unparsable"))
            if not failures or all(wanted[number].code not in barred for number in taken):
                return Fixed(text, outcome, tuple(made), tuple(failures), settled=False)
            continue
        if changed in seen:
            return Fixed(text, outcome, tuple(made), tuple(failures), settled=changed == text)
        text = changed
        seen.add(text)
        made.extend(wanted[number] for number in taken)
        outcome = check(text)
    else:
        settled = not any(applicable(f, unsafe) is not None and f.code not in barred for f in outcome.findings)
        return Fixed(text, outcome, tuple(made), tuple(failures), settled)
    return Fixed(text, outcome, tuple(made), tuple(failures))


def _parses(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _failure(finding: Finding, what: str) -> Finding:
    message = f"the fix of `{finding.name}` ({finding.code}) {what}; it was not applied"
    line = finding.place.span.line
    place = Place(finding.place.path, Span(line, 0, line, 0))
    rule = hygiene.RULE_CRASHED
    return Finding(rule.code, rule.name, place, message, severity=Severity.ERROR)


def write(path: str, decoded: Decoded, text: str) -> None:
    """Replace a file's content at once: whoever reads it sees the old or the new text. Links and modes are kept.

    Raises:
        OSError: if the directory or the file cannot be written; the old file is untouched then.
        UnicodeEncodeError: if the file's encoding cannot express the new text.
    """
    atomic.write(path, decoded.encoded(text))


_HUNK = 3


def patch(path: str, old: str, new: str) -> str:
    """A unified diff that `git apply` accepts; line ends are kept, and a missing last one is marked."""
    from difflib import unified_diff

    name = shown(path).replace(os.sep, "/")
    lines = unified_diff(_lines(old), _lines(new), f"a/{name}", f"b/{name}", n=_HUNK)
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+$", text)


class Formatter:
    """`ruff format` for the lines that fixes have changed, in projects that format with ruff."""

    def __init__(self) -> None:
        self._program: str | bool | None = False
        self._used: dict[str, bool] = {}

    def format(self, path: str, old: str, new: str) -> str:
        """`new` with the changed lines formatted, except where that would touch other lines."""
        if not self._applies(os.path.dirname(path)):
            return new
        for first, last in reversed(list(_changed(old, new))):
            formatted = self._run(path, new, first, last)
            if formatted is not None and _parses(formatted) and _only(new, formatted, first, last):
                new = formatted
        return new

    def _applies(self, directory: str) -> bool:
        known = self._used.get(directory)
        if known is None:
            known = self._used[directory] = _formats_with_ruff(directory) and self._found() is not None
        return known

    def _found(self) -> str | None:
        if self._program is False:
            import shutil

            self._program = shutil.which("ruff")
        return self._program if isinstance(self._program, str) else None

    def _run(self, path: str, text: str, first: int, last: int) -> str | None:
        import subprocess

        command = [
            str(self._found()),
            "format",
            "--quiet",
            f"--range={first}:1-{last + 1}:1",
            "--stdin-filename",
            path,
            "-",
        ]
        try:
            done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=30, check=False)
            return done.stdout.decode() if done.returncode == 0 and done.stdout else None
        except (OSError, subprocess.SubprocessError, ValueError):
            return None


def _formats_with_ruff(directory: str) -> bool:
    current = directory
    while True:
        for name in (".ruff.toml", "ruff.toml"):
            if os.path.isfile(os.path.join(current, name)):
                return True
        project = os.path.join(current, "pyproject.toml")
        if os.path.isfile(project):
            with open(project, encoding="utf-8", errors="replace") as file:
                return "[tool.ruff" in file.read()
        parent = os.path.dirname(current)
        if parent == current:
            return False
        current = parent


def _changed(old: str, new: str) -> Iterator[tuple[int, int]]:
    """Ranges of changed lines of the new text, from 1, both ends included."""
    from difflib import SequenceMatcher

    matcher = SequenceMatcher(None, _lines(old), _lines(new), autojunk=False)
    for kind, _, _, first, last in matcher.get_opcodes():
        if kind != "equal" and last > first:
            yield first + 1, last


def _only(before: str, after: str, first: int, last: int) -> bool:
    """Whether nothing outside the lines from `first` to `last` differs."""
    old, new = _lines(before), _lines(after)
    rest = len(old) - last
    return old[: first - 1] == new[: first - 1] and (rest == 0 or old[last:] == new[len(new) - rest :])
