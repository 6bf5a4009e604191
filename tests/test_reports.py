"""Every output format, on findings that are hard to draw."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from surface import PRINTS, Cli

from torchlint.cli import reporting
from torchlint.findings import Category, Finding, Fix, Place, Related, Safety, Severity, Span, Verb
from torchlint.fingerprint import Fingerprints
from torchlint.hygiene import RULES
from torchlint.report import FORMATS, Results, Style, renderer
from torchlint.report.frame import cells, diff
from torchlint.source.text import Lines

TEXTS = {
    "/p/a.py": "import torch\n\nfor x in y:\n\tz = f('漢字', x)\n    done(\n        1,\n        2,\n    )\nlast = 1",
    "/p/sub/b.py": "def softmax(x):\n    return x\n",
}


def finding(span: Span, path: str = "/p/a.py", **more: Any) -> Finding:
    return Finding("TL000", "syntax-error", Place(path, span), "`z` is `f`", severity=Severity.ERROR, **more)


def shown(name: str, *findings: Finding, style: Style | None = None, cap: int | None = None) -> str:
    stream = io.StringIO()
    known = {rule.code: rule for rule in RULES}
    results = Results(list(findings), known, lambda path: TEXTS.get(path, ""), cap, "/p")
    renderer(name)(results, stream, style or Style())
    return stream.getvalue()


@pytest.mark.parametrize(
    ("span", "frame"),
    [
        (
            Span(4, 5, 4, 19),
            """\
TL000 syntax-error `z` is `f`
  --> a.py:4:6
  |
2 |
3 | for x in y:
4 |     z = f('漢字', x)
  |         ^^^^^^^^^^^^
5 |     done(
6 |         1,
  |

""".replace("^^^^^^^^^^^^", "^" * 12),
        ),
        (
            Span(1, 0, 1, 6),
            """\
TL000 syntax-error `z` is `f`
  --> a.py:1:1
  |
1 | import torch
  | ^^^^^^
2 |
3 | for x in y:
  |

""",
        ),
        (
            Span(5, 4, 8, 5),
            """\
TL000 syntax-error `z` is `f`
  --> a.py:5:5
  |
3 |   for x in y:
4 |       z = f('漢字', x)
5 | /     done(
6 | |         1,
7 | |         2,
8 | |     )
  | |_____^
9 |   last = 1
  |

""",
        ),
        (
            Span(9, 8, 9, 8),
            """\
TL000 syntax-error `z` is `f`
  --> a.py:9:9
  |
7 |         2,
8 |     )
9 | last = 1
  |         ^
  |

