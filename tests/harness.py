"""What the tests of rules share: examples as projects in memory, and the findings in them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from torchlint import engine, hygiene, packs
from torchlint.docs import Doc, Example, doc_of
from torchlint.findings import Finding, Safety
from torchlint.fixes import apply, compatible, edits_of
from torchlint.model import Project
from torchlint.report import Results, Style, renderer
from torchlint.rule import Rule
from torchlint.selection import Ruleset

ROOT = "/project"

RULES, ERRORS = packs.read()
BY_NAME = {rule.name: rule for rule in RULES}
CODES = {rule.code: rule for rule in RULES}

Files = tuple[tuple[str, str], ...]
"""A small project: names relative to its root, and texts."""


@cache
def doc(rule_name: str) -> Doc:
    return doc_of(BY_NAME[rule_name])


def ruleset(rules: Sequence[Rule]) -> Ruleset:
    known = {word: rule for rule in (*hygiene.RULES, *rules) for word in (rule.code, rule.name)}
    return Ruleset(known=known, selected=tuple(rules), severities={})


EVERY = ruleset(RULES)


def project_of(files: Mapping[str, str]) -> Project:
    contents = {f"{ROOT}/{name}": text.encode() for name, text in files.items()}
    folders = {path.rpartition("/")[0] for path in contents}
    return Project(
        ROOT,
        contents.get,
        exists=lambda path: path in contents or any((f + "/").startswith(path.rstrip("/") + "/") for f in folders),
        files=lambda: list(contents),
    )


def check(files: Files, rules: Ruleset = EVERY) -> list[Finding]:
    """The findings in all files of a project, with paths relative to its root."""
    found: list[Finding] = []
    named = dict(files)
    project = project_of(named)
    for name, text in files:
        found += engine.check_module(f"{ROOT}/{name}", text, project, rules)
    return found


@cache
def findings(example: Example) -> tuple[Finding, ...]:
    """What all rules together find in an example."""
    return tuple(check(files_of(example)))


def files_of(example: Example) -> Files:
    return tuple((name, text) for name, text in example.plain.files)


def places(found: Iterable[Finding]) -> list[tuple[str, int, str]]:
    return sorted((name_of(f), f.place.span.line, f.code) for f in found)


def name_of(finding: Finding) -> str:
    return finding.place.path.removeprefix(f"{ROOT}/")


def told(found: Iterable[Finding]) -> str:
    return "\n".join(f"{name_of(f)}:{f.place.span.line}: {f.code} {f.name} {f.message}" for f in found)


def repaired(files: Files, rule: Rule, *, rounds: int = 10) -> tuple[Files, int]:
    """The project after all machine-made fixes of one rule, and the number of rounds that changed something."""
    alone = ruleset([rule])
    for number in range(rounds):
        found = check(files, alone)
        changed = tuple((name, _once(text, [f for f in found if name_of(f) == name])) for name, text in files)
        if changed == files:
            return files, number
        files = changed
    return files, rounds


def _once(text: str, found: Sequence[Finding]) -> str:
    fixes = [f.fix for f in found if f.fix is not None and f.fix.safety is not Safety.SHOWN]
    edits, _ = compatible([edits_of(text, fix) for fix in fixes])
    return apply(text, edits)


def rendered(files: Files, found: Sequence[Finding]) -> str:
    """The full report, as a person reads it without colours."""
    texts = {f"{ROOT}/{name}": text for name, text in files}
    known = {rule.code: rule for rule in (*hygiene.RULES, *RULES)}
    severe = [f._replace(severity=f.severity or known[f.code].severity) for f in found]
    results = Results(severe, known, lambda path: texts.get(path, ""), directory=ROOT)
    stream = io.StringIO()
    renderer("full")(results, stream, Style(colour=False, width=100))
    return stream.getvalue()
