"""Findings for language models and scripts: a line per finding, then why and how to repair it, in few words.

No colours, no frames, no paths that depend on the machine, and the same order in every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, TextIO

from torchlint.docs import doc_of
from torchlint.findings import Finding, Fix, Safety, Severity
from torchlint.report import Results, Style
from torchlint.report.frame import replaced_lines
from torchlint.source.notebook import cell_at, cells_of
from torchlint.source.text import Lines

if TYPE_CHECKING:
    from torchlint.fixes import TextEdit

_HOW = {Safety.SAFE: "--fix", Safety.UNSAFE: "--fix --unsafe-fixes", Safety.SHOWN: "by hand"}


def render(results: Results, stream: TextIO, style: Style) -> None:
    """Write `path:line:column: severity code name: message` for each finding, below it its places, why, and its fix."""
    explained: set[str] = set()
    for finding in results.findings:
        path, span = finding.place
        severity = (finding.severity or Severity.WARNING).value
        where = f"{results.shown(path)}:{results.place(path, span.line, span.column)}"
        stream.write(f"{where}: {severity} {finding.code} {finding.name}: {_one_line(finding.message)}\n")
        for there, message in finding.related:
            where = f"{results.shown(there.path)}:{results.place(there.path, there.span.line, there.span.column)}"
            stream.write(f"  see {where}: {_one_line(message)}\n")
        if finding.code not in explained and finding.code in results.known:
            explained.add(finding.code)
            stream.write(f"  why: {doc_of(results.known[finding.code]).title}\n")
        for fix in finding.fixes:
            how = _HOW[fix.safety] if fix is finding.fix else "instead, by hand"
            stream.writelines(_repair(results, finding, fix, how))
    count, files = len(results.findings), len({finding.place.path for finding in results.findings})
    stream.write(f"{count} finding{'s' * (count != 1)} in {files} file{'s' * (files != 1)}\n")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _repair(results: Results, finding: Finding, fix: Fix, how: str) -> Iterator[str]:
    path = finding.place.path
    hunks = list(_hunks(results.lines(path), results.edits(path, fix) or ()))
    yield f"  help: {fix.title}{f' ({how})' if hunks else ''}\n"
    if hunks:
        yield from ("```diff\n", *hunks, "```\n")


def _hunks(lines: Lines, edits: Sequence[TextEdit]) -> Iterator[str]:
    """What edits change, as hunks of a unified diff without context."""
    cells, moved, before = cells_of(lines.text), 0, None
    for first, last, new in replaced_lines(lines, edits):
        cell = cell_at(cells, first)
        if cell != before:
            before, moved = cell, 0
        top, where = (first - cell.first + 1, f" cell {cell.number}") if cell else (first, "")
        old = [line.rstrip("\r\n") for line in lines.lines[first - 1 : last]]
        for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind == "equal":
                continue
            yield f"@@ -{_range(top + a, b - a)} +{_range(top + c + moved, d - c)} @@{where}\n"
            yield from (f"-{line}\n" for line in old[a:b])
            yield from (f"+{line}\n" for line in new[c:d])
        moved += len(new) - len(old)


def _range(line: int, count: int) -> str:
    """A range of a hunk's header; an empty one names the line before it."""
    return f"{line if count else line - 1},{count}" if count != 1 else str(line)
