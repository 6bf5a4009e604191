"""`torchlint rules`: the list of the rules."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from torchlint import hygiene
from torchlint.cli.overrides import overrides_of
from torchlint.docs import doc_of
from torchlint.rule import Rule
from torchlint.workspace import Workspace

_PRECISION = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "precision.json")


def rules(options: argparse.Namespace) -> int:
    """Print all rules as a table or as JSON; returns the exit code."""
    workspace = Workspace(overrides_of(options))
    settings = workspace.settings(os.getcwd())
    known = [*hygiene.RULES, *workspace.rules(settings)]
    on = workspace.ruleset(settings).codes
    precision = read_precision()
    if options.json:
        data = [record(rule, rule.code in on, precision) for rule in known]
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
    else:
        _table([_row(rule, rule.code in on, precision) for rule in known])
        sys.stdout.write(f"\n{len(known)} rules, {len(on)} on here. `torchlint explain NAME` explains one.\n")
    for problem in workspace.problems:
        sys.stderr.write(f"torchlint: {problem}\n")
    return 2 if workspace.problems else 0


def read_precision() -> dict[str, dict[str, Any]]:
    """Judged findings in real projects by code: `true`, `false`, `unclear`; empty where nothing has been measured."""
    try:
        with open(_PRECISION, encoding="utf-8") as file:
            table = json.load(file)
    except (OSError, ValueError):
        return {}
    found = table.get("rules", table) if isinstance(table, dict) else {}
    return {code: entry for code, entry in found.items() if isinstance(entry, dict)}


def measured(code: str, precision: dict[str, dict[str, Any]]) -> str:
    """The precision of a rule in words: `97 % of 31`, or nothing."""
    entry = precision.get(code)
    if entry is None:
        return ""
    right, wrong = int(entry.get("true", 0)), int(entry.get("false", 0))
    return f"{100 * right / (right + wrong):.0f} % of {right + wrong}" if right + wrong else ""


def record(rule: Rule, on: bool, precision: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A rule as a JSON object."""
    doc = doc_of(rule)
    return {
        "code": rule.code,
        "name": rule.name,
        "title": doc.title,
        "category": rule.category.value,
        "severity": rule.severity.value,
        "since": rule.since,
        "preview": rule.preview,
        "on": on,
        "fix": bool(doc.of("fixed")),
        "options": rule.options,
        "formerly": list(rule.formerly),
        "precision": precision.get(rule.code),
        "url": rule.url,
    }


def _row(rule: Rule, on: bool, precision: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    return (
        rule.code,
        rule.name,
        rule.category.value + (" (preview)" if rule.preview else ""),
        "on" if on else "",
        "fix" if doc_of(rule).of("fixed") else "",
        rule.since,
        measured(rule.code, precision),
    )


def _table(rows: list[tuple[str, ...]]) -> None:
    head = ("Code", "Name", "Category", "Here", "Fix", "Since", "Precision")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        sys.stdout.write("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")
