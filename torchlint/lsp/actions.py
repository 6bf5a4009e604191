"""Code actions: fixes for the findings under the cursor, and ways to silence and to understand them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lsprotocol import types

from torchlint.findings import Finding, Safety
from torchlint.lsp.convert import (
    SOURCE,
    Edits,
    comment_edit,
    fix_edits,
    located,
    title_of,
    workspace_edit,
)
from torchlint.lsp.core import Server, Shown
from torchlint.lsp.options import Options
from torchlint.lsp.session import ignore_edit, ignore_file_edit

FIX_ALL = "source.fixAll.torchlint"
NOTEBOOK_FIX_ALL = "notebook.source.fixAll.torchlint"
REASON = "because"
NO_LIBCST = "fixes need libcst, which the Python of the server does not have: `pip install libcst` installs it"

OPTIONS = types.CodeActionOptions(
    code_action_kinds=[types.CodeActionKind.QuickFix, FIX_ALL, NOTEBOOK_FIX_ALL], resolve_provider=False
)
_QUICK = types.CodeActionKind.QuickFix


async def code_action(ls: Server, params: types.CodeActionParams) -> list[types.CodeAction]:
    """Fixes for the diagnostics under the cursor; `source.*` actions only when they are asked for by name.

    Which diagnostics those are, the client says (some name all of a line); of one that names none of ours, the range
    counts.
    """
    uri = params.text_document.uri
    only = [str(getattr(kind, "value", kind)) for kind in params.context.only or ()]
    if not only or any(_QUICK.value == kind or kind == "" for kind in only):
        named = [item for item in params.context.diagnostics if item.source == SOURCE]
        found: list[types.CodeAction] = []
        for item in named or _touched(ls, uri, params.range):
            found.extend(await ls.run(_for_one, ls, uri, item))
        return found
    for kind in (FIX_ALL, NOTEBOOK_FIX_ALL):
        if any(kind == asked or kind.startswith(f"{asked}.") for asked in only):
            edits = await ls.run(safe_edits, ls, uri)
            edit = _as_edit(ls, uri, edits[0]) if edits is not None else None
            return [types.CodeAction("Fix all safe findings of torchlint", kind=kind, edit=edit)] if edit else []
    return []


def _for_one(ls: Server, uri: str, item: types.Diagnostic) -> list[types.CodeAction]:
    found = _finding(ls, uri, item)
    if found is None:
        return []
    shown, number = found
    finding = shown.result.outcome.findings[number]
    options = ls.session.options.of(shown.result.path)
    return [
        *(_fixes(ls, shown, number, item) if options.show_fixes else ()),
        *(_same(ls, uri, finding, item) if options.show_fixes else ()),
        *_silencing(ls, shown, finding, item, options),
        types.CodeAction(
            title=f"Explain {finding.name}",
            kind=_QUICK,
            diagnostics=[item],
            command=types.Command("Explain", "torchlint.explain", arguments=[finding.name, True]),
        ),
    ]


def _touched(ls: Server, uri: str, where: types.Range) -> list[types.Diagnostic]:
    """The diagnostics that overlap or touch a range."""
    shown = ls.shown.get(ls.documents.holder(uri))
    here = shown.diagnostics.get(uri, ()) if shown is not None else ()
    return [item for item in here if item.range.start <= where.end and where.start <= item.range.end]


def _finding(ls: Server, uri: str, item: types.Diagnostic) -> tuple[Shown, int] | None:
    """The finding that a diagnostic shows; `None` if its text has changed since.

    A client that does not keep `data` is asked for the finding by its place and name.
    """
    shown = ls.shown.get(ls.documents.holder(uri))
    document = ls.documents.document(uri)
    if shown is None or document is None or shown.versions.get(uri, document.version) != document.version:
        return None
    for there in shown.diagnostics.get(uri, ()):
        data: Any = there.data
        given: Any = item.data
        same = there.range == item.range and there.code == item.code and there.message == item.message
        if isinstance(given, dict) and "number" in given:
            same = data["number"] == given["number"] and data["version"] == given.get("version")
        if same and data["number"] < len(shown.result.outcome.findings):
            return shown, data["number"]
    return None


def _fixes(ls: Server, shown: Shown, number: int, item: types.Diagnostic) -> Iterator[types.CodeAction]:
    """One action for each fix that can be made."""
    for index, fix in enumerate(shown.result.outcome.findings[number].fixes):
        if not fix.verbs:
            continue
        key = number, index
        if key not in shown.edits:
            shown.edits[key] = fix_edits(fix, shown.units)
        edits: Edits | None = shown.edits[key]
        if edits is not None:
            yield types.CodeAction(
                title=title_of(fix),
                kind=_QUICK,
                diagnostics=[item],
                is_preferred=True if fix.safety is Safety.SAFE else None,
                edit=workspace_edit(edits, shown.versions, ls.shows),
            )
        elif not _can_fix():
            ls.tell_once(NO_LIBCST, show=False)
            if ls.shows.disabled:
                disabled = types.CodeActionDisabled(NO_LIBCST)
                yield types.CodeAction(title=title_of(fix), kind=_QUICK, diagnostics=[item], disabled=disabled)


def _can_fix() -> bool:
    from torchlint import fixes

    return fixes.available()


def _same(ls: Server, uri: str, finding: Finding, item: types.Diagnostic) -> Iterator[types.CodeAction]:
    """All safe fixes of the same rule, if there are several."""
    if finding.fix is None or finding.fix.safety is not Safety.SAFE:
        return
    made = safe_edits(ls, uri, finding.name)
    if made is not None and made[1] > 1:
        yield types.CodeAction(
            title=f"Fix all {made[1]} safe `{finding.name}` in this file",
            kind=_QUICK,
            diagnostics=[item],
            edit=_as_edit(ls, uri, made[0]),
        )


def _silencing(
    ls: Server, shown: Shown, finding: Finding, item: types.Diagnostic, options: Options
) -> Iterator[types.CodeAction]:
    if not options.show_ignore:
        return
    units = shown.units
    line = ignore_edit(units.lines, finding, REASON)
    file = ignore_file_edit(units.lines, finding, REASON, shown.result.cells)
    for edit, place in ((line, "on this line"), (file, "in this file")):
        yield types.CodeAction(
            title=f"Ignore {finding.name} {place}",
            kind=_QUICK,
            diagnostics=[item],
            edit=comment_edit(edit, units, shown.versions, ls.shows),
        )


def safe_edits(ls: Server, uri: str, name: str | None = None) -> tuple[Edits, int] | None:
    """All safe fixes of a document that can be made at once, and their number; those of one rule, if it is named, else
    those of all findings that the baseline does not have."""
    shown = ls.shown.get(ls.documents.holder(uri))
    if shown is None or not shown.result.outcome.complete or not _is_current(ls, shown):
        return None
    from torchlint import fixes

    wanted = [
        finding.fixes[0]
        for finding in shown.result.outcome.findings
        if finding.fixes and finding.fixes[0].safety is Safety.SAFE
        if (finding not in shown.result.known if name is None else finding.name == name)
    ]
    text = shown.units.lines.text
    candidates = [fixes.edits_of(text, fix) for fix in wanted]
    within = [made if made and all(shown.units.in_one_cell(e.span) for e in made) else None for made in candidates]
    edits, taken = fixes.compatible(within)
    return (located(edits, shown.units), len(taken)) if edits else None


def _is_current(ls: Server, shown: Shown) -> bool:
    """Whether the documents are still those that the findings were found in."""
    for uri, version in shown.versions.items():
        document = ls.documents.document(uri)
        if document is None or document.version != version:
            return False
    return True


def _as_edit(ls: Server, uri: str, edits: Edits) -> types.WorkspaceEdit | None:
    shown = ls.shown.get(ls.documents.holder(uri))
    return workspace_edit(edits, shown.versions, ls.shows) if shown is not None else None


async def all_safe(ls: Server, uri: str) -> types.WorkspaceEdit | None:
    """One edit with all safe fixes of a document."""
    made = await ls.run(safe_edits, ls, uri)
    return _as_edit(ls, uri, made[0]) if made is not None else None
