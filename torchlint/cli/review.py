"""`torchlint check --review`: the fixes one by one, each with what it changes and why, and a key for the answer.

Nothing is written before the user says so; each accepted change is written at once, so leaving loses none.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from torchlint.cli.fixing import write
from torchlint.cli.terminal import is_terminal, key_pressed, style_of
from torchlint.discovery import Decoded, File, NotText, decode
from torchlint.engine import Outcome
from torchlint.findings import Finding, Fix, Safety
from torchlint.fixes import TextEdit, apply, edits_of
from torchlint.report import Results, Style, renderer
from torchlint.settings import SettingsError
from torchlint.workspace import Workspace, shown

if TYPE_CHECKING:
    from torchlint.cli.before import Before

_ASKED = "Apply? [y]es [n]o [a]ll of this rule [i]gnore [e]xplain [q]uit"
_KEYS = (
    ("y", "apply this fix"),
    ("n", "leave the code as it is"),
    ("a", "apply this fix, and those of all further findings of this rule without asking"),
    ("i", "write a comment with a reason that suppresses the finding"),
    ("e", "explain the rule"),
    ("2-9", "apply another of the fixes that are shown, by its number"),
    ("q", "end here; what was accepted stays"),
)
_LEAVE = ("\x04", "")  # ctrl-D, and the end of the input


class Reviewed(NamedTuple):
    """What came of a review: the outcomes of all files now, the repaired and the suppressed findings."""

    outcomes: list[tuple[File, Outcome]]
    made: tuple[Finding, ...]
    ignored: int
    changed: tuple[str, ...]


class _Quit(Exception):
    """The user has seen enough."""


class _Offer(NamedTuple):
    """A finding with the fixes that can be made, and their edits."""

    finding: Finding
    fixes: tuple[tuple[Fix, list[TextEdit]], ...]


def review(
    workspace: Workspace, outcomes: Sequence[tuple[File, Outcome]], options: argparse.Namespace, before: Before | None
) -> Reviewed:
    """Ask about each fix of some outcomes, in order, and make those that are accepted.

    Raises:
        SettingsError: if there is nobody to ask.
    """
    if not is_terminal(sys.stdin) or not is_terminal(sys.stdout):
        raise SettingsError("--review", "this asks questions, for which it needs a terminal")
    reviewer = _Reviewer(workspace, before, style_of(sys.stdout, options.color), sys.stdout)
    left = list(outcomes)
    try:
        for number, (file, outcome) in enumerate(outcomes):
            if outcome.findings and outcome.complete:
                left[number] = (file, reviewer.go_through(file, outcome))
    except _Quit as quit:
        file, outcome = quit.args
        left = [(each, outcome if each == file else old) for each, old in left]
    return Reviewed(left, tuple(reviewer.made), reviewer.ignored, tuple(dict.fromkeys(reviewer.changed)))


class _Reviewer:
    def __init__(self, workspace: Workspace, before: Before | None, style: Style, out: TextIO) -> None:
        self._workspace = workspace
        self._before = before
        self._style = style
        self._out = out
        self._accepted: set[str] = set()  # rules whose fixes are made without asking
        self.made: list[Finding] = []
        self.ignored = 0
        self.changed: list[str] = []

    def go_through(self, file: File, outcome: Outcome) -> Outcome:
        """Ask about the fixes of one file; returns what is still found in it."""
        try:
            decoded = decode(self._workspace.read(file.path) or b"", file.path)
        except NotText:
            return outcome
        passed: list[tuple[str, int]] = []  # rules and lines of findings that stay
        while True:
            offer = next(_offers(decoded.text, outcome, passed), None)
            if offer is None:
                return outcome
            finding = offer.finding
            try:
                edits = self._answer(offer, decoded.text)
            except _Quit:
                raise _Quit(file, outcome) from None
            if edits is None:
                passed.append(_mark(finding))
                continue
            text = apply(decoded.text, edits)
            again = self._checked(file.path, decoded, text)
            if not again.complete or not self._written(file.path, decoded, text):
                self._say("This change cannot be made here; the file is as it was.")
                passed.append(_mark(finding))
                continue
            passed = [(code, _moved(line, edits)) for code, line in passed]
            decoded, outcome = decode(decoded.encoded(text), file.path), again

    def _checked(self, path: str, decoded: Decoded, text: str) -> Outcome:
        found = self._workspace.check_text(path, decoded._replace(text=text))
        return found if self._before is None else self._before.take(path, found, text)

    def _written(self, path: str, decoded: Decoded, text: str) -> bool:
        """Write the file, unless somebody else has changed it since it was read."""
        try:
            if self._workspace.content(path) != decoded.encoded(decoded.text):
                self._say(f"{shown(path)} has changed meanwhile.")
                return False
            write(path, decoded, text)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._say(f"{shown(path)} cannot be written: {reason}")
            return False
        self.changed.append(path)
        self._workspace.changed(path)
        return True

    # questions

    def _answer(self, offer: _Offer, text: str) -> list[TextEdit] | None:
        """The edits that the user wants; `None` if the code stays as it is."""
        finding = offer.finding
        if finding.code in self._accepted:
            self.made.append(finding)
            return offer.fixes[0][1]
        self._show(offer)
        while True:
            question = self._style.bold(f"{_ASKED} ") + self._style.dim("(? for help) ")
            key = key_pressed(question, self._out).lower()
            self._out.write(f"{key if key.isprintable() else ''}\n")
            if key in ("q", *_LEAVE):
                raise _Quit
            if key == "n":
                return None
            if key in ("y", "a") or (key.isdigit() and 1 <= int(key) <= len(offer.fixes)):
                if key == "a":
                    self._accepted.add(finding.code)
                self.made.append(finding)
                return offer.fixes[int(key) - 1 if key.isdigit() else 0][1]
            if key == "i":
                edits = self._suppressed(finding, text)
                if edits is not None:
                    self.ignored += 1
                    return edits
            elif key == "e":
                self._explain(finding)
            else:
                self._say("\n".join(f"  {word:<4} {meaning}" for word, meaning in _KEYS))

    def _show(self, offer: _Offer) -> None:
        finding = offer.finding._replace(fixes=tuple(fix for fix, _ in offer.fixes))
        ruleset = self._workspace.ruleset(self._workspace.settings(os.path.dirname(finding.place.path)))
        self._out.write("\n")
        renderer("full")(Results([finding], ruleset.known, self._workspace.text), self._out, self._style)
        rule = ruleset.known.get(finding.code)
        if rule is not None:
            from torchlint.docs import doc_of

            self._say(textwrap.fill(f"Why: {doc_of(rule).title}", self._style.width or 100))
        if offer.fixes[0][0].safety is Safety.UNSAFE:
            self._say("The fix changes what the program computes.")

    def _suppressed(self, finding: Finding, text: str) -> list[TextEdit] | None:
        """The edit that writes a comment; `None` if the user gives no reason, or there is no place for it."""
        from torchlint.cli.ignoring import ignore

        self._out.write("Reason: ")
        self._out.flush()
        try:
            reason = " ".join(input().split())
        except EOFError:
            reason = ""
        if not reason or "torchlint:" in reason or "#" in reason:
            self._say("A reason is needed, and it cannot contain another comment.")
            return None
        outcome = Outcome((finding,))
        done = ignore(text, outcome, lambda changed: Outcome(()), reason)
        if done.text == text:
            self._say("There is no place for a comment here.")
            return None
        return _difference(text, done.text)

    def _explain(self, finding: Finding) -> None:
        from torchlint.cli.explain import page

        settings = self._workspace.settings(os.path.dirname(finding.place.path))
        self._say("\n" + page(self._workspace.ruleset(settings).known[finding.code], self._style))

    def _say(self, text: str) -> None:
        self._out.write(text + "\n")


def _offers(text: str, outcome: Outcome, passed: Sequence[tuple[str, int]]) -> Iterator[_Offer]:
    for finding in outcome.findings:
        if _mark(finding) in passed:
            continue
        fixes = []
        for fix in finding.fixes:
            edits = edits_of(text, fix) if fix.verbs and fix.safety is not Safety.SHOWN else None
            if edits:
                fixes.append((fix, edits))
        if fixes:
            yield _Offer(finding, tuple(fixes))


def _mark(finding: Finding) -> tuple[str, int]:
    return finding.code, finding.place.span.line


def _moved(line: int, edits: Sequence[TextEdit]) -> int:
    """The line that a line has become by some edits of other places."""
    added = (edit.text.count("\n") - (edit.span.end_line - edit.span.line) for edit in edits if edit.span.line <= line)
    return line + sum(added)


def _difference(old: str, new: str) -> list[TextEdit]:
    """One edit that makes one text of another, by whole lines."""
    from torchlint.findings import Span
    from torchlint.source.text import split

    before, after = split(old), split(new)
    first = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    span = Span(first + 1, 0, len(before) - last + 1, 0)
    return [TextEdit(span, "".join(after[first : len(after) - last]))]
