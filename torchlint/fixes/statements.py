"""Repairs by whole statements: libcst writes new and moved code in the indentation and line ends of the file.

Each function returns the changes, or `None` where the code has a form that it does not handle.
"""

from __future__ import annotations

import ast
from collections import Counter
from textwrap import dedent

import libcst as cst

from torchlint.fixes.arguments import Argument, add
from torchlint.fixes.changes import Change, trimmed
from torchlint.fixes.expressions import expression_tree
from torchlint.fixes.parsed import BLANK, Layout, Parsed, comments, is_elif

_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def insert_before(parsed: Parsed, statement: ast.stmt, code: str) -> list[Change] | None:
    """New statements in front of one, above its comments and decorators."""
    layout = parsed.layout(statement)
    if is_elif(parsed, statement):
        return None
    if not layout.own_line:
        simple = _simple(code)
        return [Change(layout.start, layout.start, f"{simple}; ")] if simple else None
    new = _rendered(parsed, code, layout.indent, statement)
    at = comments_above(parsed, statement, layout)
    return [Change(at, at, new)] if new else None


def insert_after(parsed: Parsed, statement: ast.stmt, code: str) -> list[Change] | None:
    """New statements behind one and its block."""
    layout = parsed.layout(statement)
    if is_elif(parsed, statement) or layout.behind == "?":
        return None
    indent = _block_indent(parsed, statement)
    if indent is None or (layout.behind == ";" and not _only_semicolon(parsed, layout)):
        simple = _simple(code)
        return [Change(layout.end, layout.end, f"; {simple}")] if simple else None
    new = _rendered(parsed, code, indent, statement)
    return _line_after(parsed, _end_of_block(parsed, statement, layout, indent), new) if new else None


