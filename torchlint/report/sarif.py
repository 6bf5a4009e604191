"""SARIF 2.1.0, for code scanning services and viewers.

Paths are relative to the top of the repository (`%SRCROOT%`), columns count UTF-16 units, and the fingerprint has no
line numbers. All rules that were on are described, not only those that found something.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any, TextIO

from torchlint import __version__
from torchlint.docs import Doc, doc_of
from torchlint.findings import Category, Finding, Fix, Place, Safety, Severity, Span
from torchlint.packs import SUBJECTS
from torchlint.report import Results, Style
from torchlint.rule import SOURCE_URL, Rule

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "%SRCROOT%"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_PROBLEMS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "recommendation"}
_PRECISION = {Category.CORRECTNESS: "very-high", Category.SUSPICIOUS: "high", Category.PERFORMANCE: "high"}
_APPLICABILITY = {Safety.SAFE: "safe", Safety.UNSAFE: "unsafe", Safety.SHOWN: "display"}
_KINDS = {"comment": "inSource", "baseline": "external"}
_LONGEST = 1000  # characters of a description that services take


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write one log with one run."""
    rules = _rules(results)
    index = {rule.code: number for number, rule in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "torchlint",
                "fullName": f"torchlint {__version__}",
                "semanticVersion": __version__,
                "informationUri": SOURCE_URL.partition("/blob/")[0],
                "rules": [_described(rule) for rule in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not results.problems,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": problem}} for problem in dict.fromkeys(results.problems)
                ],
            }
        ],
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {_ROOT: {"description": {"text": "The top of the repository that was checked."}}},
        "results": [_result(results, finding, index) for finding in results.listed],
    }
    json.dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, stream, indent=2)
    stream.write("\n")


def _rules(results: Results) -> list[Rule]:
    fired = (results.known[finding.code] for finding in results.listed if finding.code in results.known)
    return sorted({rule.code: rule for rule in (*results.selected, *fired)}.values(), key=lambda rule: rule.code)


def _described(rule: Rule) -> dict[str, Any]:
    doc = doc_of(rule)
    subject = {prefix: subject for subject, prefix in SUBJECTS.items()}.get(rule.code[:3])
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": doc.title or rule.name},
        "fullDescription": {"text": _full(doc) or rule.name},
        "help": {"text": "\n\n".join(filter(None, (doc.title, doc.body))) or rule.name, "markdown": doc.markdown},
        **({"helpUri": rule.url} if rule.url else {}),
        **({"deprecatedNames": list(rule.formerly)} if rule.formerly else {}),
        "defaultConfiguration": {"enabled": rule.default, "level": _LEVELS[rule.severity]},
        "properties": {
            "tags": ["pytorch", rule.category.value, *([subject] if subject else []), *(["preview"] * rule.preview)],
            "precision": _PRECISION.get(rule.category, "medium"),
            "problem.severity": _PROBLEMS[rule.severity],
        },
    }


def _full(doc: Doc) -> str:
    """The title and as many paragraphs of the manual as a description may have."""
    text = doc.title
    for paragraph in doc.body.split("\n\n"):
        if len(text) + len(paragraph) > _LONGEST:
            break
        text = f"{text}\n\n{paragraph}"
    return text.strip()


def _result(results: Results, finding: Finding, index: dict[str, int]) -> dict[str, Any]:
    entry = results.suppressed.get(finding)
    related = [
        {"id": number, "message": {"text": each.message}, **_location(results, each.place)}
        for number, each in enumerate(finding.related)
    ]
    fixes = list(_fixes(results, finding))
    made: dict[str, Any] = {
        "ruleId": finding.code,
        **({"ruleIndex": index[finding.code]} if finding.code in index else {}),
        "level": _LEVELS[finding.severity or Severity.WARNING],
        "message": {"text": _message(results, finding)},
        "locations": [_location(results, finding.place)],
        "partialFingerprints": {"torchlint/v1": results.fingerprint(finding)},
    }
    if related:
        made["relatedLocations"] = related
    if fixes:
        made["fixes"] = fixes
    if entry is not None:
        reason = {"justification": entry.reason} if entry.reason else {}
        made["suppressions"] = [{"kind": _KINDS.get(entry.by, "external"), "status": "accepted", **reason}]
    elif results.listed is not results.findings:
        made["suppressions"] = []  # the format asks for it as soon as another result has one
    return made


def _message(results: Results, finding: Finding) -> str:
    path, span = finding.place
    if results.cell(path, span.line) is None:
        return finding.message
    return f"{results.place(path, span.line, span.column)}: {finding.message}"


def _location(results: Results, place: Place) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": _artifact(results, place.path),
            "region": _region(results, place.path, place.span),
        }
    }


def _artifact(results: Results, path: str) -> dict[str, str]:
    from urllib.parse import quote

    shown = results.in_repository(path)
    uri = quote(os.fsencode(shown))
    if os.path.isabs(shown):
        return {"uri": f"file://{'' if uri.startswith('/') else '/'}{uri}"}
    return {"uri": uri, "uriBaseId": _ROOT}


def _region(results: Results, path: str, span: Span) -> dict[str, int]:
    lines = results.lines(path)
    cell = results.cell(path, span.line)
    if cell is not None:  # the file is JSON: the line that holds the line of the cell, without columns
        return {"startLine": cell.in_file(span.line), "endLine": cell.in_file(span.end_line)}
    return {
        "startLine": span.line,
        "startColumn": lines.utf16(span.line, span.column) + 1,
        "endLine": span.end_line,
        "endColumn": lines.utf16(span.end_line, span.end_column) + 1,
    }


def _fixes(results: Results, finding: Finding) -> Iterable[dict[str, Any]]:
    path = finding.place.path
    for fix in finding.fixes:
        replacements = list(_replacements(results, path, fix))
        if replacements:
            yield {
                "description": {"text": fix.title},
                "artifactChanges": [{"artifactLocation": _artifact(results, path), "replacements": replacements}],
                "properties": {"applicability": _APPLICABILITY[fix.safety]},
            }


def _replacements(results: Results, path: str, fix: Fix) -> Iterable[dict[str, Any]]:
    if path.endswith(".ipynb"):
        return
    for edit in results.edits(path, fix) or ():
        text = {"insertedContent": {"text": edit.text}} if edit.text else {}
        yield {"deletedRegion": _region(results, path, edit.span), **text}
