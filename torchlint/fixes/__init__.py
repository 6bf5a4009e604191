"""Repairs: the verbs of a fix become minimal text edits.

Rules build fixes with `torchlint.fixes.verbs`; surfaces ask here for edits. libcst parses and writes the code that is
to change, and is imported by the first call that needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from torchlint.findings import Span

if TYPE_CHECKING:
    from torchlint.findings import Fix


class TextEdit(NamedTuple):
    """New text for a span of the file; an empty span inserts. Columns are UTF-8 bytes, as in every span."""

    span: Span
    text: str


def available() -> bool:
    """Whether libcst can be imported; without it `edits_of` is always `None`."""
    from importlib.util import find_spec

    return find_spec("libcst") is not None


def edits_of(text: str, fix: Fix) -> list[TextEdit] | None:
    """The edits that carry out a fix, sorted and not overlapping.

    `text` is the file without a byte order mark. `None`: this fix cannot be made faithfully here (a comment would be
    lost, the code has a form that the verb does not handle, the result would not parse, libcst is missing).
    """
    if fix.verbs and all(verb.kind == "uncomment" for verb in fix.verbs):
        from torchlint.fixes.comments import uncommented

        return uncommented(text, fix)
    if not available():
        return None
    from torchlint.fixes.edits import edits_of as compute

    return compute(text, fix)


def apply(text: str, edits: Iterable[TextEdit]) -> str:
    """The text after the edits.

    Raises:
        ValueError: if two edits overlap.
    """
    from torchlint.fixes.changes import applied

    return applied(text, edits)


def compatible(candidates: Sequence[Sequence[TextEdit] | None]) -> tuple[list[TextEdit], list[int]]:
    """The edits that can be applied at once, and the indices of the fixes that they belong to; earlier ones win.

    Equal edits are made once (two fixes that need the same import); a fix that touches an edit of an earlier one waits
    for the next round.
    """
    from torchlint.fixes.changes import joined

    return joined(candidates)
