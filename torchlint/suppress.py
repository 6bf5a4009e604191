"""Comments that suppress findings, and findings about those comments.

    optimizer.step()  # torchlint: ignore[missing-zero-grad] gradients accumulate over 4 batches
    # torchlint: ignore[missing-zero-grad, TL603] alone on its line: the next statement, with everything inside it
    # torchlint: file-ignore[host-sync-in-step] the whole file
    optimizer.step()  # noqa: TL101 where `noqa = true` is configured

A comment on any line of a statement covers the statement; on a line of a block's header it covers the header.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from torchlint import hygiene
from torchlint.findings import Finding, Fix, Place, Span, Verb
from torchlint.rule import Rule
from torchlint.settings import nearest

MARKER = "torchlint:"
# compiled by `re` when they are first used, which most runs never do
DIRECTIVE = r"#\s*torchlint:\s*([\w-]+)\s*(?:\[([^\]\n]*)\])?\s*((?:[^#\n]|#(?=\d))*)"
"""A directive: its kind, the names, the reason; `#12` in a reason is the number of an issue and not another comment."""

_NOQA = r"#\s*(?i:noqa)\s*:\s*([A-Za-z]+\d+(?:[,\s]\s*[A-Za-z]+\d+)*)"
_WORD = r"[^\s,]+"
_KINDS = ("ignore", "file-ignore")


class _Comment(NamedTuple):
    """A comment as the tokenizer gives it: its line, its column in code points, its text, and whether it is alone."""

    line: int
    column: int
    text: str
    alone: bool

    def span(self, line: str, start: int, end: int) -> Span:
        """The span of a part of the comment; `line` is the text of its line."""
        first = len(line[: self.column + start].encode(errors="replace"))
        last = len(line[: self.column + end].encode(errors="replace"))
        return Span(self.line, first, self.line, last)


class Entry(NamedTuple):
    """One name in one suppression comment, and the lines that it covers."""

    word: str
    rule: Rule | None
    first: int
    last: int
    reason: str
    place: Span  # of the name
    comment: Span  # of the directive, up to the next directive or the end of the line
    only: bool  # whether the directive names nothing else

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one that this entry suppresses."""
        return (
            self.rule is not None
            and self.rule.code == finding.code
            and self.first <= finding.place.span.line <= self.last
        )


class Suppressions(NamedTuple):
    """All suppression entries of a file, and the findings about comments that cannot be understood."""

    entries: tuple[Entry, ...]
    mistakes: tuple[Finding, ...]


NONE = Suppressions((), ())


def read(path: str, text: str, tree: ast.Module, known: Mapping[str, Rule], noqa: bool = False) -> Suppressions:
    """The suppression comments of a file; `tree` is its syntax tree. `noqa` says whether `# noqa: CODE` is one."""
    is_comment = MARKER + "|(?i:noqa)" if noqa else MARKER
    if not re.search(is_comment, text):
        return NONE
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    comments = list(_comments("\n".join(lines), lines, is_comment))
    if not comments:
        return NONE
    extents = Extents(tree)
    entries: list[Entry] = []
    mistakes: list[Finding] = []
    for comment in comments:
        for entry, mistake in _understood(path, comment, lines, extents, known):
            if entry is not None:
                entries.append(entry)
            if mistake is not None:
                mistakes.append(mistake)
        if noqa:
            entries.extend(_noqa(comment, lines, extents, known))
    return Suppressions(tuple(entries), tuple(mistakes))


def apply(
    path: str, findings: Iterable[Finding], suppressions: Suppressions, judged: frozenset[str], complete: bool
) -> tuple[list[Finding], list[tuple[Finding, str]]]:
    """The findings that are left, with those about the comments, and the suppressed ones with their reasons.

    `judged` are the codes of the rules that have run on the file without a crash: only their comments can be unused. A
    file that is not `complete` (it does not parse) has no unused comments.
    """
    left: list[Finding] = []
    suppressed: list[tuple[Finding, str]] = []
    used: set[int] = set()

    def judge(finding: Finding) -> None:
        covering = [i for i, entry in enumerate(suppressions.entries) if entry.covers(finding)]
        used.update(covering)
        if covering:
            suppressed.append((finding, suppressions.entries[covering[0]].reason))
        else:
            left.append(finding)

    for finding in findings:
        judge(finding)
    for mistake in suppressions.mistakes:
        if mistake.code in judged:
            judge(mistake)
    if complete and hygiene.UNUSED_IGNORE.code in judged:
        for number, entry in enumerate(suppressions.entries):
            rule = entry.rule
            if number not in used and rule is not None and rule.code in judged and rule.code not in _ABOUT_COMMENTS:
                judge(_unused(path, entry))
    return left, suppressed


_ABOUT_COMMENTS = (
    hygiene.UNUSED_IGNORE.code,
    hygiene.IGNORE_WITHOUT_REASON.code,
    hygiene.UNKNOWN_RULE_IN_IGNORE.code,
)


def _comments(text: str, lines: list[str], wanted: str) -> Iterator[_Comment]:
    """Comments in which an expression is found; strings that contain it are none."""
    import tokenize

    reached = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            reached = token.start[0]
            if token.type == tokenize.COMMENT and re.search(wanted, token.string):
                line, column = token.start
                yield _Comment(line, column, token.string, not lines[line - 1][:column].strip())
    except (tokenize.TokenError, SyntaxError, RecursionError):
        for number in range(reached + 1, len(lines) + 1):
            line_text = lines[number - 1]
            column = line_text.find("#")
            if column >= 0 and re.search(wanted, line_text[column:]) and not _quoted(line_text[:column]):
                yield _Comment(number, column, line_text[column:], not line_text[:column].strip())