def insert_first(parsed: Parsed, header: ast.stmt, code: str) -> list[Change] | None:
    """New statements at the start of a body, after its docstring."""
    body = _body_of(header)
    if not body:
        return None
    if isinstance(header, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and _is_docstring(body[0]):
        return insert_after(parsed, body[0], code)
    return insert_before(parsed, body[0], code)


def insert_last(parsed: Parsed, header: ast.stmt, code: str) -> list[Change] | None:
    """New statements at the end of a body, before a statement that leaves it."""
    body = _body_of(header)
    if not body:
        return None
    return (insert_before if isinstance(body[-1], _LEAVES) else insert_after)(parsed, body[-1], code)


def remove(parsed: Parsed, statement: ast.stmt) -> list[Change] | None:
    """Nothing in the place of a statement; `pass` if its block would be empty."""
    layout = parsed.layout(statement)
    block, index = parsed.siblings(statement)
    if is_elif(parsed, statement) or layout.behind == "?" or _loses_comments(parsed, layout):
        return None
    if len(block) == 1 and not isinstance(parsed.parent(statement), ast.Module):
        return [Change(layout.start, layout.end, "pass")]
    if layout.behind == ";" and not _only_semicolon(parsed, layout):
        return [Change(layout.start, parsed.start(block[index + 1]), "")]
    if not layout.own_line:
        return [Change(parsed.end(block[index - 1]), layout.end, "")] if index else None
    if _comment_behind(parsed, layout):
        return [Change(layout.start, _comment_behind(parsed, layout), "")]
    return [Change(layout.line_start, _blank_lines_after(parsed, layout, first=index == 0), "")]


def replace(parsed: Parsed, statement: ast.stmt, code: str) -> list[Change] | None:
    """New statements in the place of one; comments inside the old one must not be lost."""
    layout = parsed.layout(statement)
    if is_elif(parsed, statement) or layout.behind == "?":
        return None
    old, simple = parsed.text[layout.start : layout.end], _simple(code)
    if _loses_comments(parsed, layout, code):
        return None
    if simple:
        return trimmed(layout.start, old, simple)
    if not layout.own_line or layout.behind == ";":
        return None
    new = _rendered(parsed, code, layout.indent, statement)
    return trimmed(layout.start, old, new.strip(BLANK).rstrip("\r\n")) if new else None


def assign(parsed: Parsed, statement: ast.stmt, target: str) -> list[Change] | None:
    """An expression statement as an assignment to a target."""
    if not isinstance(statement, ast.Expr) or expression_tree(target) is None:
        return None
    old = parsed.slice(statement)
    try:
        value = cst.parse_expression(old, _config(parsed))
        goal = cst.parse_expression(target.strip())
        if not isinstance(goal, cst.Name | cst.Attribute | cst.Subscript | cst.Tuple):
            return None
        written = cst.SimpleStatementLine([cst.Assign([cst.AssignTarget(goal)], value)])
    except Exception:
        return None
    return trimmed(parsed.start(statement), old, _code_of(parsed, written))


def move_before(parsed: Parsed, statement: ast.stmt, other: ast.stmt) -> list[Change] | None:
    """A statement with its comments in front of another."""
    return _moved(parsed, statement, other, before=True)


def move_after(parsed: Parsed, statement: ast.stmt, other: ast.stmt) -> list[Change] | None:
    """A statement with its comments behind another."""
    return _moved(parsed, statement, other, before=False)


def enclose(parsed: Parsed, first: ast.stmt, last: ast.stmt, header: str) -> list[Change] | None:
    """Neighbouring statements of one block under a new header."""
    block, start = parsed.siblings(first)
    other_block, end = parsed.siblings(last)
    top, bottom = parsed.layout(first), parsed.layout(last)
    if other_block is not block or end < start or not top.own_line or is_elif(parsed, first):
        return None
    if bottom.behind == ";" or bottom.behind == "?" or _block_indent(parsed, last) is None:
        return None
    line_start = comments_above(parsed, first, top)
    line_end = _end_of_block(parsed, last, bottom, top.indent)
    unit = parsed.unit(first)
    old = parsed.text[line_start:line_end]
    inner = _reindented(parsed, old, top.indent, top.indent + unit)
    head = _rendered(parsed, f"{header.strip()}\n    pass\n", top.indent, first)
    if inner is None or head is None:
        return None
    lines = head.split(parsed.newline)
    return [
        Change(line_start, line_start, parsed.newline.join([*lines[:-2], ""])),
        *_line_changes(line_start, old, inner, parsed.newline),
    ]


def add_decorator(parsed: Parsed, definition: ast.stmt, code: str) -> list[Change] | None:
    """A decorator directly above a definition."""
    if not isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return None
    start = parsed.start(definition)
    line = parsed.line_start(start)
    if not parsed.layout(definition).own_line or parsed.text[line:start].strip(BLANK) or not expression_tree(code):
        return None
    return [Change(line, line, f"{parsed.layout(definition).indent}@{code.strip()}{parsed.newline}")]


def add_base(parsed: Parsed, definition: ast.stmt, code: str) -> list[Change] | None:
    """A base class behind the others."""
    if not isinstance(definition, ast.ClassDef) or expression_tree(code) is None:
        return None
    start, end = parsed.start(definition), parsed.layout(definition.body[0]).start
    old = parsed.text[start:end]
    try:
        module = cst.parse_module(old + "pass\n", _config(parsed))
        written = module.body[0]
        assert isinstance(written, cst.ClassDef)
        base = Argument(cst.Arg(cst.parse_expression(code.strip())), ast.Constant(None))
    except Exception:
        return None
    items = [Argument(argument, ast.Constant(None)) for argument in written.bases]
    before = written.lpar.whitespace_after if isinstance(written.lpar, cst.LeftParen) else cst.SimpleWhitespace("")
    brackets = {} if isinstance(written.lpar, cst.LeftParen) else {"lpar": cst.LeftParen(), "rpar": cst.RightParen()}
    if written.keywords:
        keyword_less = base.code.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
        bases = [*written.bases, keyword_less]
        if items and not isinstance(items[-1].code.comma, cst.Comma):
            return None
    else:
        bases = [argument.code for argument in add(items, len(items), base, before)]
    new = module.with_changes(body=[written.with_changes(bases=bases, **brackets)]).code
    return trimmed(start, old, new[: new.rindex("pass")])


def comments_above(parsed: Parsed, statement: ast.stmt, layout: Layout) -> int:
    """The start of the line at which the comments directly above a statement begin, or of its own line.

    Comments at the top of the file belong to the file.
    """
    block, index = parsed.siblings(statement)
    floor = block[index - 1].end_lineno if index else None
    line = parsed.position(layout.line_start)[0]
    top = line
    while top - 1 > (floor or 0):
        above = parsed.lines.line(top - 1)
        if not above.lstrip(BLANK).startswith("#") or _indent_of(above) != layout.indent:
            break
        top -= 1
    return parsed.starts[(line if top == 1 else top) - 1]


def blank(line: str) -> bool:
    """Whether a line holds nothing."""
    return not line.strip(BLANK + "\r\n")


def line_after(parsed: Parsed, at: int, new: str) -> list[Change]:
    """New lines at the start of the line at an offset, also at the end of a file without a last line end."""
    return _line_after(parsed, at, new)


def _moved(parsed: Parsed, statement: ast.stmt, other: ast.stmt, *, before: bool) -> list[Change] | None:
    layout, target = parsed.layout(statement), parsed.layout(other)
    if statement is other or is_elif(parsed, statement) or is_elif(parsed, other):
        return None
    indent = _block_indent(parsed, other)
    if not layout.own_line or layout.behind in (";", "?") or indent is None or (before and not target.own_line):
        return None
    if not before and target.behind in (";", "?"):
        return None
    start = comments_above(parsed, statement, layout)
    end = _end_of_block(parsed, statement, layout, layout.indent)
    at = comments_above(parsed, other, target) if before else _end_of_block(parsed, other, target, indent)
    if start < at < end or _inside(parsed, statement, other):
        return None
    lines = parsed.text[start:end]
    new = lines if indent == layout.indent else _reindented(parsed, lines, layout.indent, indent)
    if new is None or (at in (start, end) and indent == layout.indent):
        return None if new is None else []
    block, _ = parsed.siblings(statement)
    empty = len(block) == 1 and not isinstance(parsed.parent(statement), ast.Module)
    left = f"{layout.indent}pass{parsed.newline}" if empty else ""
    if not new.endswith(("\n", "\r")):
        new += parsed.newline
    if at == end:
        return trimmed(start, lines, left + (new if lines.endswith(("\n", "\r")) else new.rstrip("\r\n")))
    return [Change(start, end, left), *_line_after(parsed, at, new)]


def _inside(parsed: Parsed, outer: ast.stmt, inner: ast.AST) -> bool:
    current: ast.AST | None = inner
    while current is not None:
        if current is outer:
            return True
        current = parsed.parent(current)
    return False


def _body_of(header: ast.stmt) -> list[ast.stmt]:
    body = getattr(header, "body", None)
    return body if isinstance(body, list) else []


def _is_docstring(statement: ast.stmt) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _block_indent(parsed: Parsed, statement: ast.stmt) -> str | None:
    """The indentation of the block that holds a statement; `None` if the block stands on the line of its header."""
    block, index = parsed.siblings(statement)
    for sibling in reversed(block[: index + 1]):
        layout = parsed.layout(sibling)
        if layout.own_line:
            return layout.indent
    return None


def _only_semicolon(parsed: Parsed, layout: Layout) -> bool:
    rest = parsed.text[layout.behind_at + 1 : layout.line_end].strip(BLANK + "\r\n")
    return not rest or rest.startswith("#")


def _comment_behind(parsed: Parsed, layout: Layout) -> int:
    """The offset of the comment on the last line of a statement, or 0."""
    rest = parsed.text[layout.behind_at : layout.line_end].lstrip(BLANK + ";")
    return layout.line_end - len(rest) if rest.startswith("#") else 0


def _loses_comments(parsed: Parsed, layout: Layout, code: str = "") -> bool:
    lines = parsed.text[layout.line_start : layout.end]
    before = comments(f"if 1:\n{lines}\n" if layout.own_line and layout.indent else f"{lines}\n")
    after = comments(code)
    return before is None or after is None or before - after != Counter()


def _end_of_block(parsed: Parsed, statement: ast.stmt, layout: Layout, indent: str) -> int:
    """The offset behind the last line of a statement and of the comments that belong to its block."""
    end = layout.line_end
    if not isinstance(getattr(statement, "body", None), list):
        return end
    number = parsed.position(layout.end)[0] + 1
    while number <= len(parsed.lines.lines):
        line = parsed.lines.line(number)
        is_comment = line.lstrip(BLANK).startswith("#")
        if is_comment and len(_indent_of(line).expandtabs()) > len(indent.expandtabs()):
            end = parsed.line_end(parsed.starts[number - 1])
        elif not blank(line):
            break
        number += 1
    return end


def _blank_lines_after(parsed: Parsed, layout: Layout, *, first: bool) -> int:
    """Behind the blank lines that would become superfluous without a statement."""
    number = parsed.position(layout.line_start)[0]
    above = 0
    while number - 1 - above > 0 and blank(parsed.lines.line(number - 1 - above)):
        above += 1
    allowed = len(parsed.lines.lines) if first and not above and _below_header(parsed, number) else above
    end = layout.line_end
    while allowed and end < len(parsed.text) and blank(parsed.text[end : parsed.line_end(end)]):
        end = parsed.line_end(end)
        allowed -= 1
    return end


def _below_header(parsed: Parsed, number: int) -> bool:
    return number == 1 or not parsed.lines.line(number - 1).lstrip(BLANK).startswith("#")


def _line_after(parsed: Parsed, at: int, new: str) -> list[Change]:
    if at and at == len(parsed.text) and parsed.text[at - 1] not in "\r\n":
        return [Change(at, at, parsed.newline + new.rstrip("\r\n"))]
    return [Change(at, at, new)]


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip(BLANK))].replace("\f", "")


