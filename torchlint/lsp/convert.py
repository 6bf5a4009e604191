"""Findings as objects of the protocol, in the units that the client counts columns in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls import uris

from torchlint.findings import Category, Finding, Fix, Place, Safety, Severity, Span
from torchlint.lsp.session import LineEdit, Result, ignore_edit, ignore_file_edit
from torchlint.rule import Rule
from torchlint.source.text import Lines

SOURCE = "torchlint"
REASON = "because"

_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
_DEPRECATED = frozenset({"deprecated-torch-api", "removed-torch-api"})
_UNNECESSARY = frozenset({"discarded-tensor-result", "unused-ignore"})


class Units:
    """Turns places of one text into positions of the client; for a notebook, into positions of its cells.

    Args:
        result: the findings with their text.
        encoding: what the client counts columns in.
        uri: the document, or a function from the index of a cell to its uri.
    """

    def __init__(self, result: Result, encoding: Any, uri: str | Callable[[int], str]) -> None:
        self.result = result
        self.lines = result.lines
        self.encoding = encoding
        self._uri = uri

    def column(self, lines: Lines, line: int, column: int) -> int:
        """A column in the client's units."""
        if self.encoding == types.PositionEncodingKind.Utf8:
            return column
        if self.encoding == types.PositionEncodingKind.Utf32:
            return lines.code_points(line, column)
        return lines.utf16(line, column)

    def position(self, line: int, column: int) -> tuple[str, types.Position]:
        """The document and the position of a place in the checked text."""
        character = self.column(self.lines, line, column)
        if self.result.cells is None or not callable(self._uri):
            return str(self._uri), types.Position(max(line - 1, 0), character)
        cell, inside = self.result.cells.cell(line)
        return self._uri(cell), types.Position(max(inside - 1, 0), character)

    def range(self, span: Span) -> tuple[str, types.Range]:
        """The document and the range of a span of the checked text."""
        uri, start = self.position(span.line, span.column)
        _, end = self.position(span.end_line, span.end_column)
        if (end.line, end.character) < (start.line, start.character):
            end = start
        return uri, types.Range(start, end)

    def elsewhere(self, place: Place, text: Callable[[str], str]) -> types.Location:
        """The location of a place in this or another file."""
        if place.path == self.result.path:
            uri, found = self.range(place.span)
            return types.Location(uri, found)
        lines = Lines(text(place.path))
        span = place.span
        start = types.Position(max(span.line - 1, 0), self.column(lines, span.line, span.column))
        end = types.Position(max(span.end_line - 1, 0), self.column(lines, span.end_line, span.end_column))
        return types.Location(uris.from_fs_path(place.path) or place.path, types.Range(start, end))


def diagnostic(
    finding: Finding, units: Units, rule: Rule | None, text: Callable[[str], str], version: int | None
) -> tuple[str, types.Diagnostic]:
    """The document that a finding belongs to, and its diagnostic; `data` carries all that code actions need."""
    uri, where = units.range(finding.place.span)
    tags = [types.DiagnosticTag.Deprecated] if finding.name in _DEPRECATED else []
    if finding.name in _UNNECESSARY:
        tags.append(types.DiagnosticTag.Unnecessary)
    related = [
        types.DiagnosticRelatedInformation(units.elsewhere(item.place, text), item.message) for item in finding.related
    ]
    severity = finding.severity or (rule.severity if rule is not None else Severity.WARNING)
    return uri, types.Diagnostic(
        range=where,
        message=finding.message,
        severity=types.DiagnosticSeverity.Hint if finding in units.result.known else _SEVERITY[severity],
        code=finding.name,
        source=SOURCE,
        tags=tags or None,
        related_information=related or None,
        data={
            "code": finding.code,
            "name": finding.name,
            "version": version,
            "fixable": any(fix.verbs for fix in finding.fixes),  # also where libcst is missing, which makes the edits
            "fixes": [f for f in (_fix(fix, units) for fix in finding.fixes) if f is not None],
            "ignore": _line_edit(ignore_edit(units.lines, finding, REASON), units),
            "ignoreFile": _line_edit(ignore_file_edit(units.lines, finding, REASON), units),
        },
    )


def _fix(fix: Fix, units: Units) -> dict[str, Any] | None:
    edits = edits_of(fix, units)
    if edits is None:
        return None
    title = fix.title if fix.safety is Safety.SAFE else f"{fix.title} (unsafe)"
    return {"title": title, "safe": fix.safety is Safety.SAFE, "shown": fix.safety is Safety.SHOWN, "edits": edits}


def edits_of(fix: Fix, units: Units) -> dict[str, list[dict[str, Any]]] | None:
    """The edits of a fix by document, as plain JSON; `None` if the fix cannot be made."""
    from torchlint import fixes

    made = fixes.edits_of(units.lines.text, fix) if fix.verbs else None
    if not made:
        return None
    found: dict[str, list[dict[str, Any]]] = {}
    for edit in made:
        uri, where = units.range(edit.span)
        found.setdefault(uri, []).append({"range": plain(where), "newText": edit.text})
    return found


def _line_edit(edit: LineEdit, units: Units) -> dict[str, list[dict[str, Any]]]:
    uri, at = units.position(edit.line, edit.column)
    return {uri: [{"range": plain(types.Range(at, at)), "newText": edit.text}]}


def plain(where: types.Range) -> dict[str, dict[str, int]]:
    """A range as plain JSON."""
    return {
        "start": {"line": where.start.line, "character": where.start.character},
        "end": {"line": where.end.line, "character": where.end.character},
    }


def workspace_edit(edits: dict[str, Any]) -> types.WorkspaceEdit:
    """An edit of the protocol from plain JSON."""
    changes = {
        uri: [
            types.TextEdit(
                types.Range(types.Position(**item["range"]["start"]), types.Position(**item["range"]["end"])),
                item["newText"],
            )
            for item in items
        ]
        for uri, items in edits.items()
    }
    return types.WorkspaceEdit(changes=changes)


def page(rule: Rule) -> str:
    """A rule's manual as Markdown."""
    from torchlint import docs

    promise = {
        Category.CORRECTNESS: "certain",
        Category.SUSPICIOUS: "almost surely wrong",
        Category.PERFORMANCE: "costs time or memory",
        Category.REPRODUCIBILITY: "runs differ",
        Category.PEDANTIC: "a choice worth seeing",
    }[rule.category]
    return f"### {rule.name} ({rule.code})\n\n_{rule.category.value}: {promise}_\n\n{docs.parse(rule.doc).markdown}"
