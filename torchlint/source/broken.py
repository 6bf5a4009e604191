"""Syntax trees for any text at all, also for code that does not parse.

A file with a syntax error is split into its top-level statements, with strings and brackets respected, and each is
parsed by itself. A statement that does not parse is replaced by `<targets> = __broken__(<every name in it>)`: an
unknown function that received everything the statement mentions, so that nothing is concluded from its absence. Broken
classes and functions whose header is intact are opened, and only the broken statements inside them are replaced. All
positions are those of the original text, and the time is linear in its length.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Sequence

STAND_IN = "__broken__"  # the name of the unknown function that stands for a statement that does not parse

_TRUSTING, _DOUBTING, _WARY = 2, 1, 0  # how far brackets and quotes are believed to be closed where they seem to be
_DEEPEST = 4  # how many classes and functions are opened inside one another
# compiled by `re` when they are first used, which most runs never do
_TOKEN = r"""\#.*|("{3}|'{3})|"[^"\\]*(?:\\.[^"\\]*)*("?)|'[^'\\]*(?:\\.[^'\\]*)*('?)|[\[({]|[\])}]"""
_CONTINUES = r"\s*(?:else|elif|except|finally)\b"
_STARTS_SURELY = r"\s*(?:(?:async\s+)?def\s+\w|class\s+\w|import\s+\w|from\s+[\w.]+\s+import\b|@\w|if\s+__name__)"
_OPENS = r"(?:async\s+def|def|class)\s+(\w+)"
_TARGETS = r"\s*((?:\w+\s*,\s*)*\w+)\s*(?::[^=\n]*)?=(?!=)"
_LOOP_TARGETS = r"\s*(?:async\s+)?for\s+((?:\w+\s*,\s*)*\w+)\s+in\b"
_IMPORTED = r"\s*(?:from\s+[\w.]+\s+)?import\s+\(?([\w\s,.]+)"
_WORD = r"[^\W\d]\w*"
_RESERVED = frozenset(
    (
        *("False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del"),
        *("elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda"),
        *("nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield"),
    )
)


def parse(text: str) -> tuple[ast.Module, SyntaxError | None]:
    """The syntax tree of `text`, and the error that kept it from being a complete one.

    Never raises: null bytes, lone surrogates and code that is nested too deeply count as syntax errors.
    """
    tree, error = attempt(text)
    if tree is not None:
        return tree, None
    whole = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in whole:
        whole = whole.replace("\0", " ")
    if not whole.isascii():
        whole = whole.encode("utf-8", "replace").decode("utf-8")
    lines = whole.split("\n")
    return ast.Module(body=_statements(lines, 0, "", 0), type_ignores=[]), error


def unread(tree: ast.Module) -> tuple[tuple[int, int], ...]:
    """First and last lines of what a tree says nothing certain about: statements that could not be read, and the
    functions around them."""
    found: set[tuple[int, int]] = set()
    todo: list[tuple[ast.AST, tuple[int, int] | None]] = [(tree, None)]
    while todo:
        node, function = todo.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == STAND_IN:
            found.add(function or (node.lineno, node.end_lineno or node.lineno))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = node.lineno, node.end_lineno or node.lineno
        todo.extend((child, function) for child in ast.iter_child_nodes(node))
    return tuple(sorted(found))


