"""A JSON array of findings; the fields that ruff has too mean the same."""

from __future__ import annotations

import json
from typing import TextIO

from torchlint.report import Results, Style
from torchlint.report.records import Records


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write one array."""
    records = Records(results)
    json.dump([records.of(finding) for finding in results.listed], stream, indent=2)
    stream.write("\n")
