"""Argument lists of calls as text: a change keeps the layout and the comments of the other arguments."""

from __future__ import annotations

import ast
import re
from typing import NamedTuple

from torchlint.fixes.parsed import Parsed
from torchlint.source.text import split

_SPACE = re.compile(r"(?:[\s\\]|#[^\r\n]*)*")
_COMMENT = re.compile(r"#[^\r\n]*")


class Argument(NamedTuple):
    """One argument as `ast` reads it and as it is written, with its own brackets.

    `gap` is the space before the comma, or before the closing bracket if there is none; `space` is behind the comma.
    """

    item: ast.expr | ast.keyword
    code: str
    gap: str = ""
    comma: bool = False
    space: str = ""

    @property
    def written(self) -> str:
        """The argument and all up to the next one."""
        return f"{self.code}{self.gap}{',' if self.comma else ''}{self.space}"


class Arguments(NamedTuple):
    """The arguments of a call; `before` is what stands in front of the first: callee, bracket and `lead`, the space."""

    head: str
    lead: str
    items: tuple[Argument, ...]

    @property
    def written(self) -> str:
        """The whole call."""
        return f"{self.head}{self.lead}{''.join(argument.written for argument in self.items)})"


def arguments_of(parsed: Parsed, call: ast.Call) -> Arguments | None:
    """How the arguments of a call are written; `None` where its text is not understood."""
    end = parsed.end(call) - 1
    at = parsed.end(call.func)
    while parsed.text[(at := _behind_space(parsed.text, at))] == ")":
        at += 1
    if parsed.text[at] != "(":
        return None
    head = parsed.text[parsed.start(call) : at + 1]
    items: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    items.sort(key=lambda item: (item.lineno, item.col_offset))
    if len(items) == 1 and isinstance(items[0], ast.GeneratorExp) and parsed.start(items[0]) == at:
        start = _behind_space(parsed.text, at + 1)
        code = parsed.text[start:end].rstrip()
        gap = parsed.text[start + len(code) : end]
        return Arguments(head, parsed.text[at + 1 : start], (Argument(items[0], code, gap),))
    lead_end = start = _behind_space(parsed.text, at + 1)
    found: list[Argument] = []
    for number, item in enumerate(items):
        last = number == len(items) - 1
        own_end = parsed.end(item)
        bare = _without_comments(parsed.text[own_end : end if last else parsed.start(items[number + 1])])
        left, comma, right = bare.partition(",")
        code_end = own_end + left.rfind(")") + 1
        comma_at = own_end + len(left)
        next_start = end if last else _behind_space(parsed.text, comma_at + 1)
        if (not comma and not last) or left.strip(" \t\f\r\n\\)") or right.strip(" \t\f\r\n\\("):
            return None
        code, gap = parsed.text[start:code_end], parsed.text[code_end:comma_at]
        found.append(Argument(item, code, gap, bool(comma), parsed.text[comma_at + 1 : next_start] if comma else ""))
        start = next_start
    return Arguments(head, parsed.text[at + 1 : lead_end], tuple(found))


def add(arguments: Arguments, index: int, item: ast.expr | ast.keyword, code: str) -> Arguments:
    """The list with new code at an index."""
    head, lead, old = arguments
    if len(old) == 1 and isinstance(old[0].item, ast.GeneratorExp) and not old[0].code.startswith("("):
        old = (old[0]._replace(code=f"({old[0].code})"),)
    between = _between(old, lead)
    if index < len(old):
        return Arguments(head, lead, (*old[:index], Argument(item, code, comma=True, space=between), *old[index:]))
    if not old:
        return Arguments(head, lead, (Argument(item, code),))
    last = old[-1]
    if last.comma:
        new = Argument(item, code, comma=True, space=_plain(last.space))
        last = last._replace(space=_kept(last.space, between))
    else:
        new = Argument(item, code, gap=_plain(last.gap))
        last = last._replace(gap="", comma=True, space=_kept(last.gap, between))
    return Arguments(head, lead, (*old[:-1], last, new))


def remove(arguments: Arguments, index: int) -> Arguments:
    """The list without one argument."""
    head, lead, old = arguments
    removed = old[index]
    behind = removed.space if removed.comma else removed.gap
    if len(old) == 1:
        merged = _merged(lead, behind)
        return Arguments(head, merged if "#" in merged else "", ())
    if index == 0:
        return Arguments(head, _merged(lead, behind), old[1:])
    previous, last = old[index - 1], index == len(old) - 1
    space = _merged(previous.space, behind, last=last)
    if last and not removed.comma:
        previous = previous._replace(gap=space, comma=False, space="")
    else:
        previous = previous._replace(space=space)
    return Arguments(head, lead, (*old[: index - 1], previous, *old[index + 1 :]))


def _behind_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _without_comments(space: str) -> str:
    return _COMMENT.sub(lambda comment: " " * len(comment[0]), space) if "#" in space else space


def _between(arguments: tuple[Argument, ...], lead: str) -> str:
    """The space that separates arguments here, without comments."""
    if len(arguments) > 1:
        return _plain(arguments[-2].space)
    return _plain(lead) if _many(lead) else " "


def _many(space: str) -> bool:
    """Whether a space goes over several lines."""
    return "\n" in space or "\r" in space


def _plain(space: str) -> str:
    """The line end and the last indentation of a space of several lines."""
    if not _many(space):
        return space
    first = split(space)[0]
    return first[len(first.rstrip("\r\n")) :] + _last_line(space)


def _last_line(space: str) -> str:
    return space[max(space.rfind("\n"), space.rfind("\r")) + 1 :]


def _kept(tail: str, between: str) -> str:
    """The space between the old last argument and a new one: the comments of `tail`, the layout of `between`."""
    if "#" not in tail:
        return between
    return tail[: len(tail) - len(_last_line(tail))] + _last_line(between if _many(between) else tail)


def _merged(before: str, behind: str, *, last: bool = False) -> str:
    """One space for the two around a removed argument, with the comments of both."""
    if not _many(behind):
        return behind if last and "#" not in before else before
    if not _many(before):
        return behind
    first, *rest = split(behind)
    indent = _last_line(before)
    comment = f"{indent}{first.lstrip()}" if first.strip() else ""
    return before[: len(before) - len(indent)] + comment + "".join(rest)
