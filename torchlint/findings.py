"""What torchlint says: findings, the places they point to, and the fixes they offer.

Positions inside the engine are those of `ast`: lines from 1, columns from 0 in UTF-8 bytes. Surfaces convert them once,
with `torchlint.source.text`, to what their readers expect.
"""

from __future__ import annotations

import ast
import enum
from typing import NamedTuple


class Category(enum.Enum):
    """The promise that a rule makes; severity and default follow from it."""

    CORRECTNESS = "correctness"  # the code does not do what it says; no false finding in the judged sample of real code
    SUSPICIOUS = "suspicious"  # almost surely wrong: under 5 % false
    PERFORMANCE = "performance"  # costs time or memory, with measured evidence
    REPRODUCIBILITY = "reproducibility"  # off by default, part of the profile `deterministic`
    PEDANTIC = "pedantic"  # off by default


class Severity(enum.Enum):
    """How loudly a finding is shown; the order of declaration is the order of strength."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Safety(enum.Enum):
    """What applying a fix may change.

    A fix is safe if the trained numbers stay the same, or if the code could not have worked before. Everything else
    is unsafe and its title says what it changes; `SHOWN` fixes are never applied by a machine.
    """

    SAFE = "safe"
    UNSAFE = "unsafe"
    SHOWN = "display-only"


class Span(NamedTuple):
    """A stretch of one file: lines from 1, columns from 0 in UTF-8 bytes, end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int

    @classmethod
    def of(cls, node: ast.AST) -> Span:
        """The span of an `ast` node that has a position."""
        return cls(node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


class Place(NamedTuple):
    """A span in a named file; `path` is the path as the checked project knows it."""

    path: str
    span: Span


class Related(NamedTuple):
    """A second place that explains a finding, possibly in another file."""

    place: Place
    message: str


class Verb(NamedTuple):
    """One step of a repair, in words that `torchlint.fixes` turns into text edits with libcst.

    `kind` names the step; `span` is the statement or expression that it concerns, in the checked file; `code` is new
    code, `name` a keyword or an imported name, `to` a second span (the destination of a move). Build them with the
    functions of `torchlint.api`.
    """

    kind: str
    span: Span | None = None
    code: str = ""
    name: str = ""
    to: Span | None = None


class Fix(NamedTuple):
    """A repair: an imperative title that states its effect, its safety, and the steps."""

    title: str
    safety: Safety
    verbs: tuple[Verb, ...]

    @classmethod
    def safe(cls, title: str, *verbs: Verb) -> Fix:
        """A fix that leaves the trained numbers unchanged, or repairs code that could not have worked."""
        return cls(title, Safety.SAFE, verbs)

    @classmethod
    def unsafe(cls, title: str, *verbs: Verb) -> Fix:
        """A fix that changes results; the title must say what."""
        return cls(title, Safety.UNSAFE, verbs)

    @classmethod
    def shown(cls, title: str, *verbs: Verb) -> Fix:
        """A sketch of a repair that a person has to finish."""
        return cls(title, Safety.SHOWN, verbs)


class Finding(NamedTuple):
    """One thing that a rule has found, ready for any surface.

    `severity` is `None` where the rule leaves it to its category (and the user's configuration).
    """

    code: str
    name: str
    place: Place
    message: str
    related: tuple[Related, ...] = ()
    fixes: tuple[Fix, ...] = ()
    severity: Severity | None = None

    @property
    def fix(self) -> Fix | None:
        """The primary fix, if there is one."""
        return self.fixes[0] if self.fixes else None
