"""The code quality report of GitLab, a subset of Code Climate's: an array of issues.

Paths are relative to the repository. The fingerprint is what GitLab compares two branches by: it has no line numbers.
"""

from __future__ import annotations

import json
from typing import TextIO

from torchlint.findings import Severity
from torchlint.report import Results, Style

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write one array."""
    issues = []
    for finding in results.findings:
        path, span = finding.place
        line, column = results.position(path, span.line, span.column)
        end_line, end_column = results.position(path, span.end_line, span.end_column)
        cell, where = results.cell(path, span.line), ""
        if cell is not None:
            where = f"cell {cell.number}:{line}:{column}: "
            line, end_line = cell.in_file(span.line), cell.in_file(span.end_line)
            column = end_column = 1
        issues.append(
            {
                "type": "issue",
                "check_name": f"{finding.code} {finding.name}",
                "description": f"{where}{finding.code} {finding.name}: {finding.message}",
                "severity": _SEVERITIES[finding.severity or Severity.WARNING],
                "fingerprint": results.fingerprint(finding),
                "location": {
                    "path": results.in_repository(path),
                    "positions": {
                        "begin": {"line": line, "column": column},
                        "end": {"line": end_line, "column": end_column},
                    },
                },
            }
        )
    json.dump(issues, stream, indent=2)
    stream.write("\n")
