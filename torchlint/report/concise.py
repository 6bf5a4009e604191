"""One line per finding, for editors, searches and logs."""

from __future__ import annotations

from typing import TextIO

from torchlint.report import Results, Style, mark


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write `path:line:column: code name message` for each finding."""
    for finding in results.findings:
        path, span = finding.place
        where = f"{style.bold(results.shown(path))}:{results.place(path, span.line, span.column)}:"
        rule = f"{style.severity(finding.code, finding.severity)} {finding.name}"
        stream.write(f"{where} {rule} {mark(finding.fix)}{finding.message}\n")