def _quoted(before: str) -> bool:
    return before.count('"') % 2 == 1 or before.count("'") % 2 == 1


def _understood(
    path: str, comment: _Comment, lines: list[str], extents: Extents, known: Mapping[str, Rule]
) -> Iterator[tuple[Entry | None, Finding | None]]:
    def span(start: int, end: int) -> Span:
        return comment.span(lines[comment.line - 1], start, end)

    for found in re.finditer(DIRECTIVE, comment.text):
        whole = span(found.start(), len(comment.text[: found.end()].rstrip()))
        kind, names, reason = found.group(1), found.group(2), found.group(3).strip()
        if kind not in _KINDS:
            near = nearest(kind, _KINDS) or "; write `torchlint: ignore[RULE] reason`"
            message = f"`torchlint: {kind}` is no way to suppress a finding{near}"
            yield None, _about(path, hygiene.UNKNOWN_RULE_IN_IGNORE, whole, message)
            continue
        words = list(re.finditer(_WORD, names or ""))
        if not words:
            message = f"`torchlint: {kind}` names no rule; write its name in brackets, as in `{kind}[TL101]`"
            yield None, _about(path, hygiene.UNKNOWN_RULE_IN_IGNORE, whole, message)
            continue
        first, last = (1, len(lines)) if kind == "file-ignore" else extents.covered(comment.line, comment.alone)
        offset = found.start(2)
        for word in words:
            rule = known.get(word.group())
            place = span(offset + word.start(), offset + word.end())
            yield Entry(word.group(), rule, first, last, reason, place, whole, len(words) == 1), None
            if rule is None:
                message = f"`{word.group()}` is the name of no rule{_near(word.group(), known)}"
                yield None, _about(path, hygiene.UNKNOWN_RULE_IN_IGNORE, place, message)
        if not reason:
            message = f"`{kind}[{(names or '').strip()}]` gives no reason"
            yield None, _about(path, hygiene.IGNORE_WITHOUT_REASON, whole, message)


def _noqa(comment: _Comment, lines: list[str], extents: Extents, known: Mapping[str, Rule]) -> Iterator[Entry]:
    """The codes of our rules in `# noqa: ...`; those of other tools are none of our business."""
    line = lines[comment.line - 1]
    for found in re.finditer(_NOQA, comment.text):
        codes = list(re.finditer(r"[A-Za-z]+\d+", found.group(1)))
        first, last = extents.covered(comment.line, alone=False)
        whole = comment.span(line, found.start(), found.end())
        for code in codes:
            rule = known.get(code.group())
            if rule is not None:
                place = comment.span(line, found.start(1) + code.start(), found.start(1) + code.end())
                yield Entry(code.group(), rule, first, last, "", place, whole, len(codes) == 1)


def _about(path: str, rule: Rule, span: Span, message: str, fixes: tuple[Fix, ...] = ()) -> Finding:
    return Finding(rule.code, rule.name, Place(path, span), message, fixes=fixes)


def _unused(path: str, entry: Entry) -> Finding:
    title = "Remove the comment" if entry.only else f"Remove `{entry.word}` from the comment"
    fix = Fix.safe(title, Verb("uncomment", entry.comment if entry.only else entry.place))
    return _about(
        path,
        hygiene.UNUSED_IGNORE,
        entry.place,
        f"`{entry.word}` finds nothing that this comment could suppress",
        (fix,),
    )


class Extents:
    """The lines of the statements of a file."""

    def __init__(self, tree: ast.Module) -> None:
        self._inner: dict[
            int, tuple[int, int]
        ] = {}  # line -> first and last line of the simple statement or the header
        self._whole: dict[int, int] = {}  # first line of a statement -> its last line, with everything inside it
        todo: list[ast.AST] = [tree]
        while todo:
            node = todo.pop()
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.stmt):
                    self._add(child)
                if not isinstance(child, ast.expr):
                    todo.append(child)
        self._starts = sorted(self._whole)

    def _add(self, statement: ast.stmt) -> None:
        decorators = getattr(statement, "decorator_list", None) or ()
        first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
        last = statement.end_lineno or statement.lineno
        self._whole[first] = max(last, self._whole.get(first, 0))
        if getattr(statement, "body", None) or getattr(statement, "cases", None):
            last = _header_end(statement)
        for line in range(first, last + 1):
            self._inner[line] = (first, last)

    def covered(self, line: int, alone: bool) -> tuple[int, int]:
        """The lines that a comment on `line` covers."""
        around = self._inner.get(line)
        if around is not None and (not alone or around[0] < line):
            return around
        if not alone:
            return line, line
        import bisect

        at = bisect.bisect_right(self._starts, line)
        if at == len(self._starts):
            return line, line
        start = self._starts[at]
        return line, self._whole[start]


def _header_end(block: ast.stmt) -> int:
    """The last line on which the header of a block has an expression."""
    last = block.lineno
    for name, value in ast.iter_fields(block):
        if name in ("body", "orelse", "finalbody", "handlers", "cases", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else (value,):
            if isinstance(node, ast.AST):
                last = max([last, *(getattr(inner, "end_lineno", None) or 0 for inner in ast.walk(node))])
    return last


def _near(word: str, known: Mapping[str, Rule]) -> str:
    """What a word that names no rule may have meant."""
    if any(word in (rule.category.value, rule.code[: len(word)]) for rule in known.values()):
        return ": it stands for several, and a comment names each one"
    return nearest(word, known)
