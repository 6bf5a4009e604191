"""Findings as objects of the protocol: in the units that the client counts columns in, with what it can show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lsprotocol import types

from torchlint.findings import Fix, Place, Safety, Severity, Span
from torchlint.lsp.documents import supports, uri_of
from torchlint.lsp.session import LineEdit, Problem, Result
from torchlint.rule import CLAIM_OF, Rule
from torchlint.source.text import Lines

SOURCE = "torchlint"

_SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.INFO: types.DiagnosticSeverity.Information,
}
_DEPRECATED = frozenset({"deprecated-torch-api", "removed-torch-api"})
_UNNECESSARY = frozenset({"discarded-tensor-result", "unused-ignore"})

Edits = dict[str, list[types.TextEdit]]


class Shows:
    """What a client can show of a diagnostic and take as an edit."""

    def __init__(self, capabilities: types.ClientCapabilities | None = None) -> None:
        diagnostics = supports(capabilities, "text_document", "publish_diagnostics")
        self.related = supports(diagnostics, "related_information") is True
        self.link = supports(diagnostics, "code_description_support") is True
        self.tags = supports(diagnostics, "tag_support") is not None
        actions = supports(capabilities, "text_document", "code_action")
        self.disabled = supports(actions, "disabled_support") is True
        edits = supports(capabilities, "workspace", "workspace_edit")
        self.versions = supports(edits, "document_changes") is True
        self.snippets = self.versions and supports(edits, "snippet_edit_support") is True
        formats = supports(capabilities, "text_document", "hover", "content_format")
        self.markdown = formats is None or types.MarkupKind.Markdown in formats
        self.progress = supports(capabilities, "window", "work_done_progress") is True
        self.documents = supports(capabilities, "window", "show_document", "support") is True
        self.configuration = supports(capabilities, "workspace", "configuration") is True
        self.watching = supports(capabilities, "workspace", "did_change_watched_files", "dynamic_registration") is True


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
        """The document and the range of a span of the checked text; one over several cells ends with the first."""
        uri, start = self.position(span.line, span.column)
        other, end = self.position(span.end_line, span.end_column)
        if other != uri and self.result.cells is not None:
            end = self._end(self.result.cells.cell(span.line)[0])
        if (end.line, end.character) < (start.line, start.character):
            end = start
        return uri, types.Range(start, end)

    def edit(self, span: Span, text: str) -> tuple[str, types.TextEdit]:
        """The document that new text for a span belongs to, and its edit.

        The last line of a cell often has no line end in the editor, as it has in the program: an edit up to that end
        stops before it.
        """
        uri, where = self.range(span)
        cells = self.result.cells
        if cells is not None:
            number = cells.cell(span.end_line)[0]
            if span.end_line > cells.ends[number] and not cells.ended[number]:
                end = self._end(number)
                text = text.removesuffix("\n")
                if span.line > cells.ends[number]:
                    return uri, types.TextEdit(types.Range(end, end), f"\n{text}")
                where = types.Range(where.start, end)
        return uri, types.TextEdit(where, text)

    def _end(self, cell: int) -> types.Position:
        """The end of the last line of a cell of a notebook."""
        cells = self.result.cells
        assert cells is not None
        last = self.lines.line(cells.ends[cell]).rstrip("\r\n")
        return self.position(cells.ends[cell], len(last.encode(errors="replace")))[1]

    def in_one_cell(self, span: Span) -> bool:
        """Whether a span lies in one cell of a notebook."""
        cells = self.result.cells
        return cells is None or cells.cell(span.line)[0] == cells.cell(span.end_line)[0]

    def elsewhere(self, place: Place, text: Callable[[str], str]) -> types.Location:
        """The location of a place in this or another file."""
        if place.path == self.result.path:
            uri, found = self.range(place.span)
            return types.Location(uri, found)
        lines = Lines(text(place.path))
        span = place.span
        start = types.Position(max(span.line - 1, 0), self.column(lines, span.line, span.column))
        end = types.Position(max(span.end_line - 1, 0), self.column(lines, span.end_line, span.end_column))
        return types.Location(uri_of(place.path), types.Range(start, end))


def diagnostic(
    number: int,
    units: Units,
    rules: Mapping[str, Rule],
    text: Callable[[str], str],
    versions: Mapping[str, int | None],
    shows: Shows,
) -> tuple[str, types.Diagnostic]:
    """The document that a finding of a result belongs to, and its diagnostic.

    `data` names the finding, so that a code action finds it without another check. Its edits are not in it: they cost
    several times what the check of a file costs, and are made when somebody looks at the finding.
    """
    finding = units.result.outcome.findings[number]
    rule = rules.get(finding.code)
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
        code_description=types.CodeDescription(rule.url) if shows.link and rule is not None and rule.url else None,
        source=SOURCE,
        tags=tags if tags and shows.tags else None,
        related_information=related if related and shows.related else None,
        data={
            "code": finding.code,
            "name": finding.name,
            "number": number,
            "version": versions.get(uri),
            "fixable": any(fix.verbs for fix in finding.fixes),
            "fixes": [{"title": title_of(fix), "safety": fix.safety.value} for fix in finding.fixes if fix.verbs],
        },
    )


def of_problem(problem: Problem) -> types.Diagnostic:
    """The diagnostic of a mistake in a configuration file, on its whole line."""
    line = max(problem.line - 1, 0)
    return types.Diagnostic(
        range=types.Range(types.Position(line, 0), types.Position(line + 1, 0)),
        message=problem.message,
        severity=types.DiagnosticSeverity.Error,
        code="configuration",
        source=SOURCE,
    )


def title_of(fix: Fix) -> str:
    """What a fix is called in a menu: one that changes results says so, besides what it changes."""
    return fix.title + {Safety.SAFE: "", Safety.UNSAFE: " (unsafe)", Safety.SHOWN: " (suggestion)"}[fix.safety]


def fix_edits(fix: Fix, units: Units) -> Edits | None:
    """The edits of a fix by document; `None` if the fix cannot be made."""
    from torchlint import fixes

    made = fixes.edits_of(units.lines.text, fix) if fix.verbs else None
    if not made or not all(units.in_one_cell(edit.span) for edit in made):
        return None
    return located(made, units)


def located(edits: Any, units: Units) -> Edits:
    """Edits of the checked text as edits of the client's documents."""
    found: Edits = {}
    for edit in edits:
        uri, made = units.edit(edit.span, edit.text)
        found.setdefault(uri, []).append(made)
    return found


