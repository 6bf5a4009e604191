"""One JSON object per line and finding, for streams."""

from __future__ import annotations

import json
from typing import TextIO

from torchlint.report import Results, Style
from torchlint.report.records import Records


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write and flush one line per finding."""
    records = Records(results)
    for finding in results.listed:
        stream.write(json.dumps(records.of(finding)) + "\n")
        stream.flush()
