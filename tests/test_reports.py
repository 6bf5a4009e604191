"""Every output format, on findings that are hard to draw."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from surface import PRINTS, ROOT, Cli

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


def test_a_line_that_is_cut_says_so() -> None:
    TEXTS["/p/cut.py"] = "x = f(" + "1, " * 30 + "2)\n"
    out = shown("full", finding(Span(1, 4, 1, 5), "/p/cut.py"), style=Style(width=60))
    source, marks = out.splitlines()[3:5]
    assert (source[-6:], len(source) <= 60, marks) == (" 1,...", True, "  |     ^")


def test_related_places_in_another_file() -> None:
    related = Related(Place("/p/sub/b.py", Span(1, 4, 1, 11)), "softmax is applied here")
    out = shown("full", finding(Span(1, 0, 1, 6), related=(related,)))
    assert (
        "  ::: sub/b.py:1:5 softmax is applied here\n  |\n1 | def softmax(x):\n  |     -------\n2 |     return x\n  |\n"
        in out
    )


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_takes_missing_files_odd_names_and_no_findings(name: str) -> None:
    message = "100% `a` | <b>\n\x01 c"
    odd = Finding("ZZ999", "gone", Place("/q/no such,file:ä|.py", Span(7, 3, 9, 1)), message, severity=Severity.INFO)
    for finding in (odd, odd._replace(place=Place("/p/\udcff.py", odd.place.span))):
        out = shown(name, finding)
        assert "ZZ999" in out
    assert shown(name) == EMPTY.get(name, "") or name in ("sarif", "junit", "rdjson")


EMPTY = {
    "json": "[]\n",
    "gitlab": "[]\n",
    "markdown": "### torchlint: no findings\n",
    "agent": "0 findings in 0 files\n",
}


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


def test_sarif(cli: Cli) -> None:
    cli.write("sub dir/ä.py", "import torch\n\n'𠀀'; print(torch)\n")
    log = cli.run("check", "--output-format", "sarif").json
    (run,) = log["runs"]
    (result,) = run["results"]
    fingerprints = result.pop("partialFingerprints")
    assert len(fingerprints["torchlint/v1"]) == 16
    artifact = {"uri": "sub%20dir/%C3%A4.py", "uriBaseId": "%SRCROOT%"}
    region = {"startLine": 3, "startColumn": 7, "endLine": 3, "endColumn": 19}
    replacement = {"deletedRegion": {**region, "endColumn": 12}, "insertedContent": {"text": "log"}}
    start = {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 7}
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert result == {
        "ruleId": "XX101",
        "ruleIndex": rules.index("XX101"),
        "level": "warning",
        "message": {"text": "`print` is called"},
        "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": region}}],
        "relatedLocations": [
            {
                "id": 0,
                "message": {"text": "the file starts here"},
                "physicalLocation": {"artifactLocation": artifact, "region": start},
            }
        ],
        "fixes": [
            {
                "description": {"text": "Log it"},
                "artifactChanges": [{"artifactLocation": artifact, "replacements": [replacement]}],
                "properties": {"applicability": "safe"},
            }
        ],
    }
    assert run["columnKind"] == "utf16CodeUnits"
    assert rules == ["TL000", "TL001", "TL002", "TL004", "TL005", "XX101", "XX102", "XX103"]
    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]


def test_services_get_paths_from_the_top_of_the_repository(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("sub/a.py", PRINTS)
    (cli.directory / ".git").mkdir()
    prints = {}
    for directory, path in ((".", "sub"), ("sub", ".")):
        monkeypatch.chdir(cli.directory / directory)
        prints[directory] = cli.run("check", path, "--output-format", "gitlab").json[0]
        assert "file=sub/a.py,line=3" in cli.run("check", path, "--output-format", "github").out
        sarif = cli.run("check", path, "--output-format", "sarif").out
        assert '"uri": "sub/a.py"' in sarif
        assert "file:" not in sarif
    assert prints["."] == prints["sub"]
    assert prints["."]["location"]["path"] == "sub/a.py"


def test_suppressed_findings_are_shown_when_asked_for(cli: Cli) -> None:
    ignored = "import torch\n\nprint(1)  # torchlint: ignore[XX101] it is a script\nprint(2)\n"
    cli.write("a.py", ignored)
    only, both = (cli.run("check", "--output-format", "json", *more).json for more in ((), ("--show-suppressed",)))
    assert [each["location"]["row"] for each in only] == [4]
    assert [each["suppressed"] for each in both] == [{"by": "comment", "reason": "it is a script"}, None]
    assert both[1] == only[0]
    ran = cli.run("check", "--output-format", "sarif", "--show-suppressed")
    first, second = ran.json["runs"][0]["results"]
    assert first["suppressions"] == [{"kind": "inSource", "status": "accepted", "justification": "it is a script"}]
    assert second["suppressions"] == []
    assert ran.code == 1
    (alone,) = cli.run("check", "--output-format", "sarif").json["runs"][0]["results"]
    assert "suppressions" not in alone
    cli.write("a.py", ignored.replace("print(2)\n", ""))
    assert cli.run("check", "--output-format", "json", "--show-suppressed").code == 0
    for given in ((), ("--output-format", "concise")):
        refused = cli.run("check", "--show-suppressed", *given)
        assert refused.code == 2
        assert refused.err.endswith(" leaves them out; `json`, `json-lines` and `sarif` show them\n")
    assert cli.run("check", "--show-suppressed", "--output-format=full", "--output-format=json:out.json").code == 0


def test_junit(cli: Cli) -> None:
    cli.write("sub/a.py", "import torch\n\nprint('<&\\x00\x0c')\n")
    lines = cli.run("check", "--output-format", "junit").lines
    assert lines[:5] == [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<testsuites name="torchlint" tests="1" failures="1" errors="0">',
        '  <testsuite name="sub/a.py" tests="1" failures="1" errors="0" skipped="0">',
        '    <testcase classname="sub.a" name="XX101 print-call (3:1)" file="sub/a.py" line="3">',
        '      <failure type="warning" message="`print` is called">XX101 print-call [*] `print` is called',
    ]
    assert "3 | print('&lt;&amp;\\x00\ufffd')" in lines


def test_grouped(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nfor i in range(3):\n    print(i)\n")
    cli.write("b.py", PRINTS)
    assert cli.run("check", "--output-format", "grouped").lines == [
        "a.py",
        "  3:1  XX103 counted-loop  the loop over `range(3)` is not counted",
        "  4:5  XX101 print-call    [*] `print` is called",
        "",
        "b.py",
        "  3:1  XX101 print-call  [*] `print` is called",
        "",
        "Found 3 findings (1 error, 2 warnings) in 2 files.",
        "2 fixable with --fix, 1 more with --unsafe-fixes.",
    ]


def test_agent(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nfor i in range(3):\n    print(i)\nprint(2)\n")
    ran = cli.run("check", "--output-format", "agent", "--color", "always")
    assert (
        ran.out
        == """\
