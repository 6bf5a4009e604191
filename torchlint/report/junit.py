"""JUnit's XML, for Jenkins and other services that show test results: a suite per file, a failed test per finding."""

from __future__ import annotations

import io
import re
from itertools import groupby
from typing import TextIO
from xml.sax.saxutils import escape, quoteattr

from torchlint.findings import Finding, Severity
from torchlint.report import Results, Style, renderer

_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 cannot contain


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write one document; without findings it has one test, which passes, as an empty report counts as a mistake."""
    count = len(results.findings)
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write(f'<testsuites name="torchlint" tests="{count or 1}" failures="{count}" errors="0">\n')
    if not count:
        stream.write('  <testsuite name="torchlint" tests="1" failures="0" errors="0" skipped="0">\n')
        stream.write('    <testcase classname="torchlint" name="no findings"/>\n  </testsuite>\n')
    for path, found in groupby(results.findings, key=lambda finding: finding.place.path):
        findings = list(found)
        name = _attribute(results.in_repository(path))
        counts = f'tests="{len(findings)}" failures="{len(findings)}" errors="0" skipped="0"'
        stream.write(f"  <testsuite name={name} {counts}>\n")
        for finding in findings:
            _case(results, finding, name, stream)
        stream.write("  </testsuite>\n")
    stream.write("</testsuites>\n")


def _case(results: Results, finding: Finding, file: str, stream: TextIO) -> None:
    path, span = finding.place
    module = _attribute(results.in_repository(path).removesuffix(".py").replace("/", "."))
    cell = results.cell(path, span.line)
    line = cell.in_file(span.line) if cell else span.line
    title = _attribute(f"{finding.code} {finding.name} ({results.place(path, span.line, span.column)})")
    severity = _attribute((finding.severity or Severity.WARNING).value)
    text = io.StringIO()
    renderer("full")(results.only(finding), text, Style())
    stream.write(f'    <testcase classname={module} name={title} file={file} line="{line}">\n')
    stream.write(f"      <failure type={severity} message={_attribute(finding.message)}>")
    stream.write(escape(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text.getvalue().rstrip())))
    stream.write("</failure>\n    </testcase>\n")


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text))
