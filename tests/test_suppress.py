"""Comments that suppress findings."""

from __future__ import annotations

import pytest
from surface import Cli

HEAD = "import torch\n\n"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("print(1)  # torchlint: ignore[print-call] why", []),
        ("print(1)  # torchlint: ignore[XX101] why", []),
        ("print(1)  # torchlint: ignore[print-used] why", []),
        ("print(1)  #torchlint:ignore[ XX101 , XX103 ]", ["3 TL001"]),
        ("print(1)  # torchlint: ignore[counted-loop] why", ["3 TL001", "3 XX101"]),
        ("print(1)  # noqa: E501  # torchlint: ignore[XX101]", []),
        ("print(1)  # torchlint: ignore[XX101] a  # torchlint: ignore[XX103] b", ["3 TL001"]),
        ("print(1)\n# torchlint: ignore[XX101] the next statement\nprint(2)\nprint(3)", ["3 XX101", "6 XX101"]),
        ("# torchlint: ignore[XX101] far\n\n# note\nprint(2)", []),
        ("print(\n    1,  # torchlint: ignore[XX101] inside the statement\n    2,\n)", []),
        ("print(\n    1,\n    # torchlint: ignore[XX101] alone inside the statement\n    2,\n)", []),
        (
            "# torchlint: ignore[XX101] the whole function\ndef f():\n    print(1)\n    if 1:\n        print(2)\nprint(3)",
            ["8 XX101"],
        ),
        ("# torchlint: ignore[XX101] decorated\n@g\ndef f():\n    print(1)\nprint(2)", ["7 XX101"]),
        ("@g  # torchlint: ignore[XX101] header only\ndef f():\n    print(1)", ["3 TL001", "5 XX101"]),
        ("if print(1):  # torchlint: ignore[XX101] header only\n    print(2)", ["4 XX101"]),
        (
            "if print(1):\n    # torchlint: ignore[XX101] not the header\n    print(2)\n    print(3)",
            ["3 XX101", "6 XX101"],
        ),
        ("while f(\n    print(1),  # torchlint: ignore[XX101] header of two lines\n):\n    print(2)", ["6 XX101"]),
        ("print(1)\nprint(2)\n# torchlint: file-ignore[XX101] all of it", []),
        ("x = '''\n# torchlint: file-ignore[XX101] in a string\n'''\nprint(1)", ["6 XX101"]),
        ("print('# torchlint: ignore[XX101]')", ["3 XX101"]),
        ("print(1)  # torchlint: ignore", ["3 TL005", "3 XX101"]),
        ("print(1)  # torchlint: ignore[]", ["3 TL005", "3 XX101"]),
        ("print(1)  # torchlint: ignore[print-cal]", ["3 TL005", "3 XX101"]),
        ("print(1)  # torchlint: ignor[print-call]", ["3 TL005", "3 XX101"]),
        ("print(1)  # torchlint: ignore[XX101, nope]", ["3 TL005"]),
        ("x = 1  # torchlint: ignore[XX101] nothing here", ["3 TL001"]),
        ("x = 1  # torchlint: ignore[XX104] not selected", []),
        ("x = 1  # torchlint: ignore[XX101, unused-ignore] meant", []),
        ("x = 1  # torchlint: ignore[unused-ignore]", []),
        ("x = 1  # torchlint: ignore[nope, unknown-rule-in-ignore]", []),
        ("x = 1  # torchlint: file-ignore[XX101] nothing", ["3 TL001"]),
        ("crash_me = 1  # torchlint: ignore[XX102] it crashed", ["1 TL002"]),
        ("x = 1  # torchlint: ignore[XX101] broken file\nprint(", ["4 TL000"]),
        ("print(1)  # torchlint: ignore[XX101] broken file\n)", ["4 TL000"]),
        ("# torchlint: ignore[XX101] at the end", ["3 TL001"]),
        (
            "match print(1):\n    case 1:  # torchlint: ignore[XX101] case\n        print(2)",
            ["3 XX101", "4 TL001", "5 XX101"],
        ),
        ("s = f\"{'#'}\" # torchlint: ignore[XX101] ä", ["3 TL001"]),
    ],
)
def test_what_is_left(cli: Cli, text: str, left: list[str]) -> None:
    cli.write("a.py", HEAD + text + "\n")
    found = cli.run("check", "--output-format", "json").json
    assert sorted(f"{finding['location']['row']} {finding['code']}" for finding in found) == sorted(left)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# torchlint: ignore[print-cal] x", "`print-cal` is the name of no rule; did you mean `print-call`?"),
        ("# torchlint: ignore", "`torchlint: ignore` names no rule; write its name in brackets, as in `ignore[TL101]`"),
        (
            "# torchlint: ignore[XX1] x",
            "`XX1` is the name of no rule: it stands for several, and a comment names each one",
        ),
        ("# torchlint: ignore[pedantic] x", "`pedantic` is the name of no rule: it stands for several"),
        (
            "# torchlint: disable[XX101]",
            "`torchlint: disable` is no way to suppress a finding; write `torchlint: ignore[RULE] reason`",
        ),
        ("# torchlint: ignroe[x]", "`torchlint: ignroe` is no way to suppress a finding; did you mean `ignore`?"),
        ("# torchlint: ignore[XX101] x", "`XX101` finds nothing that this comment could suppress"),
    ],
)
def test_messages(cli: Cli, text: str, said: str) -> None:
    cli.write("a.py", HEAD + text + "\n")
    assert said in cli.check().out


