"""A table in Markdown, for the summary of a run and for comments in a review."""

from __future__ import annotations

import re
from typing import TextIO

from torchlint.findings import Finding, Severity
from torchlint.report import Results, Style, mark

_MOST = 200  # rows: a comment on GitHub has room for some 65,000 characters


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write a heading with the count, and a table."""
    count, files = len(results.findings), len({finding.place.path for finding in results.findings})
    if not count:
        stream.write("### torchlint: no findings\n")
        return
    where = f"{files} file{'s' * (files != 1)}"
    stream.write(f"### torchlint: {count} finding{'s' * (count != 1)} in {where}\n\n")
    stream.write("| severity | place | rule | finding |\n|---|---|---|---|\n")
    for finding in results.findings[:_MOST]:
        stream.write(_row(results, finding))
    if count > _MOST:
        stream.write(f"\n... and {count - _MOST} more.\n")
    if any(mark(finding.fix) for finding in results.findings):
        stream.write("\n`[*]`: `torchlint check --fix` repairs it.\n")


def _row(results: Results, finding: Finding) -> str:
    path, span = finding.place
    rule = results.known.get(finding.code)
    code = f"[{finding.code}]({rule.url})" if rule and rule.url else finding.code
    line = results.place(path, span.line, span.column).rpartition(":")[0]
    place = f"{results.in_repository(path)}:{line}".replace("`", "'")
    text = _cell(f"{mark(finding.fix)}{finding.message}")
    severity = (finding.severity or Severity.WARNING).value
    return f"| {severity} | `{_cell(place)}` | {code} {finding.name} | {text} |\n"


def _cell(text: str) -> str:
    """A text in a cell: one line, its bars and its angle brackets outside of code as themselves."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    shown = (part if part.startswith("`") else part.replace("<", "&lt;").replace("[*]", "`[*]`") for part in parts)
    return "".join(shown).replace("|", "\\|")
