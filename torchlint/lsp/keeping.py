"""Findings while the code around them does not parse: they keep their last state, moved with the edit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from torchlint import hygiene
from torchlint.engine import Outcome
from torchlint.findings import Finding, Place, Span
from torchlint.source.text import Lines

_OWN = frozenset(rule.code for rule in hygiene.RULES)


class Change(NamedTuple):
    """What has become of a text: the part from `start` to `end` now ends at `now` (indices into the two texts)."""

    start: int
    end: int
    now: int

    def moved(self, index: int, *, last: bool) -> int:
        """Where an index of the old text is in the new one; inside the change, its beginning or its end."""
        if index < self.start or (last and index == self.start):
            return index
        if index >= self.end:
            return index + self.now - self.end
        return self.now if last else self.start


def change_between(old: str, new: str) -> Change:
    """The smallest change that turns one text into the other."""
    shorter = min(len(old), len(new))
    start = _longest(shorter, lambda n: old[:n] == new[:n])
    end = _longest(shorter - start, lambda n: n == 0 or old[-n:] == new[-n:])
    return Change(start, len(old) - end, len(new) - end)


def _longest(most: int, holds: Callable[[int], bool]) -> int:
    """The largest number up to `most` for which a property holds that holds for all smaller ones."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def with_kept(fresh: Outcome, lines: Lines, before: Outcome, old: Lines) -> Outcome:
    """The outcome for a text that does not parse, with the former findings in the parts that could not be read."""
    if not fresh.unread:
        return fresh
    known = {(finding.code, finding.place) for finding in fresh.findings}
    kept = [
        finding
        for finding in _moved(before.findings, fresh, old, lines)
        if (finding.code, finding.place) not in known and _touches(finding, fresh.unread)
    ]
    if not kept:
        return fresh
    findings = sorted((*fresh.findings, *kept), key=lambda finding: (finding.place.span, finding.code))
    return fresh._replace(findings=tuple(findings), used=fresh.used | before.used)


def _moved(findings: Iterable[Finding], fresh: Outcome, old: Lines, new: Lines) -> Iterator[Finding]:
    candidates = [finding for finding in findings if finding.code not in _OWN]
    if not candidates:
        return
    change = change_between(old.text, new.text)
    for finding in candidates:
        span = _moved_span(finding.place.span, change, old, new)
        if span is None:
            continue
        path = finding.place.path
        related = []
        for item in finding.related:
            place: Place | None = item.place
            if item.place.path == path:
                other = _moved_span(item.place.span, change, old, new)
                place = Place(path, other) if other is not None else None
            if place is not None:
                related.append(item._replace(place=place))
        yield finding._replace(place=Place(path, span), related=tuple(related), fixes=())


def _moved_span(span: Span, change: Change, old: Lines, new: Lines) -> Span | None:
    """The span in the new text; `None` if all of it is gone."""
    start = change.moved(old.offset(span.line, span.column), last=False)
    end = change.moved(old.offset(span.end_line, span.end_column), last=True)
    return Span(*new.place(start), *new.place(end)) if start < end else None


def _touches(finding: Finding, unread: Iterable[tuple[int, int]]) -> bool:
    path = finding.place.path
    spans = [finding.place.span, *(item.place.span for item in finding.related if item.place.path == path)]
    return any(span.line <= last and first <= span.end_line for span in spans for first, last in unread)
