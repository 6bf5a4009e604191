"""The words in which a rule says how to repair: each takes `ast` nodes and new code, and changes nothing by itself.

`code` is ordinary Python without outer indentation, in any style: it is written in the indentation and line ends of the
file. Nothing here needs libcst; `torchlint.fixes.edits_of` turns the verbs of a fix into text edits.
"""

from __future__ import annotations

import ast

from torchlint.findings import Span, Verb

__all__ = [
    "add_argument",
    "add_base",
    "add_decorator",
    "append_call",
    "assign",
    "enclose",
    "ensure_import",
    "insert_after",
    "insert_before",
    "insert_first",
    "insert_last",
    "move_after",
    "move_before",
    "remove",
    "remove_argument",
    "remove_keyword",
    "rename",
    "rename_attribute",
    "rename_keyword",
    "replace",
    "set_keyword",
    "unwrap",
    "wrap",
]


def insert_before(statement: ast.stmt, code: str) -> Verb:
    """Put statements in front of another, above its comments and decorators."""
    return Verb("insert_before", Span.of(statement), code)


def insert_after(statement: ast.stmt, code: str) -> Verb:
    """Put statements behind another (behind the whole block of a compound one)."""
    return Verb("insert_after", Span.of(statement), code)


def insert_first(header: ast.stmt, code: str) -> Verb:
    """Put statements at the start of the body of a loop, function, class, `if`, `with` or `try`, after a docstring."""
    return Verb("insert_first", Span.of(header), code)


def insert_last(header: ast.stmt, code: str) -> Verb:
    """Put statements at the end of such a body, before a final `return`, `raise`, `break` or `continue`."""
    return Verb("insert_last", Span.of(header), code)


def remove(statement: ast.stmt) -> Verb:
    """Take a statement out; its comments stay, and `pass` replaces the only statement of a block."""
    return Verb("remove", Span.of(statement))


def replace(node: ast.stmt | ast.expr, code: str) -> Verb:
    """Put new code in the place of a statement or of an expression (with parentheses where it needs them)."""
    return Verb("replace", Span.of(node), code, name=type(node).__name__)


def assign(statement: ast.Expr, target: str) -> Verb:
    """Keep the result of an expression statement: `x.add(1)` becomes `x = x.add(1)`."""
    return Verb("assign", Span.of(statement), target)


def wrap(node: ast.expr, template: str) -> Verb:
    """Put an expression into a larger one: `{}` stands for the old text, as in `copy.deepcopy({})`."""
    return Verb("wrap", Span.of(node), template, name=type(node).__name__)


def append_call(node: ast.expr) -> Verb:
    """Call an expression: `model.eval` becomes `model.eval()`."""
    return wrap(node, "{}()")


def unwrap(call: ast.expr, argument: ast.expr) -> Verb:
    """Replace an expression by one of its own parts: `softmax(x, dim=1)` becomes `x`."""
    return Verb("unwrap", Span.of(call), name=type(call).__name__, to=Span.of(argument))


def rename(callee: ast.expr, dotted: str) -> Verb:
    """Replace a dotted name: `torch.symeig` becomes `torch.linalg.eigh`."""
    return Verb("rename", Span.of(callee), dotted, name=type(callee).__name__)


def rename_attribute(attribute: ast.Attribute, name: str) -> Verb:
    """Replace the last part of an attribute and keep what it is taken from."""
    return Verb("rename_attribute", Span.of(attribute), name=name)


def set_keyword(call: ast.Call, name: str, value: str) -> Verb:
    """Give a keyword argument this value, adding it at the end (before `**`) if it is not there."""
    return Verb("set_keyword", Span.of(call), value, name=name)


def remove_keyword(call: ast.Call, name: str) -> Verb:
    """Take a keyword argument out."""
    return Verb("remove_keyword", Span.of(call), name=name)


def rename_keyword(call: ast.Call, name: str, new: str) -> Verb:
    """Pass the same value under another keyword."""
    return Verb("rename_keyword", Span.of(call), new, name=name)


def add_argument(call: ast.Call, code: str) -> Verb:
    """Add a positional argument behind the other positional ones."""
    return Verb("add_argument", Span.of(call), code)


def remove_argument(call: ast.Call, argument: ast.expr) -> Verb:
    """Take a positional argument out."""
    return Verb("remove_argument", Span.of(call), to=Span.of(argument))


def add_base(definition: ast.ClassDef, code: str) -> Verb:
    """Add a base class behind the others."""
    return Verb("add_base", Span.of(definition), code)


def add_decorator(definition: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, code: str) -> Verb:
    """Put a decorator (without `@`) directly above a definition, below the other decorators."""
    return Verb("add_decorator", Span.of(definition), code)


def move_before(statement: ast.stmt, other: ast.stmt) -> Verb:
    """Move a statement with its comments in front of another, into that one's block."""
    return Verb("move_before", Span.of(statement), to=Span.of(other))


def move_after(statement: ast.stmt, other: ast.stmt) -> Verb:
    """Move a statement with its comments behind another, into that one's block."""
    return Verb("move_after", Span.of(statement), to=Span.of(other))


def enclose(first: ast.stmt, last: ast.stmt, header: str) -> Verb:
    """Put neighbouring statements of one block under a header such as `with torch.no_grad():`."""
    return Verb("enclose", Span.of(first), header, to=Span.of(last))


def ensure_import(module: str, *, name: str = "", alias: str = "") -> Verb:
    """Import a module, or a name from it, unless the file has it already.

    Write the other verbs of the fix with the name that this import binds (`copy`, `F`, `Parameter`); where the file
    knows the same thing under another name, that one is used instead.
    """
    bound = f" as {alias}" if alias else ""
    statement = f"from {module} import {name}{bound}" if name else f"import {module}{bound}"
    return Verb("ensure_import", code=statement, name=alias or name or module)
