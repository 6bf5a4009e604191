"""From the verbs of a fix to text edits."""

from __future__ import annotations

from collections.abc import Callable

from torchlint.findings import Fix, Span, Verb
from torchlint.fixes import TextEdit, expressions, imports, statements
from torchlint.fixes.changes import Change, changed, overlapping
from torchlint.fixes.parsed import Parsed, parse, tree_of


def edits_of(text: str, fix: Fix) -> list[TextEdit] | None:
    """The edits of a fix, sorted; `None` where it cannot be made faithfully."""
    parsed = parse(text)
    try:
        changes = _changes_of(parsed, fix.verbs) if parsed is not None else None
    except RecursionError:
        return None
    if parsed is None or not changes:
        return None
    if overlapping(changes) or not _parses(parsed, changes):
        return None
    return [_edit(parsed, change) for change in changes]


def _parses(parsed: Parsed, changes: list[Change]) -> bool:
    """Whether the text parses after the changes: only the outermost statements that they touch are read again."""
    touched: list[tuple[int, int, list[Change]]] = []
    for change in changes:
        start, end = parsed.outermost(change.start, change.end)
        if touched and start < touched[-1][1]:
            before = touched.pop()
            touched.append((min(start, before[0]), max(end, before[1]), [*before[2], change]))
        else:
            touched.append((start, end, [change]))
    for start, end, inside in touched:
        moved = [Change(change.start - start, change.end - start, change.text) for change in inside]
        text = changed(parsed.text[start:end], moved)
        if tree_of(text) is None or (text and not text.endswith(("\n", "\r"))):
            # The lines do not stand alone, such as one that a backslash continues or that lost its end.
            return tree_of(changed(parsed.text, changes)) is not None
    return True


def _changes_of(parsed: Parsed, verbs: tuple[Verb, ...]) -> list[Change] | None:
    needed = [verb for verb in verbs if verb.kind == "ensure_import"]
    others = [verb for verb in verbs if verb.kind != "ensure_import"]
    offsets = [parsed.offset(*span[:2]) for verb in others for span in (verb.span, verb.to) if span]
    found: list[Change] = []
    for verb in needed:
        need = imports.need_of(verb.code)
        answer = imports.ensured(parsed, need, min(offsets, default=len(parsed.text))) if need else None
        if need is None or answer is None:
            return None
        found += answer.changes
        named = [_renamed(other, need.bound, answer.expression) for other in others]
        others = [other for other in named if other is not None]
        if len(others) < len(named):
            return None
    for group in _grouped(others):
        changes = _carried_out(parsed, group)
        if changes is None:
            return None
        found += [change for change in changes if change not in found]
    return sorted(found, key=lambda change: change[:2])


def _renamed(verb: Verb, bound: str, expression: str) -> Verb | None:
    if not verb.code or bound == expression:
        return verb
    hole = "_torchlint_braces_"
    code = imports.renamed(verb.code.replace("{}", hole, 1) if verb.kind == "wrap" else verb.code, bound, expression)
    return None if code is None else verb._replace(code=code.replace(hole, "{}"))


def _grouped(verbs: list[Verb]) -> list[list[Verb]]:
    """The verbs in their order; those about the arguments of one call together."""
    groups: list[list[Verb]] = []
    calls: dict[Span | None, list[Verb]] = {}
    for verb in verbs:
        if verb.kind in expressions.ARGUMENT_VERBS and verb.span in calls:
            calls[verb.span].append(verb)
            continue
        group = [verb]
        groups.append(group)
        if verb.kind in expressions.ARGUMENT_VERBS:
            calls[verb.span] = group
    return groups


def _carried_out(parsed: Parsed, group: list[Verb]) -> list[Change] | None:
    verb = group[0]
    if verb.kind in expressions.ARGUMENT_VERBS:
        call = parsed.expression(verb.span, "Call")
        return expressions.change_arguments(parsed, call, group) if call is not None else None
    step = _VERBS.get(verb.kind)
    return step(parsed, verb) if step is not None else None


def _statement(verb: Verb, step: Callable[..., list[Change] | None], parsed: Parsed) -> list[Change] | None:
    statement = parsed.statement(verb.span)
    return step(parsed, statement, verb.code) if statement is not None else None


def _two_statements(verb: Verb, step: Callable[..., list[Change] | None], parsed: Parsed) -> list[Change] | None:
    statement, other = parsed.statement(verb.span), parsed.statement(verb.to)
    return step(parsed, statement, other) if statement is not None and other is not None else None


def _remove(parsed: Parsed, verb: Verb) -> list[Change] | None:
    statement = parsed.statement(verb.span)
    return statements.remove(parsed, statement) if statement is not None else None


def _replace(parsed: Parsed, verb: Verb) -> list[Change] | None:
    node = parsed.expression(verb.span, verb.name)
    if node is not None:
        return expressions.replace(parsed, node, verb.code)
    return _statement(verb, statements.replace, parsed)


def _rename(parsed: Parsed, verb: Verb) -> list[Change] | None:
    node = parsed.expression(verb.span, verb.name)
    return expressions.replace(parsed, node, verb.code) if node is not None else None


def _wrap(parsed: Parsed, verb: Verb) -> list[Change] | None:
    node = parsed.expression(verb.span, verb.name)
    return expressions.wrap(parsed, node, verb.code) if node is not None else None


def _unwrap(parsed: Parsed, verb: Verb) -> list[Change] | None:
    node, part = parsed.expression(verb.span, verb.name), parsed.expression(verb.to)
    return expressions.unwrap(parsed, node, part) if node is not None and part is not None else None


def _rename_attribute(parsed: Parsed, verb: Verb) -> list[Change] | None:
    node = parsed.expression(verb.span, "Attribute")
    return expressions.rename_attribute(parsed, node, verb.name) if node is not None else None


def _enclose(parsed: Parsed, verb: Verb) -> list[Change] | None:
    first, last = parsed.statement(verb.span), parsed.statement(verb.to)
    if first is None or last is None:
        return None
    return statements.enclose(parsed, first, last, verb.code)


_VERBS: dict[str, Callable[[Parsed, Verb], list[Change] | None]] = {
    "insert_before": lambda parsed, verb: _statement(verb, statements.insert_before, parsed),
    "insert_after": lambda parsed, verb: _statement(verb, statements.insert_after, parsed),
    "insert_first": lambda parsed, verb: _statement(verb, statements.insert_first, parsed),
    "insert_last": lambda parsed, verb: _statement(verb, statements.insert_last, parsed),
    "assign": lambda parsed, verb: _statement(verb, statements.assign, parsed),
    "add_base": lambda parsed, verb: _statement(verb, statements.add_base, parsed),
    "add_decorator": lambda parsed, verb: _statement(verb, statements.add_decorator, parsed),
    "move_before": lambda parsed, verb: _two_statements(verb, statements.move_before, parsed),
    "move_after": lambda parsed, verb: _two_statements(verb, statements.move_after, parsed),
    "enclose": _enclose,
    "remove": _remove,
    "replace": _replace,
    "wrap": _wrap,
    "unwrap": _unwrap,
    "rename": _rename,
    "rename_attribute": _rename_attribute,
}


def _edit(parsed: Parsed, change: Change) -> TextEdit:
    start, end = parsed.position(change.start), parsed.position(change.end)
    return TextEdit(Span(*start, *end), change.text)
