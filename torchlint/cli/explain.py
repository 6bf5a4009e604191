"""`torchlint explain`: the page of a rule, or of the findings on a line."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping

from torchlint import hygiene
from torchlint.cli.overrides import overrides_of
from torchlint.cli.rules import measured, read_precision, record
from torchlint.cli.terminal import style_of
from torchlint.discovery import File
from torchlint.docs import Example, doc_of
from torchlint.findings import Finding
from torchlint.report import Results, Style, renderer
from torchlint.rule import CLAIM_OF, Rule
from torchlint.settings import SettingsError, nearest
from torchlint.workspace import Overrides, Workspace

_LABELS = {"bad": "Reported:", "fixed": "Fixed:", "good": "Not reported:"}
_PLACE = re.compile(r"(.+?):(\d+)(?::\d+)?")


def explain(options: argparse.Namespace) -> int:
    """Explain a rule by code or name, or the findings on a line of a file; returns the exit code."""
    place = _PLACE.fullmatch(options.what)
    if place and (os.path.exists(place.group(1)) or "." in place.group(1)):
        return _explain_line(options, place.group(1), int(place.group(2)))
    return _explain_rules([_rule(options.what, Workspace(overrides_of(options)))], options)


def experiment(what: str) -> int:
    """Print what the experiment of a rule shows, without its manual; returns the exit code. For editors."""
    try:
        return _prove(_rule(what, Workspace(Overrides())), style_of(sys.stdout, "auto"))
    except SettingsError as wrong:
        sys.stderr.write(f"torchlint: {wrong}\n")
        return 2


def _rule(what: str, workspace: Workspace) -> Rule:
    known = workspace.ruleset(workspace.settings(os.getcwd())).known
    rule = known.get(what) or known.get(what.upper()) or known.get(what.lower())
    if rule is None:
        raise SettingsError("", f"`{what}` is no rule{_hint(what, known)}")
    return rule


def _hint(word: str, known: Mapping[str, Rule]) -> str:
    """What somebody who asked for a word that is no rule can ask for instead."""
    if os.path.exists(word):
        return f"; name a line too, as in `{word}:42`"
    if any(word in (rule.category.value, rule.code[: len(word)]) for rule in known.values()):
        return " but stands for several; `torchlint rules` lists them"
    return nearest(word, known)


def _explain_line(options: argparse.Namespace, path: str, line: int) -> int:
    if not os.path.isfile(path):
        raise SettingsError("", f"{path}: no such file")
    workspace = Workspace(overrides_of(options), [path])
    outcome = workspace.check(File(os.path.abspath(path), True))
    every = outcome.findings if outcome else ()
    found = [finding for finding in every if finding.place.span.line <= line <= finding.place.span.end_line]
    for problem in workspace.problems:
        sys.stderr.write(f"torchlint: {problem}\n")
    if workspace.problems:
        return 2
    known = workspace.ruleset(workspace.settings(os.path.dirname(os.path.abspath(path)))).known
    if not found:
        lines = sorted({finding.place.span.line for finding in every}, key=lambda number: abs(number - line))
        hint = f"; the nearest one is on line {lines[0]}" if lines else ""
        sys.stdout.write(f"No finding on line {line} of {path}{hint}.\n")
        return 0
    if not options.json:
        _show_findings(found, known, workspace, options)
    rules = list(dict.fromkeys(finding.code for finding in found))
    return _explain_rules([known[code] for code in rules], options)


def _show_findings(
    found: list[Finding], known: Mapping[str, Rule], workspace: Workspace, options: argparse.Namespace
) -> None:
    results = Results(found, known, workspace.text)
    renderer("full")(results, sys.stdout, style_of(sys.stdout, "auto"))


def _explain_rules(rules: list[Rule], options: argparse.Namespace) -> int:
    precision = read_precision()
    style = style_of(sys.stdout, "auto")
    if options.json:
        import json

        sys.stdout.write(json.dumps([_record(rule, precision) for rule in rules], indent=2) + "\n")
        return 0
    for number, rule in enumerate(rules):
        sys.stdout.write("\n" if number else "")
        sys.stdout.write(page(rule, style, measured(rule.code, precision)))
        if options.prove:
            sys.stdout.write("\n")
            code = _prove(rule, style)
            if code:
                return code
    return 0


def page(rule: Rule, style: Style, precision: str = "") -> str:
    """The manual of a rule for a terminal."""
    doc = doc_of(rule)
    out = [f"{style.severity(rule.code, rule.severity)} {style.bold(rule.name)}", "", style.bold(doc.title), ""]
    for part in doc.story:
        out += [part, ""] if isinstance(part, str) else _code(_LABELS[part.word], part, style)
    for heading, text in doc.sections.items():
        out += [style.bold(heading), "", text, ""]
    out += [style.bold("Facts"), ""]
    out += [f"{name + ':':<11}{value}" for name, value in _facts(rule, precision) if value]
    return "\n".join(out) + "\n"


def _code(label: str, example: Example, style: Style) -> list[str]:
    out = [style.dim(label), ""]
    for name, text in example.files:
        if len(example.files) > 1:
            out += [f"    {style.dim('# ' + name)}"]
        out += [f"    {line}".rstrip() for line in text.rstrip("\n").split("\n")]
        out.append("")
    return out


def _facts(rule: Rule, precision: str) -> list[tuple[str, str]]:
    options = ", ".join(f"{name} (default {value!r})" for name, value in rule.options.items())
    where = "torchlint itself" if rule in hygiene.RULES else os.path.relpath(rule.file)
    return [
        ("Category", f"{rule.category.value}{', preview' if rule.preview else ''} ({CLAIM_OF[rule.category]})"),
        ("Severity", rule.severity.value),
        ("Default", "on" if rule.default else "off"),
        ("Options", options),
        ("Precision", f"{precision} judged findings" if precision else ""),
        ("Since", rule.since),
        ("Formerly", ", ".join(rule.formerly)),
        ("Source", where),
        ("Ignore", f"# torchlint: ignore[{rule.name}] <reason>"),
    ]


def _record(rule: Rule, precision: dict[str, dict[str, object]]) -> dict[str, object]:
    doc = doc_of(rule)
    examples = [
        {"kind": example.word, "files": [{"name": name, "text": text} for name, text in example.files]}
        for example in doc.examples
    ]
    return {**record(rule, rule.default, precision), "body": doc.body, "examples": examples, "sections": doc.sections}


def _prove(rule: Rule, style: Style) -> int:
    from torchlint.witness import NoEvidence, NoTorch, prove, shown

    try:
        proof = prove(rule)
    except (NoEvidence, NoTorch) as reason:
        sys.stderr.write(f"torchlint: {reason}\n")
        return 2
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    sys.stdout.write(shown(proof, style, ascii_only=not encoding.startswith("utf")))
    return 0 if proof.evidence.holds else 1
