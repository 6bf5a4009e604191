"""Syntax trees for code that does not parse."""

from __future__ import annotations

import ast
import time

import pytest

from torchlint.source.broken import STAND_IN, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1\n", "x = 1"),
        ("x = 1\ny = (\nimport a\n", "x = 1\ny = __broken__(y)\nimport a"),
        ("x = f(a,\ndef g():\n    return 1\n", "x = __broken__(x, f, a)\n\ndef g():\n    return 1"),
        ("for i in x\n    f(i)\nz = 2\n", "i = __broken__(i, x, f)\nz = 2"),
        ("import a, b.c as d, \nx = 1\n", "a = d = __broken__(a, b, c, d)\nx = 1"),
        ("from m import (p, q\nx = f()\n", "p = q = x = __broken__(m, p, q, x, f)"),
        ("a.b(\n", "__broken__(a, b)"),
        ("a.b = (\n", "__broken__(a, b)"),
        ("x, y = (\n", "x = y = __broken__(x, y)"),
        ("x: int = (\n", "x = __broken__(x, int)"),
        ("x == (\n", "__broken__(x)"),
        (
            "class A(B):\n    def f(self):\n        return 1\n    def g(self:\n        return 2\n    c = 3\n",
            "class A(B):\n\n    def f(self):\n        return 1\n    g = c = __broken__(g, self, c)",
        ),
        (
            "def f(a):\n    b = a(\n    return a\n",
            "def f(a):\n    b = __broken__(b, a)",
        ),
        (
            "def f(a):\n    b = a)\n    return a\n",
            "def f(a):\n    b = __broken__(b, a)\n    return a",
        ),
        ("@d\nclass A:\n    x = 1\n    y = )\n", "@d\nclass A:\n    x = 1\n    y = __broken__(y)"),
        ("class A:\n", "class A:\n    pass"),
        ("def f():\n    '''doc\n", "def f():\n    __broken__(doc)"),
        (
            'def f():\n    """doc"""\n    x = """\ndef g():\n    """doc"""\n',
            'def f():\n    """doc"""\n    x = __broken__(x)\n\ndef g():\n    """doc"""',
        ),
        ("if x:\n    a()\nelse\n    b()\nc()\n", "__broken__(x, a, b)\nc()"),
        ("try:\n    a()\nexcept E:\n    b(\nc()\n", "__broken__(a, E, b, c)"),
        ("x = 1 \\\n\ny = (\n", "x = 1\ny = __broken__(y)"),
        ("s = '''\ndef not_code(\n'''\nx = (\n", "s = '\\ndef not_code(\\n'\nx = __broken__(x)"),
        ("# only ( a comment\nx = )\ny = 1 # ( [ {\n", "x = __broken__(x)\ny = 1"),
        ("\ufeffx = 1\ny = 2\n", "__broken__(x)\ny = 2"),
        ("", ""),
    ],
)
def test_what_is_left_of_broken_code(text: str, expected: str) -> None:
    assert ast.unparse(parse(text)[0]) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_positions_are_those_of_the_text(end: str) -> None:
    lines = ["x = (1,", "'ä', é)", "class A:", "    a = )", "    def f(self):", "        'ä'; self.g(1)", "z = h(2)"]
    tree, error = parse(end.join(lines))
    assert error is not None
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
            found[ast.unparse(node.func)] = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
    assert found == {STAND_IN: (4, 4, 4, 9), "self.g": (6, 14, 6, 23), "h": (7, 4, 7, 8)}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("x = 1\nx = (\n", 2, "'(' was never closed"),
        ("x = 1\n\0", 2, "null bytes"),
        ("'\ud800'", 1, "not valid Unicode"),
        ("-" * 100_000 + "1", 1, "nested too deeply"),
    ],
)
def test_errors(text: str, line: int, message: str) -> None:
    _, error = parse(text)
    assert error is not None
    assert error.lineno in (line, None)
    assert message in str(error.msg)


PATHOLOGICAL = {
    "brackets": "(" * 50_000,
    "mixed brackets": "([{" * 30_000,
    "dictionaries": '{"a":' * 3_000,
    "calls": "f(" * 95 + ")",
    "subscripts": "a[" * 80 + "{" * 80,
    "signs": "-" * 50_000 + "1",
    "nots": "not " * 20_000 + "x",
    "sums": "1" + "+1" * 50_000,
    "attributes": "x" + ".a" * 30_000,
    "lambdas": "lambda:" * 3_000,
    "blocks": "if 1:\n" + "".join(" " * i + "if 1:\n" for i in range(1, 300)),
    "headers": "def f(\n" * 5_000,
    "classes": "class A:\n" * 5_000,
    "assignments": "x = (\n" * 20_000,
    "triple quotes": '"""\n' * 20_001,
    "both triple quotes": "'''\n" * 11 + '"""\n' * 3_001,
    "backslashes": "x=\\\n" * 5_000,
    "quotes": "'" * 30_001,
    "decorators": "@" * 10_000,
    "elses": "else:\n" * 10_000,
    "one line": "x = [" + "1, " * 200_000,
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_nothing_hangs(name: str) -> None:
    start = time.process_time()
    tree, error = parse(PATHOLOGICAL[name])
    assert isinstance(tree, ast.Module)
    assert error is not None or name in ("sums", "attributes")  # Python 3.10 reads these
    assert time.process_time() - start < 6


def test_time_is_linear_in_the_length() -> None:
    unit = (
        "def f(a):\n    return g(a\n\nclass A:\n    x = [1\n\n    def m(self):\n        y = '''a\n        return 1\n\n"
    )

    def cost(times: int) -> float:
        text = unit * times
        start = time.process_time()
        parse(text)
        return time.process_time() - start

    cost(50)
    small, large = min(cost(100) for _ in range(3)), min(cost(800) for _ in range(2))
    assert large < 8 * small * 3
