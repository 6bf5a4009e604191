"""The rules about torchlint's own work (`TL0`): the engine makes their findings, so they have no file in `rules/`."""

from __future__ import annotations

from torchlint.findings import Category, Severity
from torchlint.rule import SEVERITY_OF, SOURCE_URL, Body, Findings, Rule


def _nothing(module: object) -> Findings:
    return iter(())


def _own(code: str, name: str, category: Category, doc: str, severity: Severity | None = None) -> Rule:
    return Rule(
        code=code,
        name=name,
        category=category,
        since="0.1",
        preview=False,
        severity=severity or SEVERITY_OF[category],
        triggers=(),
        options={},
        formerly=(),
        file="",
        body=lambda: Body(_nothing, doc),
        url=f"{SOURCE_URL}/torchlint/hygiene.py",
    )


SYNTAX_ERROR = _own(
    "TL000",
    "syntax-error",
    Category.CORRECTNESS,
    """A file that does not parse is only partly checked.

The statements around the broken ones are still read, and findings in them are still reported. Comments that suppress
findings are not called unused in such a file, and no fix is applied to it.

## When it is fine

The file is written for a newer Python than the one that runs torchlint: run torchlint with that Python.
""",
)
UNUSED_IGNORE = _own(
    "TL001",
    "unused-ignore",
    Category.SUSPICIOUS,
    """A comment that suppresses nothing hides the next finding on its line.

`# torchlint: ignore[name]` is reported when the rule is on and finds nothing in the lines that the comment covers. The
fix removes the name, or the whole comment if no name is left.

## When it is fine

A rule that is not selected in this run, or that crashed, leaves its comments alone. So does a file with a syntax error.
""",
)
RULE_CRASHED = _own(
    "TL002",
    "rule-crashed",
    Category.CORRECTNESS,
    """A rule failed on this file, so its findings are missing.

This is a bug in torchlint or in a rule pack, never in the checked code. All other rules have run. The exit code is 2.
A fix that would leave the file unparsable is reported here too; it is not applied.
""",
)
IGNORE_WITHOUT_REASON = _own(
    "TL003",
    "ignore-without-reason",
    Category.PEDANTIC,
    """Nobody can tell whether a finding was suppressed on purpose when the comment gives no reason.

Write the reason after the bracket: `# torchlint: ignore[missing-zero-grad] gradients accumulate over 4 batches`.
""",
)
STALE_BASELINE_ENTRY = _own(
    "TL004",
    "stale-baseline-entry",
    Category.SUSPICIOUS,
    """An entry of the baseline that no longer stands for a finding would hide the next one like it.

The finding has been repaired, or its code has changed. `torchlint baseline --prune` takes such entries out, and so does
`torchlint check --fix`. Only entries of files that the run has checked are judged, and only for rules that are on.
""",
)
UNKNOWN_RULE_IN_IGNORE = _own(
    "TL005",
    "unknown-rule-in-ignore",
    Category.SUSPICIOUS,
    """A comment that names a rule which does not exist suppresses nothing.

Names, codes and former names of rules are known, as in `# torchlint: ignore[missing-zero-grad]` or
`# torchlint: ignore[TL101]`.
""",
)

RULES = (
    SYNTAX_ERROR,
    UNUSED_IGNORE,
    RULE_CRASHED,
    IGNORE_WITHOUT_REASON,
    STALE_BASELINE_ENTRY,
    UNKNOWN_RULE_IN_IGNORE,
)
