"""Findings for people: the sentence, the code, the places that explain it, and the repair."""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from torchlint.findings import Finding, Safety
from torchlint.report import Results, Style, mark
from torchlint.report.frame import diff, frame


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write a block for each finding; of a rule with many, `results.cap` blocks and the number of the others."""
    seen: Counter[str] = Counter()
    for finding in results.findings:
        seen[finding.code] += 1
        if results.cap is None or seen[finding.code] <= results.cap:
            _block(results, finding, stream, style)
    if results.cap is None:
        return
    for code, count in seen.items():
        if count > results.cap:
            name = results.known[code].name if code in results.known else ""
            stream.write(f"{code} {name}: ... {count - results.cap} more; `--output-format concise` shows all\n\n")


def _block(results: Results, finding: Finding, stream: TextIO, style: Style) -> None:
    path, span = finding.place
    colour = {"error": 31, "info": 34}.get(finding.severity.value if finding.severity else "", 33)
    head = f"{style.severity(finding.code, finding.severity)} {style.bold(finding.name)}"
    out = [f"{head} {mark(finding.fix)}{finding.message}"]
    out.append(f"  {style.dim('-->')} {results.shown(path)}:{results.place(path, span.line, span.column)}")
    out.extend(frame(results, finding.place, style, "^", colour))
    for related in finding.related:
        there = related.place
        where = f"{results.shown(there.path)}:{results.place(there.path, there.span.line, there.span.column)}"
        out.append(f"  {style.dim(':::')} {where} {related.message}")
        out.extend(frame(results, there, style, "-", 34, context=1))
    out.extend(_repairs(results, finding, style))
    stream.write("\n".join(out) + "\n\n")


def _repairs(results: Results, finding: Finding, style: Style) -> list[str]:
    out: list[str] = []
    for fix in finding.fixes:
        out.append(f"{style.paint('help', 1, 36)}: {fix.title}{_caution(fix.safety)}")
        edits = results.edits(finding.place.path, fix)
        if edits:
            out.extend(diff(results.lines(finding.place.path), edits, style))
    return out


def _caution(safety: Safety) -> str:
    return {Safety.SAFE: "", Safety.UNSAFE: " [unsafe]", Safety.SHOWN: " [by hand]"}[safety]