""",
        ),
    ],
)
def test_frames(span: Span, frame: str) -> None:
    assert shown("full", finding(span)) == frame


def test_the_underline_is_as_wide_as_the_text() -> None:
    text = "\tx = f('漢字é', \"e\u0301\")"
    lines = Lines(text)
    start, end = text.index("f("), len(text)
    span = Span(1, len(text[:start].encode()), 1, len(text[:end].encode()))
    TEXTS["/p/wide.py"] = text
    source, marks = shown("full", finding(span, "/p/wide.py")).splitlines()[3:5]
    drawn = marks.removeprefix("  | ")
    assert len(drawn) - len(drawn.lstrip()) == cells(text[:start]) == 8
    assert drawn.count("^") == cells(text[start:end]) == len(text[start:end]) + 2 - 1
    assert source == "1 |     x = f('漢字é', \"e\u0301\")"
    assert lines.code_points(1, span.column) == start


def test_long_lines_are_cut_around_the_place_and_controls_are_not_passed_on() -> None:
    TEXTS["/p/long.py"] = "x = [" + "1, " * 5000 + "\x1b[31mf(2)]"
    column = TEXTS["/p/long.py"].index("f(2)")
    out = shown("full", finding(Span(1, column, 1, column + 4), "/p/long.py"))
    source, marks = out.splitlines()[3:5]
    assert "\x1b" not in out
    assert len(source) < 300
    assert source[marks.index("^") :][:4] == "f(2)"


def test_related_places_in_another_file() -> None:
    related = Related(Place("/p/sub/b.py", Span(1, 4, 1, 11)), "softmax is applied here")
    out = shown("full", finding(Span(1, 0, 1, 6), related=(related,)))
    assert (
        "  ::: sub/b.py:1:5 softmax is applied here\n  |\n1 | def softmax(x):\n  |     -------\n2 |     return x\n  |\n"
        in out
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_missing_files_and_odd_names(name: str) -> None:
    odd = Finding(
        "ZZ999", "gone", Place("/q/no such,file:ä.py", Span(7, 3, 9, 1)), "100% `a`\nb", severity=Severity.INFO
    )
    out = shown(name, odd)
    assert "ZZ999" in out
    assert shown(name) in ("", "[]\n")


def test_concise() -> None:
    fix = Fix.safe("Repair it", Verb("uncomment", Span(1, 0, 1, 1)))
    assert shown("concise", finding(Span(4, 5, 4, 6), fixes=(fix,))) == "a.py:4:6: TL000 syntax-error [*] `z` is `f`\n"
    coloured = shown("concise", finding(Span(4, 5, 4, 6)), style=Style(colour=True))
    assert coloured == "\033[1ma.py\033[0m:4:6: \033[1;31mTL000\033[0m syntax-error `z` is `f`\n"


def test_github() -> None:
    one, many = finding(Span(4, 5, 4, 19)), finding(Span(5, 4, 8, 5))
    error = "::error title=torchlint TL000 syntax-error,file=a.py"
    assert shown("github", one, many).splitlines() == [
        f"{error},line=4,endLine=4,col=6,endColumn=16::a.py:4:6: TL000 syntax-error `z` is `f`",
        f"{error},line=5,endLine=8::a.py:5:5: TL000 syntax-error `z` is `f`",
    ]
    odd = Finding("TL0", "x", Place("/p/a,b:c%.py", Span(1, 0, 1, 0)), "50%\nof it", severity=Severity.INFO)
    assert shown("github", odd) == (
        "::notice title=torchlint TL0 x,file=a%2Cb%3Ac%25.py,line=1,endLine=1,col=1,endColumn=1::"
        "a,b:c%25.py:1:1: TL0 x 50%25%0Aof it\n"
    )


def test_json_has_the_fields_of_ruff_and_counts_from_one(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\n'漢'; print(torch)\n")
    (record,) = cli.run("check", "--output-format", "json").json
    path = str(cli.directory / "a.py")
    fingerprint = record.pop("fingerprint")
    assert len(fingerprint) == 16
    assert record == {
        "code": "XX101",
        "name": "print-call",
        "message": "`print` is called",
        "severity": "warning",
        "category": "suspicious",
        "filename": path,
        "location": {"row": 3, "column": 6},
        "end_location": {"row": 3, "column": 18},
        "fix": {
            "applicability": "safe",
            "message": "Log it",
            "edits": [
                {"content": "log", "location": {"row": 3, "column": 6}, "end_location": {"row": 3, "column": 11}}
            ],
        },
        "other_fixes": [],
        "related": [
            {
                "filename": path,
                "location": {"row": 1, "column": 1},
                "end_location": {"row": 1, "column": 7},
                "message": "the file starts here",
            }
        ],
        "url": "https://example.org/print-call",
    }
    lines = cli.run("check", "--output-format", "json-lines").lines
    assert [json.loads(line)["code"] for line in lines] == ["XX101"]


def test_the_fix_is_shown_as_a_diff(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nfor i in x:\n\ta = 1\n\tprint(a,\n\t\ti)\n")
    out = cli.run("check", "--select", "ALL").out
    assert "help: Log it\n  |\n4 |     a = 1\n5 -     print(a,\n  +     log(a,\n6 |         i)\n  |\n" in out
    assert (
        "help: Count the loop (changes the output) [unsafe]\n  |\n3 | for i in x:\n  +     count += 1\n4 |     a = 1\n"
        in out
    )


def test_diffs_at_the_ends_of_a_file() -> None:
    from torchlint.fixes import TextEdit

    text = "a\nb\nc"
    added = [TextEdit(Span(1, 0, 1, 0), "new\n"), TextEdit(Span(3, 0, 3, 1), "d")]
    assert list(diff(text, added, Style())) == ["  |", "  + new", "1 | a", "2 | b", "3 - c", "  + d", "  |"]
    removed = [TextEdit(Span(2, 0, 3, 0), "")]
    assert list(diff(text, removed, Style())) == ["  |", "1 | a", "2 - b", "3 | c", "  |"]
    assert list(diff(text, [], Style())) == []


def test_the_cap_is_visible_and_only_for_people_at_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("a.py", "import torch\n\n" + "print(torch)\n" * 25)
    assert cli.run("check").out.count("-->") == 25
    monkeypatch.setattr(reporting, "is_terminal", lambda stream: True)
    out = cli.run("check").out
    assert out.count("-->") == 20
    assert "XX101 print-call: ... 5 more; `--output-format concise` shows all\n" in out
    assert "Found 25 findings" in out
    assert len(cli.check().lines) == 25


def test_fingerprints_survive_edits_elsewhere() -> None:
    def prints(text: str, *lines: int) -> list[str]:
        made = Fingerprints("/p")
        return [made.of(finding(Span(line, 4, line, 5)), text) for line in lines]

    text = "class A:\n  def f(self):\n    g( 1 )\n    g(1)\n  def h(self):\n    g(1)\n"
    first, second, third = prints(text, 3, 4, 6)
    assert len({first, second, third}) == 3
    moved = "import a\n\n" + text.replace("g( 1 )", "g(1)")
    assert prints(moved, 5, 6, 8) == [first, second, third]
    assert prints(text.replace("def f", "def k"), 3) != [first]


@pytest.mark.parametrize("category", Category)
def test_every_severity_has_a_colour(category: Category) -> None:
    from torchlint.rule import SEVERITY_OF

    assert Style(colour=True).severity("x", SEVERITY_OF[category]).startswith("\033[1;3")
    assert Safety.SAFE.value == "safe"


def test_reports_of_files_that_vanish(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cli.write("a.py", PRINTS)
    from torchlint.workspace import Workspace

    monkeypatch.setattr(Workspace, "text", lambda self, path: "")
    assert "XX101 print-call" in cli.run("check").out
    assert Path(path).exists()