def _simple(code: str) -> str | None:
    """The code if it is one simple statement on one line."""
    try:
        module = cst.parse_module(dedent(code).strip("\n"))
    except Exception:
        return None
    body = module.body
    if len(body) != 1 or not isinstance(body[0], cst.SimpleStatementLine) or "#" in code:
        return None
    text = module.code.strip()
    return None if "\n" in text else text


def _code_of(parsed: Parsed, line: cst.SimpleStatementLine) -> str:
    return cst.Module([line], default_newline=parsed.newline).code.rstrip("\r\n")


def _config(parsed: Parsed) -> cst.PartialParserConfig:
    config: cst.PartialParserConfig = cst.PartialParserConfig(default_newline=parsed.newline)
    return config


def _rendered(parsed: Parsed, code: str, indent: str, beside: ast.stmt) -> str | None:
    """Code in the style of the file, at an indentation, with its last line end."""
    try:
        module = cst.parse_module(dedent(code).strip("\n") + "\n")
    except Exception:
        return None
    if not module.body:
        return None
    styled = module.with_changes(default_indent=parsed.unit(beside), default_newline=parsed.newline)
    return _at_indent(styled, indent)


def _reindented(parsed: Parsed, lines: str, old: str, new: str) -> str | None:
    """Complete lines of a block at another indentation; strings keep their text."""
    if not lines.endswith(("\n", "\r")):
        lines += parsed.newline
    header = f"if 1:{parsed.newline}" if old else ""
    try:
        module = cst.parse_module(header + lines, _config(parsed))
    except Exception:
        return None
    if not old:
        return _at_indent(module, new)
    block = module.body[0]
    if len(module.body) != 1 or not isinstance(block, cst.If) or not isinstance(block.body, cst.IndentedBlock):
        return None
    inner = block.body
    if new:
        moved = block.with_changes(body=inner.with_changes(indent=new))
        return module.with_changes(body=[moved]).code[len(header) :]
    return module.with_changes(body=inner.body, footer=[*inner.footer, *module.footer]).code