def test_places_are_those_of_the_names(cli: Cli) -> None:
    cli.write("a.py", HEAD + "'ä'  # torchlint: ignore[nope, XX101] x\n")
    found = cli.run("check", "--output-format", "json").json
    columns = [(f["code"], f["location"]["column"], f["end_location"]["column"]) for f in found]
    assert columns == [("TL005", 26, 30), ("TL001", 32, 37)]


def test_reasons_are_wanted_only_on_request(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)  # torchlint: ignore[XX101]\nprint(2)  # torchlint: ignore[XX101] why\n")
    assert cli.check().lines == []
    assert [line.split()[0] for line in cli.check("--extend-select", "TL003").lines] == ["a.py:3:11:"]


def test_rules_that_are_off_in_a_file_have_no_unused_comments(cli: Cli) -> None:
    cli.write("a.py", HEAD + "x = 1  # torchlint: ignore[XX101] y\n")
    assert cli.check("--per-file-ignores", "a.py:XX101").lines == []
    assert cli.check("--ignore", "XX101").lines == []
    assert cli.check("--ignore", "TL001").lines == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # torchlint: ignore[XX101] why", "x = 1"),
        ("x = 1  # torchlint: ignore[XX101] why  # noqa", "x = 1  # noqa"),
        ("x = 1  # keep  # torchlint: ignore[XX101] why", "x = 1  # keep"),
        ("# torchlint: ignore[XX101] why\nx = 1", "x = 1"),
        ("if x:\n    # torchlint: ignore[XX101]\n    x = 1", "if x:\n    x = 1"),
        ("print(1)  # torchlint: ignore[XX103, XX101] why", "print(1)  # torchlint: ignore[XX101] why"),
        ("print(1)  # torchlint: ignore[XX101, XX103] why", "print(1)  # torchlint: ignore[XX101] why"),
        ("print(1)  # torchlint: ignore[XX101 ,  XX103] why", "print(1)  # torchlint: ignore[XX101] why"),
        ("x = 1  # torchlint: ignore[XX103, XX101] both", "x = 1"),
        ("ä = 'ü'  # torchlint: ignore[XX101] é", "ä = 'ü'"),
        ("print(1)  # torchlint: ignore[nope]", "log(1)  # torchlint: ignore[nope]"),
    ],
)
def test_dead_names_are_removed(cli: Cli, before: str, after: str) -> None:
    cli.write("a.py", HEAD + before + "\n")
    cli.run("check", "--fix")
    assert cli.read("a.py") == HEAD + after + "\n"


def test_line_ends_are_kept_when_a_comment_goes(cli: Cli) -> None:
    cli.write("a.py", "import torch\r\nx = 1  # torchlint: ignore[XX101] y\r\n# torchlint: ignore[XX101] z\r\nx = 2")
    cli.run("check", "--fix")
    assert cli.read("a.py") == "import torch\r\nx = 1\r\nx = 2"