a.py:3:1: error XX103 counted-loop: the loop over `range(3)` is not counted
  why: A loop that is not counted cannot be resumed; the fix of this rule is unsafe.
  help: Count the loop (changes the output) (--fix --unsafe-fixes)
```diff
@@ -3,0 +4 @@
+    count += 1
```
a.py:4:5: warning XX101 print-call: `print` is called
  see a.py:1:1: the file starts here
  why: Printed numbers are lost when the terminal closes.
  help: Log it (--fix)
```diff
@@ -4 +4 @@
-    print(i)
+    log(i)
```
a.py:5:1: warning XX101 print-call: `print` is called
  see a.py:1:1: the file starts here
  help: Log it (--fix)
```diff
@@ -5 +5 @@
-print(2)
+log(2)
```
3 findings in 1 file
"""
    )


def test_markdown() -> None:
    odd = Finding("ZZ9", "x", Place("/p/a.py", Span(1, 0, 1, 6)), "a | `b|c` <d>\ne", severity=Severity.INFO)
    assert shown("markdown", odd).splitlines() == [
        "### torchlint: 1 finding in 1 file",
        "",
        "| severity | place | rule | finding |",
        "|---|---|---|---|",
        "| info | `a.py:1` | ZZ9 x | a \\| `b\\|c` &lt;d> e |",
    ]
    assert shown("markdown", *[odd] * 250).splitlines()[-1] == "... and 50 more."


def test_annotations_name_the_places_that_explain_a_finding() -> None:
    related = Related(Place("/p/sub/b.py", Span(1, 4, 1, 11)), "softmax: 50%")
    assert shown("github", finding(Span(1, 0, 1, 6), related=(related,))).endswith(
        "::a.py:1:1: TL000 syntax-error `z` is `f`%0Asub/b.py:1:5: softmax: 50%25\n"
    )


def test_only_the_first_fix_is_one_that_fix_applies() -> None:
    fixes = tuple(Fix.safe(f"Repair {n}", Verb("uncomment", Span(2, 0, 2, 3))) for n in (1, 2))
    TEXTS["/p/c.py"] = "x\n# a\n"
    helps = [
        line
        for line in shown("agent", finding(Span(1, 0, 1, 1), "/p/c.py", fixes=fixes)).splitlines()
        if "help" in line
    ]
    assert helps == ["  help: Repair 1 (--fix)", "  help: Repair 2 (instead, by hand)"]


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
        "cell": None,
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
        "suppressed": None,
        "help": "Printed numbers are lost when the terminal closes.",
        "url": "https://example.org/print-call",
    }
    page = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == [*record, "fingerprint"]
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
    assert list(diff(Lines(text), added, Style())) == ["  |", "  + new", "1 | a", "2 | b", "3 - c", "  + d", "  |"]
    removed = [TextEdit(Span(2, 0, 3, 0), "")]
    assert list(diff(Lines(text), removed, Style())) == ["  |", "1 | a", "2 - b", "3 | c", "  |"]
    assert list(diff(Lines(text), [], Style())) == []


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