def attempt(text: str) -> tuple[ast.Module | None, SyntaxError | None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes are somebody else's business
            return ast.parse(text), None
    except SyntaxError as error:
        return None, error
    except (RecursionError, MemoryError, OverflowError):
        return None, _located("nested too deeply to be read", 1)
    except ValueError:  # null bytes and lone surrogates
        at = text.find("\0")
        if at >= 0:
            return None, _located("the file contains null bytes", text.count("\n", 0, at) + 1)
        return None, _located("the text is not valid Unicode", 1)


def _located(message: str, line: int) -> SyntaxError:
    return SyntaxError(message, ("", line, 1, None))


def _statements(lines: list[str], first: int, indent: str, depth: int) -> list[ast.stmt]:
    """The statements of a block at `indent`; `first` is the number of lines before `lines`."""
    quote, brackets = "", 0
    for line in lines:
        quote, brackets = _after(line, quote, brackets)
    return _recovered(lines, first, indent, depth, _TRUSTING, _WARY if quote else _DOUBTING)


def _recovered(lines: list[str], first: int, indent: str, depth: int, trust: int, least: int) -> list[ast.stmt]:
    body: list[ast.stmt] = []
    for begin, end in _split(lines, indent, trust):
        piece, at = lines[begin:end], first + begin
        found = _parsed(piece, at, indent) if trust == _TRUSTING or end - begin < len(lines) else None
        if found is None and trust > least:
            found = _recovered(piece, at, indent, depth, trust - 1, least)
        elif found is None:
            found = _opened(piece, at, indent, depth) or _stand_in(piece, at)
        body += found
    return body


def _split(lines: list[str], indent: str, trust: int) -> list[tuple[int, int]]:
    """Ranges of lines, one per statement of the block at `indent`.

    With less trust, a line that surely starts a definition or an import ends the brackets that are still open, and with
    the least also an open triple quote.
    """
    starts: list[int] = []
    quote, brackets, continued, decorated = "", 0, False, False
    for number, line in enumerate(lines):
        inside = bool(quote) or brackets > 0 or continued
        if inside and (trust == _WARY or (trust == _DOUBTING and not quote)) and _surely_starts(line, indent):
            quote, brackets, inside = "", 0, False
        if not inside and _begins(line, indent):
            if not decorated:
                starts.append(number)
            decorated = line.lstrip().startswith("@")
        quote, brackets = _after(line, quote, brackets)
        continued = line.endswith("\\") and not quote
    if not starts:
        return []
    return list(zip(starts, [*starts[1:], len(lines)], strict=True))


def _surely_starts(line: str, indent: str) -> bool:
    return len(_indent_of(line)) <= len(indent) and re.match(_STARTS_SURELY, line) is not None


def _begins(line: str, indent: str) -> bool:
    """Whether a line that starts a logical line starts a statement of the block at `indent` (or of one around it)."""
    bare = line.lstrip()
    if not bare or bare[0] in "#)]}\f":
        return False
    return len(line) - len(bare) <= len(indent) and not re.match(_CONTINUES, line)


def _after(line: str, quote: str, brackets: int) -> tuple[str, int]:
    """The open triple quote and the number of open brackets after `line`."""
    at = 0
    while True:
        if quote:
            at = _closing(line, quote, at)
            if at < 0:
                return quote, brackets
            quote = ""
        for token in re.compile(_TOKEN).finditer(line, at):
            opened = token.group(1)
            if opened:
                quote, at = opened, token.end()
                break
            mark = token.group()
            if mark in "([{":
                brackets += 1
            elif mark in ")]}":
                brackets = max(0, brackets - 1)
        else:
            return "", brackets


def _closing(line: str, quote: str, start: int) -> int:
    """The offset behind the closing triple quote, or -1."""
    at = line.find(quote, start)
    while at >= 0:
        slashes = at - len(line[start:at].rstrip("\\")) - start
        if slashes % 2 == 0:
            return at + 3
        at = line.find(quote, at + 1)
    return -1


def _parsed(lines: list[str], first: int, indent: str) -> list[ast.stmt] | None:
    """The statements of some lines by themselves, at their true positions, or `None`."""
    text = "\n".join(lines)
    tree, _ = attempt(f"if 1:\n{text}\n" if indent else f"{text}\n")
    if tree is None:
        return None
    if not indent:
        return _moved(tree.body, first)
    block = tree.body[0]
    if len(tree.body) != 1 or not isinstance(block, ast.If) or block.orelse:
        return None
    return _moved(block.body, first - 1)


def _moved(body: list[ast.stmt], lines: int) -> list[ast.stmt]:
    if lines:
        for statement in body:
            ast.increment_lineno(statement, lines)
    return body


def _opened(lines: list[str], first: int, indent: str, depth: int) -> list[ast.stmt] | None:
    """A broken class or function whose header is intact, with what is left of its body."""
    if depth == _DEEPEST:
        return None
    header = next((i for i, line in enumerate(lines) if not line.lstrip().startswith("@")), 0)
    if not re.match(_OPENS, lines[header].lstrip()):
        return None
    start = _body_start(lines, header, indent)
    inner = _indent_of(lines[start]) if start < len(lines) else indent + "    "
    found = _parsed([*lines[:start], inner + "pass"], first, indent)
    if not found or len(found) != 1 or not isinstance(found[0], (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return None
    block = found[0]
    body = _statements(lines[start:], first + start, inner, depth + 1)
    if body:
        block.body = body
        block.end_lineno, block.end_col_offset = body[-1].end_lineno, body[-1].end_col_offset
    return [block]


def _body_start(lines: list[str], header: int, indent: str) -> int:
    """The index of the first line of the block under a header that may span several lines."""
    quote, brackets = "", 0
    for number in range(header, len(lines)):
        quote, brackets = _after(lines[number], quote, brackets)
        if not quote and brackets == 0:
            break
    else:
        return len(lines)
    for after in range(number + 1, len(lines)):
        bare = lines[after].lstrip()
        if bare and not bare.startswith("#"):
            return after if len(_indent_of(lines[after])) > len(indent) else len(lines)
    return len(lines)


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _stand_in(lines: list[str], first: int) -> list[ast.stmt]:
    """An unknown call that takes every name of the broken lines and gives a value to every name that they bind."""
    last = len(lines) - 1
    while last > 0 and not lines[last].strip():
        last -= 1
    place = {
        "lineno": first + 1,
        "col_offset": len(_indent_of(lines[0]).encode()),
        "end_lineno": first + last + 1,
        "end_col_offset": len(lines[last].encode()),
    }
    words = dict.fromkeys(word for line in lines for word in re.findall(_WORD, line) if word not in _RESERVED)
    bound = _bound(lines)
    call = ast.Call(
        func=ast.Name(id=STAND_IN, ctx=ast.Load(), **place),
        args=[ast.Name(id=word, ctx=ast.Load(), **place) for word in words],
        keywords=[],
        **place,
    )
    if not bound:
        return [ast.Expr(value=call, **place)]
    targets: list[ast.expr] = [ast.Name(id=name, ctx=ast.Store(), **place) for name in bound]
    return [ast.Assign(targets=targets, value=call, type_comment=None, **place)]


def _bound(lines: Sequence[str]) -> list[str]:
    """Names that the broken lines seem to bind at their own level or below."""
    names: dict[str, None] = {}
    for line in lines:
        opened = re.match(_OPENS, line.lstrip())
        if opened:
            names[opened.group(1)] = None
            continue
        for pattern in (_TARGETS, _LOOP_TARGETS):
            found = re.match(pattern, line)
            if found:
                names.update(dict.fromkeys(re.findall(_WORD, found.group(1))))
        imported = re.match(_IMPORTED, line)
        if imported:
            for part in imported.group(1).split(","):
                words = re.findall(_WORD, part)
                if words:
                    names[words[-1] if " as " in part else words[0]] = None
    return [name for name in names if name not in _RESERVED]
