"""What the tests of rules share: the built-in rules, their pages, and findings rendered for a person."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache

from torchlint import hygiene, laws, packs
from torchlint.docs import Doc, doc_of
from torchlint.findings import Finding
from torchlint.laws import ROOT, Files
from torchlint.report import Results, Style, renderer
from torchlint.selection import Ruleset

RULES, ERRORS = packs.read()
BY_NAME = {rule.name: rule for rule in RULES}
CODES = {rule.code: rule for rule in RULES}
EVERY = laws.ruleset(RULES)


@cache
def doc(rule_name: str) -> Doc:
    return doc_of(BY_NAME[rule_name])


def check(files: Files, rules: Ruleset = EVERY) -> list[Finding]:
    """The findings in all files of a project, with paths relative to its root."""
    return laws.check(files, rules)


def rendered(files: Files, found: Sequence[Finding]) -> str:
    """The full report, as a person reads it without colours."""
    texts = {f"{ROOT}/{name}": text for name, text in files}
    known = {rule.code: rule for rule in (*hygiene.RULES, *RULES)}
    severe = [f._replace(severity=f.severity or known[f.code].severity) for f in found]
    results = Results(severe, known, lambda path: texts.get(path, ""), directory=ROOT)
    stream = io.StringIO()
    renderer("full")(results, stream, Style(colour=False, width=100))
    return stream.getvalue()
