"""What a rule is: a decorated generator in a file of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from torchlint.findings import Category, Finding, Severity

if TYPE_CHECKING:
    from torchlint.model import Module

Findings = Iterator[Finding]
Check = Callable[["Module"], Findings]

SOURCE_URL = "https://github.com/torchlint/torchlint/blob/main"
"""Where the files of the repository can be read: `<SOURCE_URL>/rules/losses/kl_div_reduction.py`."""

SEVERITY_OF = {
    Category.CORRECTNESS: Severity.ERROR,
    Category.SUSPICIOUS: Severity.WARNING,
    Category.PERFORMANCE: Severity.WARNING,
    Category.REPRODUCIBILITY: Severity.WARNING,
    Category.PEDANTIC: Severity.INFO,
}

CLAIM_OF = {
    Category.CORRECTNESS: "the code does not do what it says",
    Category.SUSPICIOUS: "almost surely wrong",
    Category.PERFORMANCE: "costs time or memory",
    Category.REPRODUCIBILITY: "runs differ",
    Category.PEDANTIC: "a choice worth seeing",
}
"""What a finding of a category says of the code, in the words of every surface."""


class Body(NamedTuple):
    """What the file of a rule holds besides its declaration."""

    check: Check
    doc: str = ""
    evidence: Callable[[], Any] | None = None


class Rule(NamedTuple):
    """A rule's constant facts, and its body, for which its file is executed when it is first asked for.

    `triggers` are words of which at least one must stand in the checked file's text for the check to run at all
    (empty: the file must mention torch). `options` maps the rule's configuration keys to their defaults. `url` is the
    page that reports link to; `None` for a rule of a custom pack that names none.
    """

    code: str
    name: str
    category: Category
    since: str
    preview: bool
    severity: Severity
    triggers: tuple[str, ...]
    options: dict[str, Any]
    formerly: tuple[str, ...]
    file: str
    body: Callable[[], Body]
    url: str | None = None

    @property
    def check(self) -> Check:
        """The generator that yields the findings."""
        return self.body().check

    @property
    def doc(self) -> str:
        """The docstring of the file: the manual."""
        return self.body().doc

    @property
    def evidence(self) -> Callable[[], Any] | None:
        """The experiment; `None` if there is none."""
        return self.body().evidence

    @property
    def default(self) -> bool:
        """Whether the rule is on without any configuration."""
        return not self.preview and self.category in (Category.CORRECTNESS, Category.SUSPICIOUS, Category.PERFORMANCE)


def rule(
    code: str,
    name: str,
    category: Category,
    *,
    since: str,
    preview: bool = False,
    severity: Severity | None = None,
    triggers: tuple[str, ...] = (),
    options: dict[str, Any] | None = None,
    formerly: tuple[str, ...] = (),
    url: str | None = None,
) -> Callable[[Check], Check]:
    """Declare the decorated generator as a rule; `torchlint.packs` collects it from its file.

    Args:
        code: `TL` and three digits; the hundreds are the subject, which is the directory.
        name: kebab-case, the file's name with hyphens; names the pattern, not the remedy.
        category: the promise about precision, from which severity and default follow.
        since: the first version that has the rule.
        preview: still unproven; off unless asked for.
        severity: overrides the category's severity for all findings of the rule.
        triggers: words of which one must occur in the file's text, else the check is not run.
        options: configuration keys and their defaults, read with `module.option(...)`.
        formerly: older names that still select and suppress the rule.
        url: the page that reports link to; built-in rules have theirs without it.
    """

    def declare(check: Check) -> Check:
        check.__torchlint_rule__ = {  # type: ignore[attr-defined]
            "code": code,
            "name": name,
            "category": category,
            "since": since,
            "preview": preview,
            "severity": severity or SEVERITY_OF[category],
            "triggers": triggers,
            "options": options or {},
            "formerly": formerly,
            "url": url,
        }
        return check

    return declare
