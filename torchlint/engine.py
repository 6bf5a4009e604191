"""From text to findings: a pure function that cannot fail on what it reads.

The model of the file is built once and every selected rule is asked about it; a rule that fails costs its own findings
only. What the rules say then passes small processors: the rules that are off in this file, the comments that suppress,
the configured severities, duplicates, order.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from torchlint import hygiene, suppress
from torchlint.findings import Finding, Place, Safety, Severity, Span
from torchlint.selection import Ruleset
from torchlint.source.broken import parse, unread

if TYPE_CHECKING:
    from torchlint.model import Module, Project
    from torchlint.rule import Rule

TRIGGERS = (
    *("torch", "lightning", "transformers", "accelerate", "deepspeed", "timm", "fastai", "ignite", "diffusers", "peft"),
    *("monai", "skorch", "catalyst", "torchlint:"),
)
"""Words of which a file has at least one if it has anything to do with training by torch."""

_TRIGGER_BYTES = tuple(word.encode() for word in TRIGGERS)
_TOO_DEEP = "the code is nested too deeply to be analysed"
_DEEP = 5000  # frames for code that is nested more deeply than the usual limit allows


class Outcome(NamedTuple):
    """What is known of one file after a check.

    `suppressed` are findings that a comment took out, with the comment's reason; `crashes` counts rules that failed;
    `complete` is false if the file does not parse; `unread` are then the lines that nothing certain is said about.
    `used` are the other files that the findings rest on, `sought` the paths whose existence they rest on, `words` those
    that were looked for in all files of the project, each with the files that have it. Every finding has its final
    severity.
    """

    findings: tuple[Finding, ...]
    suppressed: tuple[tuple[Finding, str], ...] = ()
    crashes: int = 0
    complete: bool = True
    used: frozenset[str] = frozenset()
    sought: frozenset[str] = frozenset()
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unread: tuple[tuple[int, int], ...] = ()


class _Evidence(NamedTuple):
    """What a project was asked for while one file was checked."""

    used: set[str]
    sought: set[str]
    words: dict[str, tuple[str, ...]]


NOTHING = Outcome(())
Parse: TypeAlias = "Callable[[str], tuple[ast.Module, SyntaxError | None]]"


def mentions_torch(data: bytes) -> bool:
    """Whether the bytes of a file contain any trigger word, so that a check could find something."""
    return any(word in data for word in _TRIGGER_BYTES)


def check_module(path: str, text: str, project: Project, rules: Ruleset) -> list[Finding]:
    """The findings in one file, sorted by place."""
    return list(check(path, text, project, rules).findings)


def check(path: str, text: str, project: Project, rules: Ruleset, parse: Parse = parse) -> Outcome:
    """Check one file.

    Args:
        path: the file's path in the project, with forward slashes; findings name it.
        text: the file's text without a byte order mark.
        project: the files around it.
        rules: the rules that are on, and what the configuration says about them.
        parse: gives the tree of the text, and the error that kept it from being a complete one.
    """
    if not any(word in text for word in TRIGGERS):
        return NOTHING
    off = rules.off_in(path)
    tree, error = parse(text)
    gaps = unread(tree) if error is not None else ()
    selected = [rule for rule in rules.selected if rule.code not in off]
    words = {word for rule in selected for word in rule.triggers}
    there = {word for word in words if word in text}
    running = [rule for rule in selected if rule.file and not (rule.triggers and there.isdisjoint(rule.triggers))]
    raw: list[Finding] = []
    crashed: set[str] = set()
    if error is not None:
        raw.append(_syntax_error(path, text, error))
    comments = suppress.read(path, text, tree, rules.known, rules.noqa)
    evidence = _Evidence(set(), set(), {})
    if running:
        raw.extend(_asked(path, text, project, tree, error is None, running, rules, crashed, evidence))
    codes = frozenset(rule.code for rule in selected)
    found = [finding for finding in raw if finding.code in codes or finding.code == hygiene.RULE_CRASHED.code]
    left, suppressed = suppress.apply(path, _distinct(found), comments, codes - crashed, error is None)
    if error is not None:  # a file that does not parse is never changed
        left = [finding._replace(fixes=()) for finding in left]
    judged = [(_configured(finding, rules), reason) for finding, reason in suppressed]
    return Outcome(
        tuple(sorted((_configured(finding, rules) for finding in left), key=_order)),
        tuple(sorted(judged, key=lambda pair: _order(pair[0]))),
        sum(finding.code == hygiene.RULE_CRASHED.code for finding in raw),
        error is None,
        frozenset(evidence.used - {path}),
        frozenset(evidence.sought),
        tuple(sorted(evidence.words.items())),
        gaps,
    )


def broken_file(path: str, rules: Ruleset, message: str, line: int = 1, column: int = 0) -> Outcome:
    """The outcome for a file whose bytes are no text that Python could read."""
    if hygiene.SYNTAX_ERROR.code not in rules.codes - rules.off_in(path):
        return Outcome((), complete=False)
    finding = _own(hygiene.SYNTAX_ERROR, path, Span(line, column, line, column), message)
    return Outcome((_configured(finding, rules),), complete=False)


def _asked(
    path: str,
    text: str,
    project: Project,
    tree: ast.Module,
    whole: bool,
    running: list[Rule],
    rules: Ruleset,
    crashed: set[str],
    evidence: _Evidence,
) -> Iterator[Finding]:
    """The findings of the rules themselves; codes of rules that fail go to `crashed`, what was asked to `evidence`."""
    from torchlint.model import Module

    try:
        module = Module.build(path, text, project, tree, whole)
    except RecursionError:
        yield _own(hygiene.SYNTAX_ERROR, path, Span(1, 0, 1, 0), _TOO_DEEP)
        return
    except Exception as failure:
        crashed.update(rule.code for rule in running)
        yield _crash(path, "the model of this file", failure)
        return
    try:
        for rule in running:
            module.options = dict(rules.options.get(rule.name, rule.options))
            try:
                said = _said(rule, module, crashed)
                yield from (one._replace(code=rule.code, name=rule.name) for one in said)
            except RecursionError:
                crashed.add(rule.code)
                yield _own(hygiene.SYNTAX_ERROR, path, Span(1, 0, 1, 0), _TOO_DEEP)
            except Exception as failure:
                crashed.add(rule.code)
                yield _crash(path, f"`{rule.name}` ({rule.code})", failure)
    finally:
        evidence.used.update(project.used)
        evidence.sought.update(project.sought)
        evidence.words.update(project.words)
        project.leave(module.dispose)


def _said(rule: Rule, module: Module, crashed: set[str]) -> list[Finding]:
    """All that a rule says of a file; code that needs it gets a deeper stack."""
    try:
        return _until_too_large(rule, module, crashed)
    except RecursionError:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _DEEP))
        try:
            return _until_too_large(rule, module, crashed)
        finally:
            sys.setrecursionlimit(limit)


def _until_too_large(rule: Rule, module: Module, crashed: set[str]) -> list[Finding]:
    """What a rule says before a question has no answer within bounds: what cannot be decided is not reported."""
    from torchlint.model.trace import TooLarge

    found: list[Finding] = []
    try:
        found.extend(rule.check(module))
    except TooLarge:
        crashed.add(rule.code)  # so that no comment that ignores it counts as unused
    return found


def _crash(path: str, what: str, failure: Exception) -> Finding:
    trace = failure.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        file = trace.tb_frame.f_code.co_filename.replace("\\", "/")
        where = f" at {'/'.join(file.split('/')[-2:])}:{trace.tb_lineno}"
    said = " ".join(str(failure).split())
    message = f"{what} failed{where}: {type(failure).__name__}{': ' + said if said else ''}"
    return _own(hygiene.RULE_CRASHED, path, Span(1, 0, 1, 0), message)


def _syntax_error(path: str, text: str, error: SyntaxError) -> Finding:
    line = max(error.lineno or 1, 1)
    column = max((error.offset or 1) - 1, 0)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    line = min(line, len(lines))
    column = len(lines[line - 1][:column].encode(errors="replace"))
    message = " ".join((error.msg or "this is not Python").split())
    return _own(hygiene.SYNTAX_ERROR, path, Span(line, column, line, column), f"the file does not parse: {message}")


def _own(rule: Rule, path: str, span: Span, message: str) -> Finding:
    return Finding(rule.code, rule.name, Place(path, span), message)


def _configured(finding: Finding, rules: Ruleset) -> Finding:
    severity = rules.severities.get(finding.code) or finding.severity
    if severity is None:
        rule = rules.known.get(finding.code)
        severity = rule.severity if rule else Severity.WARNING
    safety = rules.safeties.get(finding.code)
    if safety is None or not finding.fixes:
        return finding._replace(severity=severity)
    fixes = tuple(fix if fix.safety is Safety.SHOWN else fix._replace(safety=safety) for fix in finding.fixes)
    return finding._replace(severity=severity, fixes=fixes)


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    kept: dict[tuple[str, Place], Finding] = {}
    for finding in findings:
        kept.setdefault((finding.code, finding.place), finding)
    return list(kept.values())


def _order(finding: Finding) -> tuple[Span, str]:
    return finding.place.span, finding.code
