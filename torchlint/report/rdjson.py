"""The diagnostic format of reviewdog, as JSON: comments in a review, with fixes that can be applied there.

Columns count from 1 in UTF-8 bytes, ends are exclusive. Only fields that the first version of the format has are
written, because reviewdog refuses a report with a field that it does not know.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TextIO

from torchlint.findings import Finding, Safety, Severity, Span
from torchlint.report import Results, Style
from torchlint.rule import SOURCE_URL

if TYPE_CHECKING:
    from torchlint.fixes import TextEdit

_LONGEST = 20  # lines that a suggestion may replace: a review shows all of them


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write one object."""
    source = {"name": "torchlint", "url": SOURCE_URL.partition("/blob/")[0]}
    found = [_diagnostic(results, finding) for finding in results.findings]
    json.dump({"source": source, "diagnostics": found}, stream, indent=2)
    stream.write("\n")


def _diagnostic(results: Results, finding: Finding) -> dict[str, Any]:
    rule = results.known.get(finding.code)
    code = {"value": f"{finding.code} {finding.name}", **({"url": rule.url} if rule and rule.url else {})}
    path, span = finding.place
    cell = results.cell(path, span.line)
    if cell is None:
        message, where, suggestion = finding.message, _range(span), _suggestion(results, finding)
    else:  # a review shows the JSON, line by line
        message, suggestion = f"{results.place(path, span.line, span.column)}: {finding.message}", None
        where = {"start": {"line": cell.in_file(span.line)}, "end": {"line": cell.in_file(span.end_line)}}
    return {
        "message": "\n".join([message, *_places(results, finding)]),
        "location": {"path": _path(results, path), "range": where},
        "severity": (finding.severity or Severity.WARNING).name,
        "code": code,
        "suggestions": [suggestion] if suggestion else [],
    }


def _path(results: Results, path: str) -> str:
    """reviewdog takes a path from the directory that it runs in, and finds the repository by itself."""
    return results.shown(path).replace(os.sep, "/")


def _places(results: Results, finding: Finding) -> list[str]:
    return [
        f"{_path(results, path)}:{results.place(path, *span[:2]).rpartition(':')[0]}: {message}"
        for (path, span), message in finding.related
    ]


def _suggestion(results: Results, finding: Finding) -> dict[str, Any] | None:
    """The primary fix as one replacement: reviewers apply suggestions one by one, so a part of a fix is none."""
    fix = finding.fix
    if fix is None or fix.safety is Safety.SHOWN:
        return None
    lines, edits = results.lines(finding.place.path), results.edits(finding.place.path, fix)
    if not edits:
        return None
    span = Span(*edits[0].span[:2], *edits[-1].span[2:])
    if span.end_line - span.line > _LONGEST:
        return None
    return {"range": _range(span), "text": _joined(lines.slice, edits)}


def _joined(text_of: Any, edits: Sequence[TextEdit]) -> str:
    out = [edits[0].text]
    for before, after in pairwise(edits):
        out += [text_of(Span(*before.span[2:], *after.span[:2])), after.text]
    return "".join(out)


def _range(span: Span) -> dict[str, Any]:
    return {
        "start": {"line": span.line, "column": span.column + 1},
        "end": {"line": span.end_line, "column": span.end_column + 1},
    }
