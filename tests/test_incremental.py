"""Trees of edited texts are those of the texts: `torchlint.source.incremental`."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from torchlint.source.incremental import Parser

ROOT = Path(__file__).resolve().parent.parent
TYPED = (
    *(
        "x",
        "_",
        " ",
        "    ",
        "\n",
        "\n    ",
        "\n        ",
        "(",
        ")",
        "[",
        "]",
        ":",
        ";",
        "; y",
        ",",
        '"',
        "'",
        '"""',
        "#",
        "\\",
    ),
    *("\\\n", "\t", "\r\n", "é", "else:", "elif a:", "except E:", "finally:", "@d\n", "@d\n    ", "if a:", "return a"),
    *(
        "\nx = 1",
        "\ndef f(): pass",
        "async ",
        "class A:\n    pass\n",
        "pass",
        "case 1:",
        "\f",
        "# c\n",
        "lambda: 0",
        "del x",
    ),
)


def same(parser: Parser, text: str) -> bool:
    """Whether the parser has this text's own tree; true also where both find no tree."""
    try:
        fresh = ast.parse(text)
    except (SyntaxError, ValueError):
        return parser.parse(text)[1] is not None
    tree, error = parser.parse(text)
    return error is None and ast.dump(tree, include_attributes=True) == ast.dump(fresh, include_attributes=True)


def edited(text: str, chance: random.Random) -> str:
    """The text with something typed, taken away, doubled or indented somewhere."""
    at = chance.randrange(len(text) + 1)
    kind = chance.randrange(6)
    if kind < 3:
        return text[:at] + chance.choice(TYPED) + text[at:]
    if kind == 3:
        return text[:at] + text[at + chance.choice((1, 2, 7, 40)) :]
    lines = text.splitlines(keepends=True)
    if not lines:
        return "x = 1\n"
    first = chance.randrange(len(lines))
    last = min(len(lines), first + chance.choice((1, 1, 2, 5)))
    if kind == 4:
        lines[first:first] = lines[chance.randrange(len(lines)) :][: last - first]
    else:
        lines[first:last] = [chance.choice(("    ", " ", "\t", "")) + line for line in lines[first:last]]
    return "".join(lines)


@pytest.mark.parametrize("seed", range(6))
def test_an_edited_text_has_the_tree_of_a_fresh_one(seed: int) -> None:
    chance = random.Random(seed)
    files = sorted([*ROOT.glob("rules/*/*.py"), *ROOT.glob("tests/cases/**/*.py"), *ROOT.glob("examples/*.py")])
    for path in chance.sample(files, 12):
        text = path.read_text(encoding="utf-8")
        parser = Parser()
        assert same(parser, text), path
        for _ in range(25):
            now = edited(text, chance)
            assert same(parser, now), f"{path}: {now!r}"
            if chance.random() < 0.5:
                text = now


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f():\n    a = 1\n\nb = 2\n", "def f():\n    a = 1\n    c = 3\n\nb = 2\n"),
        ("def f():\n    a = 1\nb = 2\n", "def f():\n    a = 1\n    b = 2\n"),
        ("if a:\n    b\nelse:\n    c\nd\n", "if a:\n    b\n    e\nelse:\n    c\nd\n"),
        ("if a:\n    b\nelse:\n    c\nd\n", "if a:\n    b\nelif e:\n    c\nd\n"),
        ("try:\n    a\nexcept E:\n    b\nfinally:\n    c\n", "try:\n    a\nexcept E:\n    b + 1\nfinally:\n    c\n"),
        ("def f():\n    a; b\nc\n", "def f():\n    a; b;\nc\n"),
        (
            "class A:\n    @p\n    def f(self): pass\n    x = 1\n",
            "class A:\n    @p\n    @q\n    def f(self): pass\n    x = 1\n",
        ),
        ('a = """\nb\n"""\nc\n', 'a = """\nb\nc\n"""\nc\n'),
        ("x = 1\r\ny = 2\r\n", "x = 1\r\nz = 3\r\ny = 2\r\n"),
        (
            "match a:\n    case 1:\n        b\n    case _:\n        c\n",
            "match a:\n    case 1:\n        b = 1\n    case _:\n        c\n",
        ),
        ("", "a = 1\n"),
        ("# only a comment\n", "# only a comment\nb = 1"),
        ("if a: b\nc\n", "if a: b; d\nc\n"),
    ],
)
def test_edits_at_the_borders_of_statements(before: str, after: str) -> None:
    for first, second in ((before, after), (after, before)):
        parser = Parser()
        assert same(parser, first)
        assert same(parser, second)
        assert same(parser, first)


def test_a_text_that_does_not_parse_leaves_the_last_tree() -> None:
    parser = Parser()
    assert same(parser, "a = 1\nb = 2\n")
    assert parser.parse("a = (1\nb = 2\n")[1] is not None
    assert same(parser, "a = (1)\nb = 2\n")


def test_what_an_edit_does_not_touch_stays_the_same_object() -> None:
    parser = Parser()
    tree, _ = parser.parse("def f():\n    return 1\n\n\ndef g():\n    return 2\n")
    f, g = tree.body
    tree, _ = parser.parse("def f():\n    return 10\n\n\n\ndef g():\n    return 2\n")
    assert tree.body[0] is f
    assert tree.body[1] is g
    assert g.lineno == 6
