"""A finding as a JSON object, with the fields of ruff's JSON and some of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchlint.docs import doc_of
from torchlint.findings import Finding, Fix, Place, Safety, Severity, Span
from torchlint.report import Results
from torchlint.rule import Rule

if TYPE_CHECKING:
    from torchlint.fixes import TextEdit

_APPLICABILITY = {Safety.SAFE: "safe", Safety.UNSAFE: "unsafe", Safety.SHOWN: "display"}


class Records:
    """Turns the findings of one run into objects; lines and columns count from 1, columns in code points."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._help: dict[str, str] = {}

    def of(self, finding: Finding) -> dict[str, Any]:
        """The object of one finding."""
        path, span = finding.place
        rule = self._results.known.get(finding.code)
        return {
            "code": finding.code,
            "name": finding.name,
            "message": finding.message,
            "severity": (finding.severity or Severity.WARNING).value,
            "category": rule.category.value if rule else None,
            "filename": path,
            "cell": self._cell(path, span).get("cell"),
            **self._range(path, span),
            "fix": self._fix(path, finding.fix),
            "other_fixes": [self._fix(path, fix) for fix in finding.fixes[1:]],
            "related": [self._related(related.place, related.message) for related in finding.related],
            "fingerprint": self._results.fingerprint(finding),
            "suppressed": self._suppressed(finding),
            "help": self._title(rule) if rule else None,
            "url": rule.url if rule else None,
        }

    def _title(self, rule: Rule) -> str:
        known = self._help.get(rule.code)
        if known is None:
            known = self._help[rule.code] = doc_of(rule).title
        return known

    def _suppressed(self, finding: Finding) -> dict[str, str] | None:
        entry = self._results.suppressed.get(finding)
        return {"by": entry.by, "reason": entry.reason} if entry else None

    def _cell(self, path: str, span: Span) -> dict[str, int]:
        cell = self._results.cell(path, span.line)
        return {"cell": cell.number} if cell else {}

    def _range(self, path: str, span: Span) -> dict[str, Any]:
        return {
            "location": self._point(path, span.line, span.column),
            "end_location": self._point(path, span.end_line, span.end_column),
        }

    def _point(self, path: str, line: int, column: int) -> dict[str, int]:
        row, place = self._results.position(path, line, column)
        return {"row": row, "column": place}

    def _related(self, place: Place, message: str) -> dict[str, Any]:
        return {
            "filename": place.path,
            **self._cell(*place),
            **self._range(*place),
            "message": message,
        }

    def _fix(self, path: str, fix: Fix | None) -> dict[str, Any] | None:
        if fix is None:
            return None
        edits = self._results.edits(path, fix)
        if edits is None:
            return None
        return {
            "applicability": _APPLICABILITY[fix.safety],
            "message": fix.title,
            "edits": [self._edit(path, edit) for edit in edits],
        }

    def _edit(self, path: str, edit: TextEdit) -> dict[str, Any]:
        return {"content": edit.text, **self._cell(path, edit.span), **self._range(path, edit.span)}
