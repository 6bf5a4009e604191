"""Argument lists of calls and bases of classes: a change keeps the layout and the comments of the others."""

from __future__ import annotations

import ast
from typing import NamedTuple

import libcst as cst


class Argument(NamedTuple):
    """One argument as libcst writes it and as `ast` reads it."""

    code: cst.Arg
    item: ast.expr | ast.keyword


Space = cst.BaseParenthesizableWhitespace


def add(arguments: list[Argument], index: int, new: Argument, before: Space) -> list[Argument]:
    """The list with `new` at `index`; `before` is the space behind the opening bracket."""
    between = _between(arguments, before)
    if index < len(arguments):
        code = new.code.with_changes(comma=cst.Comma(whitespace_after=between))
        return [*arguments[:index], Argument(code, new.item), *arguments[index:]]
    if not arguments:
        return [new]
    last = arguments[-1]
    if isinstance(last.code.comma, cst.Comma):
        tail = last.code.comma.whitespace_after
        code = last.code.with_changes(comma=last.code.comma.with_changes(whitespace_after=_kept(tail, between)))
        trailing = cst.Comma(whitespace_after=_plain(tail))
        return [*arguments[:-1], Argument(code, last.item), Argument(new.code.with_changes(comma=trailing), new.item)]
    tail = last.code.whitespace_after_arg
    comma = cst.Comma(whitespace_after=_kept(tail, between))
    code = last.code.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace(""))
    added = new.code.with_changes(whitespace_after_arg=_plain(tail))
    return [*arguments[:-1], Argument(code, last.item), Argument(added, new.item)]


def remove_at(arguments: list[Argument], index: int, before: Space) -> tuple[list[Argument], Space]:
    """The list without one argument, and the space behind the opening bracket."""
    removed = arguments[index].code
    comma = removed.comma if isinstance(removed.comma, cst.Comma) else None
    behind = comma.whitespace_after if comma else removed.whitespace_after_arg
    if len(arguments) == 1:
        merged = _merged(before, behind)
        return [], merged if _has_comment(merged) else cst.SimpleWhitespace("")
    if index == 0:
        return arguments[1:], _merged(before, behind)
    previous = arguments[index - 1]
    assert isinstance(previous.code.comma, cst.Comma)
    space = _merged(previous.code.comma.whitespace_after, behind, last=index == len(arguments) - 1)
    if index < len(arguments) - 1 or comma:
        code = previous.code.with_changes(comma=previous.code.comma.with_changes(whitespace_after=space))
    else:
        code = previous.code.with_changes(comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=space)
    return [*arguments[: index - 1], Argument(code, previous.item), *arguments[index + 1 :]], before


def _between(arguments: list[Argument], before: Space) -> Space:
    """The space that separates arguments here, without comments."""
    if len(arguments) > 1:
        comma = arguments[-2].code.comma
        assert isinstance(comma, cst.Comma)
        return _plain(comma.whitespace_after)
    return _plain(before) if isinstance(before, cst.ParenthesizedWhitespace) else cst.SimpleWhitespace(" ")


def _plain(space: Space) -> Space:
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return space
    line = cst.TrailingWhitespace(cst.SimpleWhitespace(""), None, space.first_line.newline)
    return cst.ParenthesizedWhitespace(line, [], space.indent, space.last_line)


def _kept(tail: Space, between: Space) -> Space:
    """The space between the old last argument and a new one: the comments of `tail`, the layout of `between`."""
    if not _has_comment(tail) or not isinstance(tail, cst.ParenthesizedWhitespace):
        return between
    end = between if isinstance(between, cst.ParenthesizedWhitespace) else tail
    return tail.with_changes(indent=end.indent, last_line=end.last_line)


def _merged(before: Space, behind: Space, *, last: bool = False) -> Space:
    """One space for the two around a removed argument, with the comments of both."""
    if not isinstance(behind, cst.ParenthesizedWhitespace):
        return behind if last and not _has_comment(before) else before
    if not isinstance(before, cst.ParenthesizedWhitespace):
        return behind
    lines = list(before.empty_lines)
    if behind.first_line.comment is not None:
        lines.append(cst.EmptyLine(before.indent, before.last_line, behind.first_line.comment, cst.Newline()))
    return cst.ParenthesizedWhitespace(
        before.first_line, [*lines, *behind.empty_lines], behind.indent, behind.last_line
    )


def _has_comment(space: Space) -> bool:
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return False
    return space.first_line.comment is not None or any(line.comment is not None for line in space.empty_lines)
