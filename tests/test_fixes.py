"""Repairs: what each verb makes of which code, and what is true of all of them."""

from __future__ import annotations

import ast
import random
import subprocess
import sys
import sysconfig
import tokenize
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from torchlint.findings import Fix, Span, Verb
from torchlint.fixes import TextEdit, apply, compatible, edits, edits_of, expressions, verbs
from torchlint.fixes.changes import Change, changed
from torchlint.fixes.parsed import parse, tree_of


def fixed(text: str, *steps: Verb) -> str | None:
    edits = edits_of(text, Fix.safe("Repair", *steps))
    return None if edits is None else apply(text, edits)


class Nodes:
    """Nodes of a small program, by a piece of their text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = ast.parse(text)

    def statement(self, start: str) -> ast.stmt:
        return next(n for n in ast.walk(self.tree) if isinstance(n, ast.stmt) and self.of(n).startswith(start))

    def expression(self, text: str, nth: int = 0) -> ast.expr:
        return [n for n in ast.walk(self.tree) if isinstance(n, ast.expr) and self.of(n) == text][nth]

    def call(self, name: str) -> ast.Call:
        return next(n for n in ast.walk(self.tree) if isinstance(n, ast.Call) and ast.unparse(n.func) == name)

    def of(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.text, node) or ""


Steps = Callable[[Nodes], "Verb | tuple[Verb, ...]"]

TABLE: list[tuple[str, str, Steps, str | None]] = [
    # insert_before
    ("before", "a()\nb()\n", lambda n: verbs.insert_before(n.statement("b"), "new()"), "a()\nnew()\nb()\n"),
    (
        "before goes above comments",
        "def f():\n    a()\n\n    # update\n    # twice\n    b()\n",
        lambda n: verbs.insert_before(n.statement("b"), "new()"),
        "def f():\n    a()\n\n    new()\n    # update\n    # twice\n    b()\n",
    ),
    (
        "before stays below the header of the file",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nb()\n",
        lambda n: verbs.insert_before(n.statement("b"), "new()"),
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nnew()\nb()\n",
    ),
    (
        "before does not take the comments of an inner block",
        "if x:\n    a()\n    # inner\nb()\n",
        lambda n: verbs.insert_before(n.statement("b"), "new()"),
        "if x:\n    a()\n    # inner\nnew()\nb()\n",
    ),
    (
        "before after a semicolon",
        "a(); b()\n",
        lambda n: verbs.insert_before(n.statement("b"), "new()"),
        "a(); new(); b()\n",
    ),
    (
        "before first of a line",
        "a(); b()\n",
        lambda n: verbs.insert_before(n.statement("a"), "new()"),
        "new()\na(); b()\n",
    ),
    (
        "before on the line of a header",
        "if x: a()\n",
        lambda n: verbs.insert_before(n.statement("a"), "new()"),
        "if x: new(); a()\n",
    ),
    (
        "no block on the line of a header",
        "if x: a()\n",
        lambda n: verbs.insert_before(n.statement("a"), "for y in z:\n    new()"),
        None,
    ),
    (
        "before decorators",
        "x = 1\n\n\n@one\n@two(\n    3\n)\ndef f(): pass\n",
        lambda n: verbs.insert_before(n.statement("def f"), "new()"),
        "x = 1\n\n\nnew()\n@one\n@two(\n    3\n)\ndef f(): pass\n",
    ),
    (
        "not before elif",
        "if x:\n    a()\nelif y:\n    b()\n",
        lambda n: verbs.insert_before(n.statement("elif"), "new()"),
        None,
    ),
    (
        "before in else",
        "if x:\n    a()\nelse:\n    if y:\n        b()\n",
        lambda n: verbs.insert_before(n.statement("if y"), "new()"),
        "if x:\n    a()\nelse:\n    new()\n    if y:\n        b()\n",
    ),
    (
        "tabs",
        "if x:\n\ta()\n",
        lambda n: verbs.insert_before(n.statement("a"), "if y:\n    new()"),
        "if x:\n\tif y:\n\t\tnew()\n\ta()\n",
    ),
    (
        "two spaces",
        "if x:\n  a()\n",
        lambda n: verbs.insert_before(n.statement("a"), "with y:\n    if z:\n        new()"),
        "if x:\n  with y:\n    if z:\n      new()\n  a()\n",
    ),
    (
        "windows line ends",
        "if x:\r\n    a()\r\n",
        lambda n: verbs.insert_before(n.statement("a"), "if y:\n    new()"),
        "if x:\r\n    if y:\r\n        new()\r\n    a()\r\n",
    ),
    (
        "form feed",
        "x = 1\n\x0c\nif x:\n\x0c    a()\n",
        lambda n: verbs.insert_before(n.statement("a"), "new()"),
        "x = 1\n\x0c\nif x:\n    new()\n\x0c    a()\n",
    ),
    (
        "non-ASCII before",
        "é = 'ü'; b()\n",
        lambda n: verbs.insert_before(n.statement("b"), "ñ()"),
        "é = 'ü'; ñ(); b()\n",
    ),
    (
        "continued header",
        "if x: \\\n    a()\n",
        lambda n: verbs.insert_before(n.statement("a"), "new()"),
        "if x: \\\n    new(); a()\n",
    ),
    (
        "code with a comment",
        "def f():\n    a()\n",
        lambda n: verbs.insert_before(n.statement("a"), "# why\nnew()  # how"),
        "def f():\n    # why\n    new()  # how\n    a()\n",
    ),
    ("code that does not parse", "a()\n", lambda n: verbs.insert_before(n.statement("a"), "new("), None),
    # insert_after
    ("after", "a()\nb()\n", lambda n: verbs.insert_after(n.statement("a"), "new()"), "a()\nnew()\nb()\n"),
    (
        "after a comment behind",
        "a()  # note\nb()\n",
        lambda n: verbs.insert_after(n.statement("a"), "new()"),
        "a()  # note\nnew()\nb()\n",
    ),
    ("after the last line without end", "a()", lambda n: verbs.insert_after(n.statement("a"), "new()"), "a()\nnew()"),
    (
        "after before a semicolon",
        "a(); b()\n",
        lambda n: verbs.insert_after(n.statement("a"), "new()"),
        "a(); new(); b()\n",
    ),
    (
        "after the last of a line",
        "a(); b()\nc()\n",
        lambda n: verbs.insert_after(n.statement("b"), "new()"),
        "a(); b()\nnew()\nc()\n",
    ),
    (
        "after a lone semicolon",
        "a();  # x\nb()\n",
        lambda n: verbs.insert_after(n.statement("a"), "new()"),
        "a();  # x\nnew()\nb()\n",
    ),
    (
        "after on the line of a header",
        "if x: a()\nb()\n",
        lambda n: verbs.insert_after(n.statement("a"), "new()"),
        "if x: a(); new()\nb()\n",
    ),
    (
        "after a block and its last comments",
        "for x in y:\n    a()\n    # tail\n\nb()\n",
        lambda n: verbs.insert_after(n.statement("for"), "new()"),
        "for x in y:\n    a()\n    # tail\nnew()\n\nb()\n",
    ),
    (
        "after a statement of several lines",
        "def f():\n    a(\n        1,  # one\n    )\n    b()\n",
        lambda n: verbs.insert_after(n.statement("a"), "new()"),
        "def f():\n    a(\n        1,  # one\n    )\n    new()\n    b()\n",
    ),
    # insert_first, insert_last
    (
        "first after the docstring",
        'def f():\n    """Doc.\n\n    More."""\n\n    a()\n',
        lambda n: verbs.insert_first(n.statement("def"), "new()"),
        'def f():\n    """Doc.\n\n    More."""\n    new()\n\n    a()\n',
    ),
    (
        "first of a loop",
        "for x in y:\n    # go\n    a()\n",
        lambda n: verbs.insert_first(n.statement("for"), "new()"),
        "for x in y:\n    new()\n    # go\n    a()\n",
    ),
    (
        "first on the line of a header",
        "for x in y: a()\n",
        lambda n: verbs.insert_first(n.statement("for"), "new()"),
        "for x in y: new(); a()\n",
    ),
    (
        "a string is no docstring of a loop",
        "for x in y:\n    'a'\n",
        lambda n: verbs.insert_first(n.statement("for"), "new()"),
        "for x in y:\n    new()\n    'a'\n",
    ),
    (
        "last of a loop",
        "for x in y:\n    a()\nb()\n",
        lambda n: verbs.insert_last(n.statement("for"), "new()"),
        "for x in y:\n    a()\n    new()\nb()\n",
    ),
    (
        "last before leaving",
        "def f():\n    a()\n    return b\n",
        lambda n: verbs.insert_last(n.statement("def"), "new()"),
        "def f():\n    a()\n    new()\n    return b\n",
    ),
    (
        "last after an inner block",
        "for x in y:\n    if a:\n        b()\nc()\n",
        lambda n: verbs.insert_last(n.statement("for"), "new()"),
        "for x in y:\n    if a:\n        b()\n    new()\nc()\n",
    ),
    # remove
    ("remove", "a()\nb()\nc()\n", lambda n: verbs.remove(n.statement("b")), "a()\nc()\n"),
    (
        "remove keeps the comment behind",
        "a()\nb()  # why\nc()\n",
        lambda n: verbs.remove(n.statement("b")),
        "a()\n# why\nc()\n",
    ),
    (
        "remove keeps the comments above",
        "a()\n# why\nb()\nc()\n",
        lambda n: verbs.remove(n.statement("b")),
        "a()\n# why\nc()\n",
    ),
    (
        "remove the only statement",
        "if x:\n    a()  # why\n",
        lambda n: verbs.remove(n.statement("a")),
        "if x:\n    pass  # why\n",
    ),
    ("remove the only statement of a line", "if x: a()\n", lambda n: verbs.remove(n.statement("a")), "if x: pass\n"),
    ("remove the first of a line", "a(); b(); c()\n", lambda n: verbs.remove(n.statement("a")), "b(); c()\n"),
    ("remove the middle of a line", "a(); b(); c()\n", lambda n: verbs.remove(n.statement("b")), "a(); c()\n"),
    ("remove the last of a line", "a(); b(); c()  # x\n", lambda n: verbs.remove(n.statement("c")), "a(); b()  # x\n"),
    ("remove on the line of a header", "if x: a(); b()\n", lambda n: verbs.remove(n.statement("a")), "if x: b()\n"),
    ("remove a lone semicolon", "a();\nb()\n", lambda n: verbs.remove(n.statement("a")), "b()\n"),
    ("remove between blank lines", "a()\n\nb()\n\nc()\n", lambda n: verbs.remove(n.statement("b")), "a()\n\nc()\n"),
    (
        "remove first of a block",
        "if x:\n    a()\n\n    b()\n",
        lambda n: verbs.remove(n.statement("a")),
        "if x:\n    b()\n",
    ),
    ("remove several lines", "a(\n    1,\n)\nb()\n", lambda n: verbs.remove(n.statement("a")), "b()\n"),
    ("remove would lose a comment", "a(\n    1,  # one\n)\nb()\n", lambda n: verbs.remove(n.statement("a")), None),
    ("remove with decorators", "@d\ndef f(): pass\na()\n", lambda n: verbs.remove(n.statement("def")), "a()\n"),
    ("remove the last line without end", "a()\nb()", lambda n: verbs.remove(n.statement("b")), "a()\n"),
    ("a hash in a string is no comment", "a('# no')\nb()\n", lambda n: verbs.remove(n.statement("a")), "b()\n"),
    # replace a statement
    (
        "replace a statement",
        "if x:\n    a = 1  # why\n",
        lambda n: verbs.replace(n.statement("a"), "a = 2"),
        "if x:\n    a = 2  # why\n",
    ),
    (
        "replace a statement by a block",
        "if x:\n\ta = 1\n\tb()\n",
        lambda n: verbs.replace(n.statement("a"), "with y:\n    a = 1"),
        "if x:\n\twith y:\n\t\ta = 1\n\tb()\n",
    ),
    ("replace would lose a comment", "a(\n  1,  # one\n)\n", lambda n: verbs.replace(n.statement("a"), "b()"), None),
    ("assign", "x.f(1)  # why\n", lambda n: verbs.assign(n.statement("x"), "x"), "x = x.f(1)  # why\n"),  # type: ignore[arg-type]
    (
        "assign lines",
        "if y:\n    x.f(1,  # one\n        2); z()\n",
        lambda n: verbs.assign(n.statement("x"), "self.x"),  # type: ignore[arg-type]
        "if y:\n    self.x = x.f(1,  # one\n        2); z()\n",
    ),
    ("assign to a call", "x.f(1)\n", lambda n: verbs.assign(n.statement("x"), "f()"), None),  # type: ignore[arg-type]
    # wrap, append_call, unwrap
    ("wrap", "x = a.b\n", lambda n: verbs.wrap(n.expression("a.b"), "f({}, 1)"), "x = f(a.b, 1)\n"),
    (
        "wrap needs inner brackets",
        "x = a + b\n",
        lambda n: verbs.wrap(n.expression("a + b"), "{} / n"),
        "x = (a + b) / n\n",
    ),
    (
        "wrap needs outer brackets",
        "x = a * b\n",
        lambda n: verbs.wrap(n.expression("b"), "{} + n"),
        "x = a * (b + n)\n",
    ),
    (
        "wrap keeps lines and comments",
        "x = g(\n    a,  # one\n    b,\n)\n",
        lambda n: verbs.wrap(n.statement("x").value, "f({})"),  # type: ignore[attr-defined]
        "x = f(g(\n    a,  # one\n    b,\n))\n",
    ),
    (
        "wrap a generator",
        "x = sum(i for i in y)\n",
        lambda n: verbs.wrap(n.expression("(i for i in y)"), "list({})"),
        "x = sum(list((i for i in y)))\n",
    ),
    (
        "wrap next to a keyword",
        "def f():\n    return-x\n",
        lambda n: verbs.wrap(n.expression("-x"), "g({})"),
        "def f():\n    return(g(-x))\n",
    ),
    (
        "wrap in a default",
        "def f(a=[x]):\n    pass\n",
        lambda n: verbs.wrap(n.expression("[x]"), "g({})"),
        "def f(a=g([x])):\n    pass\n",
    ),
    (
        "wrap in elif",
        "if x:\n    a()\nelif y:\n    b()\n",
        lambda n: verbs.wrap(n.expression("y"), "not {}"),
        "if x:\n    a()\nelif not y:\n    b()\n",
    ),
    (
        "wrap in a decorator",
        "@d(x)\ndef f(): pass\n",
        lambda n: verbs.wrap(n.expression("d(x)"), "g({})"),
        "@g(d(x))\ndef f(): pass\n",
    ),
    (
        "wrap after a backslash",
        "x = a + \\\n    b\n",
        lambda n: verbs.wrap(n.expression("a + \\\n    b"), "f({})"),
        "x = f(a + \\\n    b)\n",
    ),
    (
        "wrap in open brackets",
        "x = (a\n     + b)\n",
        lambda n: verbs.wrap(n.expression("a\n     + b"), "f({})"),
        "x = (f(a\n     + b))\n",
    ),
    (
        "wrap with line ends of windows",
        "x = g(a,\r\n      b)\r\n",
        lambda n: verbs.wrap(n.call("g"), "f({})"),
        "x = f(g(a,\r\n      b))\r\n",
    ),
    ("wrap a starred argument is refused", "f(*a)\n", lambda n: verbs.wrap(n.expression("*a"), "g({})"), None),
    ("wrap behind non-ASCII", "é = ü + a\n", lambda n: verbs.wrap(n.expression("a"), "f({})"), "é = ü + f(a)\n"),
    (
        "inside an f-string",
        'print(f"{a / len(b):.3f} {c!r}")\n',
        lambda n: verbs.replace(n.expression("b"), "b.d"),
        'print(f"{a / len(b.d):.3f} {c!r}")\n',
    ),
    (
        "quotes that end an f-string are refused before Python 3.12",
        "x = f'{a}'\n",
        lambda n: verbs.wrap(n.expression("a"), "{}['b']"),
        None if sys.version_info < (3, 12) else "x = f'{a['b']}'\n",
    ),
    (
        "an f-string that shows its code is refused",
        "x = f'{a=}'\n",
        lambda n: verbs.wrap(n.expression("a"), "g({})"),
        None,
    ),
    (
        "around an f-string",
        "x = f\"{a['b']} {c!r:>{d}}\"\n",
        lambda n: verbs.wrap(n.statement("x").value, "g({})"),
        "x = g(f\"{a['b']} {c!r:>{d}}\")\n",
    ),  # type: ignore[attr-defined]
    ("call", "model.eval\n", lambda n: verbs.append_call(n.expression("model.eval")), "model.eval()\n"),
    ("unwrap", "x = f(a, 1)\n", lambda n: verbs.unwrap(n.call("f"), n.expression("a")), "x = a\n"),
    (
        "unwrap needs brackets",
        "x = 2 * f(a + b)\n",
        lambda n: verbs.unwrap(n.call("f"), n.expression("a + b")),
        "x = 2 * (a + b)\n",
    ),
    (
        "unwrap lines",
        "x = f(a\n      + b)\n",
        lambda n: verbs.unwrap(n.call("f"), n.expression("a\n      + b")),
        "x = (a\n      + b)\n",
    ),
    (
        "unwrap lines at the margin",
        "x = f(a\n+ b)\n",
        lambda n: verbs.unwrap(n.call("f"), n.expression("a\n+ b")),
        "x = (a\n+ b)\n",
    ),
    (
        "unwrap would lose a comment",
        "x = f(  # why\n    a)\n",
        lambda n: verbs.unwrap(n.call("f"), n.expression("a")),
        None,
    ),
    (
        "unwrap keeps inner comments",
        "x = f(g(a,  # why\n        b))\n",
        lambda n: verbs.unwrap(n.call("f"), n.call("g")),
        "x = g(a,  # why\n        b)\n",
    ),
    (
        "unwrap a tuple in a loop",
        "for i in f((1, 2)): pass\n",
        lambda n: verbs.unwrap(n.call("f"), n.expression("(1, 2)")),
        "for i in (1, 2): pass\n",
    ),
    # rename, replace an expression
    (
        "rename",
        "x = torch.symeig(a)\n",
        lambda n: verbs.rename(n.expression("torch.symeig"), "torch.linalg.eigh"),
        "x = torch.linalg.eigh(a)\n",
    ),
    (
        "rename an attribute",
        "x = f(a).b (c)\n",
        lambda n: verbs.rename_attribute(n.expression("f(a).b"), "d"),
        "x = f(a).d (c)\n",
    ),  # type: ignore[arg-type]
    (
        "rename an assigned attribute",
        "a.b = 1\n",
        lambda n: verbs.rename_attribute(n.expression("a.b"), "c"),
        "a.c = 1\n",
    ),  # type: ignore[arg-type]
    (
        "rename over lines",
        "x = (a\n     .b()  # why\n     .c())\n",
        lambda n: verbs.rename_attribute(n.expression("a\n     .b()  # why\n     .c"), "d"),
        "x = (a\n     .b()  # why\n     .d())\n",
    ),  # type: ignore[arg-type]
    ("replace an expression", "x = a * b\n", lambda n: verbs.replace(n.expression("b"), "c + d"), "x = a * (c + d)\n"),
    (
        "replace by a tuple",
        "for i in a: pass\n",
        lambda n: verbs.replace(n.expression("a"), "b, c"),
        "for i in b, c: pass\n",
    ),
    ("replace in brackets", "x = y[a]\n", lambda n: verbs.replace(n.expression("a"), "b, c"), "x = y[b, c]\n"),
    # keywords
    ("set the first", "f()\n", lambda n: verbs.set_keyword(n.call("f"), "k", "1"), "f(k=1)\n"),
    ("set at the end", "f(a, b=2)\n", lambda n: verbs.set_keyword(n.call("f"), "k", "1"), "f(a, b=2, k=1)\n"),
    (
        "set an existing one",
        "f(a, k = 2, b=3)\n",
        lambda n: verbs.set_keyword(n.call("f"), "k", "x or y"),
        "f(a, k = x or y, b=3)\n",
    ),
    ("set before **", "f(a, **kw)\n", lambda n: verbs.set_keyword(n.call("f"), "k", "1"), "f(a, k=1, **kw)\n"),
    (
        "set with a last comma",
        "f(\n    a,\n    b,\n)\n",
        lambda n: verbs.set_keyword(n.call("f"), "k", "1"),
        "f(\n    a,\n    b,\n    k=1,\n)\n",
    ),
    (
        "set with a comment",
        "f(\n    a,\n    b,  # two\n)\n",
        lambda n: verbs.set_keyword(n.call("f"), "k", "1"),
        "f(\n    a,\n    b,  # two\n    k=1,\n)\n",
    ),
    (
        "set without a last comma",
        "f(\n    a,\n    b  # two\n)\n",
        lambda n: verbs.set_keyword(n.call("f"), "k", "1"),
        "f(\n    a,\n    b,  # two\n    k=1\n)\n",
    ),
    ("set aligned", "f(a,\n  b)\n", lambda n: verbs.set_keyword(n.call("f"), "k", "1"), "f(a,\n  b,\n  k=1)\n"),
    (
        "set one on its line",
        "f(\n    a\n)\n",
        lambda n: verbs.set_keyword(n.call("f"), "k", "1"),
        "f(\n    a,\n    k=1\n)\n",
    ),
    (
        "set in one row of an indented list",
        "f(\n    a, b\n)\n",
        lambda n: verbs.set_keyword(n.call("f"), "k", "1"),
        "f(\n    a, b, k=1\n)\n",
    ),
    (
        "set in one row with a comment",
        "f(\n    a, b,  # x\n)\n",
        lambda n: verbs.set_keyword(n.call("f"), "k", "1"),
        "f(\n    a, b,  # x\nk=1,\n)\n",
    ),
    (
        "set beside a generator",
        "f(i for i in x)\n",
        lambda n: verbs.set_keyword(n.call("f"), "k", "1"),
        "f((i for i in x), k=1)\n",
    ),
    (
        "set two",
        "f()\n",
        lambda n: (verbs.set_keyword(n.call("f"), "k", "1"), verbs.set_keyword(n.call("f"), "m", "2")),
        "f(k=1, m=2)\n",
    ),
    ("remove a keyword", "f(a, k=1, b=2)\n", lambda n: verbs.remove_keyword(n.call("f"), "k"), "f(a, b=2)\n"),
    ("remove the last keyword", "f(a, k=1)\n", lambda n: verbs.remove_keyword(n.call("f"), "k"), "f(a)\n"),
    ("remove the first keyword", "f(k=1, b=2)\n", lambda n: verbs.remove_keyword(n.call("f"), "k"), "f(b=2)\n"),
    ("remove the only keyword", "f(k=1)\n", lambda n: verbs.remove_keyword(n.call("f"), "k"), "f()\n"),
    (
        "remove the only keyword of lines",
        "f(\n    k=1,\n)\n",
        lambda n: verbs.remove_keyword(n.call("f"), "k"),
        "f()\n",
    ),
    (
        "remove a keyword on its line",
        "f(\n    a,\n    k=1,\n    b=2,\n)\n",
        lambda n: verbs.remove_keyword(n.call("f"), "k"),
        "f(\n    a,\n    b=2,\n)\n",
    ),
    (
        "remove the last keyword on its line",
        "f(\n    a,\n    k=1,\n)\n",
        lambda n: verbs.remove_keyword(n.call("f"), "k"),
        "f(\n    a,\n)\n",
    ),
    (
        "remove the last keyword without comma",
        "f(\n    a,\n    k=1\n)\n",
        lambda n: verbs.remove_keyword(n.call("f"), "k"),
        "f(\n    a\n)\n",
    ),
    (
        "remove a keyword and keep its comment",
        "f(\n    a,  # one\n    k=1,  # two\n    b=2,  # three\n)\n",
        lambda n: verbs.remove_keyword(n.call("f"), "k"),
        "f(\n    a,  # one\n    # two\n    b=2,  # three\n)\n",
    ),
    (
        "remove a keyword between rows",
        "f(a, k=1,\n  b=2)\n",
        lambda n: verbs.remove_keyword(n.call("f"), "k"),
        "f(a,\n  b=2)\n",
    ),
    ("no such keyword", "f(a)\n", lambda n: verbs.remove_keyword(n.call("f"), "k"), None),
    ("remove an argument", "f(a, b)\n", lambda n: verbs.remove_argument(n.call("f"), n.expression("b")), "f(a)\n"),
    ("rename a keyword", "f(a, k = 1)\n", lambda n: verbs.rename_keyword(n.call("f"), "k", "m"), "f(a, m = 1)\n"),
    ("add an argument", "f(a, k=1)\n", lambda n: verbs.add_argument(n.call("f"), "b"), "f(a, b, k=1)\n"),
    (
        "callee and keyword",
        "torch.f(a)\n",
        lambda n: (verbs.rename(n.expression("torch.f"), "torch.g.h"), verbs.set_keyword(n.call("torch.f"), "k", "1")),
        "torch.g.h(a, k=1)\n",
    ),
    # classes
    (
        "a first base",
        "class A:\n    pass\n",
        lambda n: verbs.add_base(n.statement("class"), "nn.Module"),
        "class A(nn.Module):\n    pass\n",
    ),
    (
        "a further base",
        "class A(B):  # why\n    pass\n",
        lambda n: verbs.add_base(n.statement("class"), "C"),
        "class A(B, C):  # why\n    pass\n",
    ),
    (
        "a base before a keyword",
        "class A(metaclass=M):\n    pass\n",
        lambda n: verbs.add_base(n.statement("class"), "C"),
        "class A(C, metaclass=M):\n    pass\n",
    ),
    (
        "a decorator",
        "class A:\n    @one\n    def f(self): pass\n",
        lambda n: verbs.add_decorator(n.statement("def"), "two()"),
        "class A:\n    @one\n    @two()\n    def f(self): pass\n",
    ),  # type: ignore[arg-type]
    # moves
    (
        "move before",
        "a()\nb()\n# why\nc()  # how\nd()\n",
        lambda n: verbs.move_before(n.statement("c"), n.statement("a")),
        "# why\nc()  # how\na()\nb()\nd()\n",
    ),
    (
        "move after",
        "a()\nb()\nc()\n",
        lambda n: verbs.move_after(n.statement("a"), n.statement("b")),
        "b()\na()\nc()\n",
    ),
    (
        "move out of a block",
        "for x in y:\n    a(1,\n      2)\n    b()\nc()\n",
        lambda n: verbs.move_before(n.statement("a"), n.statement("for")),
        "a(1,\n  2)\nfor x in y:\n    b()\nc()\n",
    ),
    (
        "move into a block",
        "a()\nfor x in y:\n\tb()\n",
        lambda n: verbs.move_before(n.statement("a"), n.statement("b")),
        "for x in y:\n\ta()\n\tb()\n",
    ),
    (
        "move the only statement",
        "if x:\n    a()\nb()\n",
        lambda n: verbs.move_after(n.statement("a"), n.statement("b")),
        "if x:\n    pass\nb()\na()\n",
    ),
    (
        "move behind the last line without end",
        "a()\nb()",
        lambda n: verbs.move_after(n.statement("a"), n.statement("b")),
        "b()\na()",
    ),
    (
        "move the last line without end",
        "a()\nb()",
        lambda n: verbs.move_before(n.statement("b"), n.statement("a")),
        "b()\na()\n",
    ),
    (
        "move into itself",
        "for x in y:\n    a()\n",
        lambda n: verbs.move_after(n.statement("for"), n.statement("a")),
        None,
    ),
    # enclose
    (
        "enclose",
        "def f():\n    # why\n    for x in y:\n        a('''\n  text''')\n    b()  # how\n    c()\n",
        lambda n: verbs.enclose(n.statement("for"), n.statement("b"), "with torch.no_grad():"),
        "def f():\n    with torch.no_grad():\n        # why\n        for x in y:\n            a('''\n  text''')\n        b()  # how\n    c()\n",
    ),
    (
        "enclose at the margin",
        "a()\n\nb()\n",
        lambda n: verbs.enclose(n.statement("a"), n.statement("b"), "if x:"),
        "if x:\n    a()\n\n    b()\n",
    ),
    # imports
    ("import first", "a()\n", lambda n: verbs.ensure_import("copy"), "import copy\n\na()\n"),
    (
        "import below the docstring",
        '"""Doc."""\n\na()\n',
        lambda n: verbs.ensure_import("copy"),
        '"""Doc."""\n\nimport copy\n\na()\n',
    ),
    (
        "import below __future__",
        "from __future__ import annotations\n\na()\n",
        lambda n: verbs.ensure_import("copy"),
        "from __future__ import annotations\n\nimport copy\n\na()\n",
    ),
    (
        "import sorted",
        "import argparse\nimport os\n\nimport torch\n",
        lambda n: verbs.ensure_import("copy"),
        "import argparse\nimport copy\nimport os\n\nimport torch\n",
    ),
    (
        "import before third parties",
        "import torch\n",
        lambda n: verbs.ensure_import("copy"),
        "import copy\n\nimport torch\n",
    ),
    (
        "import with an alias",
        "import torch\nfrom torch import nn\n",
        lambda n: verbs.ensure_import("torch.nn.functional", alias="F"),
        None,
    ),
    (
        "import that is there",
        "import copy\na = 1\n",
        lambda n: (verbs.ensure_import("copy"), verbs.wrap(n.expression("1"), "copy.copy({})")),
        "import copy\na = copy.copy(1)\n",
    ),
    (
        "import under another name",
        "import copy as c\na = 1\n",
        lambda n: (verbs.ensure_import("copy"), verbs.wrap(n.expression("1"), "copy.copy({})")),
        "import copy as c\na = c.copy(1)\n",
    ),
    (
        "import through torch",
        "import torch\nx = a(y)\n",
        lambda n: (
            verbs.ensure_import("torch.nn.functional", alias="F"),
            verbs.wrap(n.expression("y"), "F.relu({}, F=1)"),
        ),
        "import torch\nx = a(torch.nn.functional.relu(y, F=1))\n",
    ),
    (
        "import through nn",
        "from torch import nn\nx = a\n",
        lambda n: (verbs.ensure_import("torch.nn", name="Parameter"), verbs.wrap(n.expression("a"), "Parameter({})")),
        "from torch import nn\nx = nn.Parameter(a)\n",
    ),
    (
        "import of a name that is taken",
        "copy = 1\na()\n",
        lambda n: (verbs.ensure_import("copy"), verbs.insert_before(n.statement("a"), "copy.copy(1)")),
        None,
    ),
    (
        "import from its module",
        "import copy\na = 1\n",
        lambda n: (verbs.ensure_import("copy", name="deepcopy"), verbs.wrap(n.expression("1"), "deepcopy({})")),
        "import copy\na = copy.deepcopy(1)\n",
    ),
    (
        "import and use",
        "import torch\na = 1\n",
        lambda n: (verbs.wrap(n.expression("1"), "math.sqrt({})"), verbs.ensure_import("math")),
        "import math\n\nimport torch\na = math.sqrt(1)\n",
    ),
    (
        "import and insert at once",
        "import torch\na()\n",
        lambda n: (verbs.insert_before(n.statement("a"), "random.seed(0)"), verbs.ensure_import("random")),
        "import random\n\nimport torch\nrandom.seed(0)\na()\n",
    ),
    (
        "import that comes too late",
        "a = 1\nimport copy\n",
        lambda n: (verbs.ensure_import("copy"), verbs.wrap(n.expression("1"), "copy.copy({})")),
        "import copy\n\na = copy.copy(1)\nimport copy\n",
    ),
    (
        "import beside others of the package",
        "from torch.nn.utils import skip_init\n\nfrom own import x\n\na = 1\n",
        lambda n: (verbs.ensure_import("torch.nn", name="Parameter"), verbs.wrap(n.expression("1"), "Parameter({})")),
        "from torch.nn import Parameter\nfrom torch.nn.utils import skip_init\n\nfrom own import x\n\na = Parameter(1)\n",
    ),
    (
        "import below the header of the file",
        "#!/bin/python\n# licence\n\nimport torch\n",
        lambda n: verbs.ensure_import("copy"),
        "#!/bin/python\n# licence\n\nimport copy\n\nimport torch\n",
    ),
    # several at once
    (
        "two changes of one place",
        "a = b\n",
        lambda n: (verbs.wrap(n.expression("b"), "f({})"), verbs.remove(n.statement("a"))),
        None,
    ),
    (
        "remove and insert",
        "a()\nb()\n",
        lambda n: (verbs.remove(n.statement("a")), verbs.insert_after(n.statement("b"), "a()")),
        "b()\na()\n",
    ),
]


@pytest.mark.parametrize(("before", "steps", "after"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_table(before: str, steps: Steps, after: str | None) -> None:
    wanted = steps(Nodes(before))
    assert fixed(before, *((wanted,) if isinstance(wanted, Verb) else wanted)) == after


def test_a_file_that_does_not_parse_is_left_alone() -> None:
    assert fixed("a = (\n", verbs.ensure_import("copy")) is None


def test_code_that_is_nested_too_deeply_is_left_alone() -> None:
    text = "x = " + " + ".join(["a"] * 900) + "\n"
    value = ast.parse(text).body[0].value  # type: ignore[attr-defined]
    assert fixed(text, verbs.wrap(value, "f({})")) in (None, f"x = f({text[4:-1]})\n")


LINES = (
    *("import a", "x = 1; y = 2", "@d", "@d(\n    1\n)", "def f():", "    return 1", "    pass; pass", "class A: pass"),
    *("x = (\n1\n); y = 2", 's = """\n# no\n"""', "z = 1 \\\n  + 2", "w = 1 \\", "", "# a comment", "if x:", "else:"),
    *("    try:", "        f()", "    finally:", "for i in x: print(i)", "\fv = 3", "é = '𠀀'"),
)


