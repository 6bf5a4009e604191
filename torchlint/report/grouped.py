"""Findings by file, for people who go through many of them."""

from __future__ import annotations

from itertools import groupby
from typing import TextIO

from torchlint.report import Results, Style, mark
from torchlint.report.frame import cells


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write the name of each file, and below it a line per finding with places and rules aligned."""
    for path, findings in groupby(results.findings, key=lambda finding: finding.place.path):
        rows = [(results.place(path, *finding.place.span[:2]), finding) for finding in findings]
        width = max(len(where) for where, _ in rows)
        names = max(cells(finding.name) for _, finding in rows)
        stream.write(style.bold(results.shown(path)) + "\n")
        for where, finding in rows:
            rule = f"{style.severity(finding.code, finding.severity)} {finding.name:<{names}}"
            stream.write(f"  {style.dim(f'{where:<{width}}')}  {rule}  {mark(finding.fix)}{finding.message}\n")
        stream.write("\n")