def workspace_edit(edits: Edits, versions: Mapping[str, int | None], shows: Shows) -> types.WorkspaceEdit:
    """Edits of several documents, with their versions where the client can check them."""
    if not shows.versions:
        return types.WorkspaceEdit(changes=edits)
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, versions.get(uri)), items)
            for uri, items in edits.items()
        ]
    )


def comment_edit(edit: LineEdit, units: Units, versions: Mapping[str, int | None], shows: Shows) -> types.WorkspaceEdit:
    """A comment that is put in; where the client can, with the cursor on the reason."""
    uri, at = units.position(edit.line, edit.column)
    where = types.Range(at, at)
    if not (shows.snippets and edit.reason) or units.result.cells is not None:
        return workspace_edit({uri: [types.TextEdit(where, edit.text)]}, versions, shows)
    before, _, after = edit.text.rpartition(edit.reason)
    snippet = types.StringValue(f"{_literal(before)}${{1:{_literal(edit.reason)}}}{_literal(after)}")
    document = types.OptionalVersionedTextDocumentIdentifier(uri, versions.get(uri))
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(document, [types.SnippetTextEdit(where, snippet)])]
    )


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")


def page(rule: Rule) -> str:
    """A rule's manual as Markdown."""
    from torchlint import docs

    experiment = f"\n## Experiment\n\n`torchlint explain {rule.name} --prove` runs it on your torch.\n"
    return f"{_header(rule)}\n\n{docs.doc_of(rule).markdown}{experiment if rule.evidence is not None else ''}"


def card(rule: Rule) -> str:
    """What a hover says of a rule: the title, why, a bad and the fixed example, and where the rest stands."""
    from torchlint import docs

    more = f"\n[The manual of {rule.name}]({rule.url})\n" if rule.url else ""
    return f"{_header(rule)}\n\n{docs.doc_of(rule).brief}{more}"


def _header(rule: Rule) -> str:
    return f"### {rule.name} ({rule.code})\n\n_{rule.category.value}: {CLAIM_OF[rule.category]}_"