def test_what_is_read_again_after_a_change_tells_whether_the_file_parses() -> None:
    rng = random.Random(4)
    counts = Counter[bool]()
    while sum(counts.values()) < 1500:
        text = "\n".join(rng.choice(LINES) for _ in range(rng.randint(1, 9))) + rng.choice(["\n", ""])
        parsed = parse(text)
        if parsed is None:
            continue
        ends = sorted(rng.sample(range(len(text) + 1), min(len(text) + 1, rng.choice([2, 4]))))
        pieces = ["", "\n", "1", "y = 1\n", "    ", ";", *LINES]
        made = [Change(a, b, rng.choice(pieces)) for a, b in zip(ends[::2], ends[1::2], strict=False)]
        whole = tree_of(changed(text, made)) is not None
        assert edits._parses(parsed, made) == whole, (text, made)
        counts[whole] += 1
    assert min(counts.values()) > 200


def test_a_fix_in_a_long_file_reads_a_few_lines_again(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"def f{i}(x):\n    return g(x, {i})\n\n\n" for i in range(300))
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    read: list[int] = []
    usual = edits.tree_of
    for module in (edits, expressions):
        monkeypatch.setattr(module, "tree_of", lambda text: (read.append(len(text)), usual(text))[1])
    for call in calls[:5]:
        assert edits_of(text, Fix.safe("", verbs.set_keyword(call, "k", "1")))
    assert 0 < max(read) < 100