def _at_indent(module: cst.Module, indent: str) -> str:
    if not indent:
        return module.code
    first, *rest = module.body
    if module.header:
        first = first.with_changes(leading_lines=[*module.header, *first.leading_lines])
    block = cst.IndentedBlock(body=[first, *rest], indent=indent, footer=module.footer)
    held = module.with_changes(header=[], footer=[], body=[cst.If(cst.Name("x"), block)])
    bare = held.visit(_BareBlankLines())
    return bare.code.split(module.default_newline, 1)[1]


class _BareBlankLines(cst.CSTTransformer):
    """Blank lines without indentation."""

    def leave_EmptyLine(self, original_node: cst.EmptyLine, updated_node: cst.EmptyLine) -> cst.EmptyLine:
        return updated_node if updated_node.comment else updated_node.with_changes(indent=False)


def _line_changes(start: int, old: str, new: str, newline: str) -> list[Change]:
    """The changes line by line where both texts have the same lines, else one change."""
    old_lines, new_lines = old.split(newline), new.split(newline)
    if len(old_lines) + (not old.endswith(newline)) != len(new_lines):
        return trimmed(start, old, new)
    changes: list[Change] = []
    for old_line, new_line in zip(old_lines, new_lines, strict=False):
        if new_line.endswith(old_line) and new_line != old_line:
            changes.append(Change(start, start, new_line[: len(new_line) - len(old_line)]))
        elif old_line != new_line:
            changes += trimmed(start, old_line, new_line)
        start += len(old_line) + len(newline)
    return changes
