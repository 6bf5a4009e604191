"""Blocks of statements: libcst parses them and writes them at another indentation, with their comments and strings.

Each function returns the new text, or `None` where libcst does not read the old one.
"""

from __future__ import annotations

import libcst as cst


def rendered(code: str, indent: str, unit: str, newline: str) -> str | None:
    """Code at an indentation, its blocks indented by `unit`, with the line ends of a file."""
    module = _parsed(code)
    if module is None or not module.body:
        return None
    return _at_indent(module.with_changes(default_indent=unit, default_newline=newline), indent)


def reindented(lines: str, old: str, new: str, newline: str) -> str | None:
    """Complete lines of a block, indented by `old`, at another indentation."""
    header = f"if 1:{newline}" if old else ""
    module = _parsed(header + lines, newline)
    if module is None:
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


def with_base(header: str, base: str, newline: str) -> str | None:
    """The header of a class with a further base behind the others."""
    module = _parsed(f"{header}pass\n", newline)
    written = module.body[0] if module is not None else None
    if module is None or not isinstance(written, cst.ClassDef):
        return None
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    new = cst.Arg(cst.parse_expression(base), comma=comma if written.keywords else cst.MaybeSentinel.DEFAULT)
    bases = [*written.bases, new]
    if len(bases) > 1 and not isinstance(bases[-2].comma, cst.Comma):
        bases[-2] = bases[-2].with_changes(comma=comma)
    brackets = {} if isinstance(written.lpar, cst.LeftParen) else {"lpar": cst.LeftParen(), "rpar": cst.RightParen()}
    text = module.with_changes(body=[written.with_changes(bases=bases, **brackets)]).code
    return text[: text.rindex("pass")]


def _parsed(text: str, newline: str = "\n") -> cst.Module | None:
    try:
        return cst.parse_module(text, cst.PartialParserConfig(default_newline=newline))
    except Exception:
        return None


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