def test_edits_are_minimal_and_in_bytes() -> None:
    text = "é = f(ü, a)\n"
    edits = edits_of(text, Fix.safe("Wrap", verbs.wrap(Nodes(text).expression("a"), "g({})")))
    assert edits == [TextEdit(Span(1, 11, 1, 11), "g("), TextEdit(Span(1, 12, 1, 12), ")")]


def test_overlapping_edits_are_refused() -> None:
    one, other = TextEdit(Span(1, 0, 1, 3), "x"), TextEdit(Span(1, 2, 1, 4), "y")
    with pytest.raises(ValueError, match="overlap"):
        apply("abcdef", [one, other])


def test_fixes_that_touch_wait_and_equal_edits_are_made_once() -> None:
    text = "import torch\na = b\nc = d\n"
    nodes = Nodes(text)

    def copied(name: str) -> list[TextEdit] | None:
        node = nodes.expression(name)
        return edits_of(text, Fix.safe("Copy", verbs.ensure_import("copy"), verbs.wrap(node, "copy.copy({})")))

    other = edits_of(text, Fix.safe("Negate", verbs.wrap(nodes.expression("b"), "-{}")))
    edits, chosen = compatible([copied("b"), other, None, copied("d")])
    assert chosen == [0, 3]
    assert apply(text, edits) == "import copy\n\nimport torch\na = copy.copy(b)\nc = copy.copy(d)\n"


