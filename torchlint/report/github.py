"""Annotations of GitHub Actions: workflow commands, one line per finding."""

from __future__ import annotations

from typing import TextIO

from torchlint.findings import Severity
from torchlint.report import Results, Style

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write a workflow command for each finding, with the places that explain it; columns only where it is on one line.

    Annotations of a notebook stand on the line of the file that holds the line of the cell.
    """
    for finding in results.findings:
        path, span = finding.place
        line, column = results.position(path, span.line, span.column)
        end_line, end_column = results.position(path, span.end_line, span.end_column)
        shown = results.in_repository(path)
        level = _LEVELS.get(finding.severity or Severity.WARNING, "warning")
        cell = results.cell(path, span.line)
        if cell is not None:
            line, end_line = cell.in_file(span.line), cell.in_file(span.end_line)
        where = f"file={_property(shown)},line={line},endLine={end_line}"
        if line == end_line and cell is None:
            where += f",col={column},endColumn={end_column}"
        title = _property(f"torchlint {finding.code} {finding.name}")
        text = [
            f"{shown}:{results.place(path, span.line, span.column)}: {finding.code} {finding.name} {finding.message}"
        ]
        for (there, at), message in finding.related:
            text.append(f"{results.in_repository(there)}:{results.place(there, at.line, at.column)}: {message}")
        data = _data("\n".join(text))
        stream.write(f"::{level} title={title},{where}::{data}\n")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