def test_without_libcst_nothing_is_offered() -> None:
    script = (
        "import sys; sys.modules['libcst'] = None\n"
        "import ast\nfrom torchlint.findings import Fix\nfrom torchlint.fixes import available, edits_of, verbs\n"
        "text = 'a()\\n'\nfix = Fix.safe('x', verbs.remove(ast.parse(text).body[0]))\n"
        "assert not available() and edits_of(text, fix) is None\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_verbs_do_not_import_libcst() -> None:
    script = "import sys; import torchlint.fixes.verbs; assert 'libcst' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


# What is true of every repair, on real files.


def real_files() -> list[Path]:
    stdlib = Path(sysconfig.get_path("stdlib"))
    files = sorted(stdlib.glob("*.py"))
    try:
        import torch
    except ImportError:
        return files
    return (
        files
        + sorted((Path(torch.__file__).parent / "nn").rglob("*.py"))
        + sorted((Path(torch.__file__).parent / "optim").glob("*.py"))
    )


SAMPLE = random.Random(7).sample(real_files(), 14)


def comments_of(text: str) -> Counter[str]:
    lines = iter(text.splitlines(keepends=True))
    return Counter(t.string for t in tokenize.generate_tokens(lambda: next(lines, "")) if t.type == tokenize.COMMENT)


def dump(text: str) -> str:
    return ast.dump(ast.parse(text))


@pytest.mark.parametrize("path", SAMPLE, ids=lambda path: path.name)
def test_real_files(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    parsed = parse(text)
    if parsed is None or len(text) > 40_000:
        pytest.skip("too long, or not for this Python")
    rng = random.Random(len(text))
    inside_strings = {
        id(c) for n in ast.walk(parsed.tree) if isinstance(n, ast.JoinedStr) for c in ast.walk(n) if c is not n
    }
    nodes = [n for n in ast.walk(parsed.tree) if id(n) not in inside_strings]
    statements = [n for n in nodes if isinstance(n, ast.stmt)]
    expressions = [
        n
        for n in nodes
        if isinstance(n, ast.expr) and not isinstance(getattr(n, "ctx", ast.Load()), ast.Store | ast.Del)
    ]
    calls = [n for n in nodes if isinstance(n, ast.Call)]
    before, meaning = comments_of(text), dump(text)
    done = 0

    for statement in rng.sample(statements, min(6, len(statements))):
        for verb in (verbs.insert_before, verbs.insert_after, verbs.insert_first, verbs.insert_last):
            new = fixed(text, verb(statement, "torchlint_probe(1)"))
            if new is None:
                continue
            done += 1
            assert comments_of(new) == before
            probe = next(
                n
                for n in ast.walk(ast.parse(new))
                if isinstance(n, ast.Expr) and ast.unparse(n) == "torchlint_probe(1)"
            )
            back = fixed(new, verbs.remove(probe))
            assert back is not None
            assert dump(back) == meaning
            assert comments_of(back) == before

    for expression in rng.sample(expressions, min(8, len(expressions))):
        new = fixed(text, verbs.wrap(expression, "torchlint_probe({})"))
        if new is None:
            continue
        done += 1
        assert comments_of(new) == before
        probe = next(
            n for n in ast.walk(ast.parse(new)) if isinstance(n, ast.Call) and ast.unparse(n.func) == "torchlint_probe"
        )
        back = fixed(new, verbs.unwrap(probe, probe.args[0]))
        assert back is not None
        assert dump(back) == meaning
        assert comments_of(back) == before

    for call in rng.sample(calls, min(8, len(calls))):
        new = fixed(text, verbs.set_keyword(call, "torchlint_probe", "x or y"))
        if new is None:
            continue
        done += 1
        assert comments_of(new) == before
        probe = next(
            n
            for n in ast.walk(ast.parse(new))
            if isinstance(n, ast.Call) and any(k.arg == "torchlint_probe" for k in n.keywords)
        )
        back = fixed(new, verbs.remove_keyword(probe, "torchlint_probe"))
        assert back is not None
        assert dump(back) == meaning
        assert comments_of(back) == before

    for statement in rng.sample(statements, min(6, len(statements))):
        block, index = parsed.siblings(statement)
        last = rng.randrange(index, len(block))
        new = fixed(text, verbs.enclose(statement, block[last], "with torchlint_probe():"))
        if new is None:
            continue
        done += 1
        assert comments_of(new) == before
        probe = next(
            n
            for n in ast.walk(ast.parse(new))
            if isinstance(n, ast.With) and "torchlint_probe" in ast.unparse(n.items[0])
        )
        assert [ast.dump(n) for n in probe.body] == [ast.dump(n) for n in block[index : last + 1]]

    for statement in rng.sample(statements, min(6, len(statements))):
        new = fixed(text, verbs.remove(statement))
        if new is not None:
            assert comments_of(new) == before
    assert done or not statements
