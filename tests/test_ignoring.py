"""`--add-ignore`: comments that suppress what is found now."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from surface import ROOT, Cli

HEAD = "import torch\n\n"
IGNORE = "# torchlint: ignore[print-call] old"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("print(1)", f"print(1)  {IGNORE}"),
        ("print(1)   ", f"print(1)  {IGNORE}"),
        ("print(1)  # noqa: E501", f"print(1)  # noqa: E501  {IGNORE}"),
        ("print(print(1))", f"print(print(1))  {IGNORE}"),
        ("print(1); print(2)", f"print(1); print(2)  {IGNORE}"),
        ("print(1,\n      print(2),\n      3)", f"print(1,  {IGNORE}\n      print(2),\n      3)"),
        ("x = [\n    print(1),\n    print(2),\n]", f"x = [\n    print(1),  {IGNORE}\n    print(2),\n]"),
        ("x = print(1) + \\\n    print(2)", f"x = print(1) + \\\n    print(2)  {IGNORE}"),
        ("x = '''\na''' + print(1)", f"x = '''\na''' + print(1)  {IGNORE}"),
        ("x = print('''\na\n''',\n1)", f"x = print('''\na\n''',  {IGNORE}\n1)"),
        ("x = f'''{print(1)}\n'''", f"x = f'''{{print(1)}}\n'''  {IGNORE}"),
        ("x = f'''{\nprint(1)\n}'''", f"x = f'''{{\nprint(1)\n}}'''  {IGNORE}"),
        ("if print(1):\n    x = 1", f"if print(1):  {IGNORE}\n    x = 1"),
        ("if print(1): print(2)", f"if print(1): print(2)  {IGNORE}"),
        ("while a(\n    print(1),\n):\n    x = 1", f"while a(\n    print(1),  {IGNORE}\n):\n    x = 1"),
        ("@print(1)\ndef f():\n    x = 1", f"@print(1)  {IGNORE}\ndef f():\n    x = 1"),
        ("@d\ndef f(x=print(1)):\n    x = 1", f"@d\ndef f(x=print(1)):  {IGNORE}\n    x = 1"),
        ("if x:\n    y = 1\nelif print(1):\n    y = 2", f"if x:\n    y = 1\nelif print(1):  {IGNORE}\n    y = 2"),
        ("try:\n    x = 1\nexcept print(1):\n    y = 2", f"try:\n    x = 1\nexcept print(1):  {IGNORE}\n    y = 2"),
        ("print(1)  # torchlint: ignore[XX104] old", "print(1)  # torchlint: ignore[XX104, print-call] old"),
        (
            "print(1)  # torchlint: ignore[XX104] other",
            f"print(1)  # torchlint: ignore[XX104] other  {IGNORE}",
        ),
        ("print(1)  # torchlint: ignore[XX101] known", "print(1)  # torchlint: ignore[XX101] known"),
        (
            "for i in print(1):\n    pass",
            "for i in print(1):  # torchlint: ignore[counted-loop, print-call] old\n    pass",
        ),
        ("print('# torchlint: ignore[x] old')", f"print('# torchlint: ignore[x] old')  {IGNORE}"),
        ("print('ä', \"#\")", f"print('ä', \"#\")  {IGNORE}"),
        ("def f():\n\tprint(1)\n\x0cprint(2)", f"def f():\n\tprint(1)  {IGNORE}\n\x0cprint(2)  {IGNORE}"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comments(cli: Cli, before: str, after: str, end: str) -> None:
    cli.write("a.py", (HEAD + before + "\n").replace("\n", end))
    cli.run("check", "--add-ignore", "old")
    assert cli.read("a.py") == (HEAD + after + "\n").replace("\n", end)
    assert cli.check().lines == []
    again = cli.run("check", "--add-ignore", "old")
    assert (again.out, cli.read("a.py")) == ("No findings.\n", (HEAD + after + "\n").replace("\n", end))


def test_what_is_told(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)\nprint(2)")
    cli.write("b.py", HEAD + "print(1)\nx = 1  # torchlint: ignore[XX101] nothing\n")
    ran = cli.run("check", "--add-ignore", " see\n #12 ", "--diff")
    assert (ran.code, ran.err) == (1, "Would ignore 3 findings in 2 files.\n")
    assert "+print(1)  # torchlint: ignore[print-call] see #12" in ran.out
    assert "ignore" not in cli.read("a.py")
    ran = cli.run("check", "--add-ignore", " see\n #12 ", "--output-format", "concise")
    assert ran.lines == [
        "b.py:4:28: TL001 unused-ignore [*] `XX101` finds nothing that this comment could suppress",
        "Ignored 3 findings in 2 files.",
        "Found 1 finding (1 warning) in 1 file.",
        "1 fixable with --fix.",
    ]
    assert cli.read("a.py").endswith("print(2)  # torchlint: ignore[print-call] see #12")
    (found,) = [
        f
        for f in cli.run("check", "--output-format", "json", "--show-suppressed").json
        if f["location"]["row"] == 4 and "b.py" not in f["filename"]
    ]
    assert found["suppressed"] == {"by": "comment", "reason": "see #12"}


def test_only_what_is_new_is_ignored(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    cli.run("baseline")
    cli.write("a.py", HEAD + "print(1)\nprint(2)\n")
    cli.run("check", "--add-ignore", "old")
    assert cli.read("a.py") == HEAD + f"print(1)\nprint(2)  {IGNORE}\n"
    assert cli.check().lines == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--add-ignore", " "), "--add-ignore: say why: the reason stands in every comment"),
        (("--add-ignore=",), "--add-ignore: say why: the reason stands in every comment"),
        (("--add-ignore", "a # noqa"), "--add-ignore: a reason cannot contain another comment"),
        (("--add-ignore", "old", "--fix"), "--add-ignore: apply the fixes first; what is left can be ignored then"),
        (
            ("--add-ignore", "old", "--staged"),
            "--staged: this checks the index; what changes files works on the work tree",
        ),
        (("--add-ignore", "old", "-"), "standard input is neither staged nor a file that comments can be written to"),
    ],
)
def test_asked_wrongly(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    ran = cli.run("check", *arguments)
    assert (ran.code, ran.out, ran.err) == (2, "", f"torchlint: {said}\n")
    assert cli.read("a.py") == HEAD + "print(1)\n"


def test_files_that_cannot_take_comments(cli: Cli) -> None:
    cli.write("broken.py", HEAD + "print(1)\ndef f(:\n")
    cli.write("latin.py", "# coding: latin-1\nimport torch\nprint(1)\n")
    ran = cli.check("--add-ignore", "漢字")
    assert ran.code == 2
    assert "broken.py: no comments were added, as the file does not parse" in ran.err
    assert "latin.py: fixes cannot be written: " in ran.err
    assert "ignore" not in cli.read("broken.py") + cli.read("latin.py")


def test_a_killed_run_leaves_whole_files(cli: Cli) -> None:
    body = "import torch\n" + "x = torch.nn.functional.softmax(y)\n" * 20
    for number in range(30):
        cli.write(f"m{number}.py", body)
    command = [sys.executable, "-m", "torchlint", "check", "--select", "TL902", "-q", "--add-ignore"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    allowed = {body}
    for number in range(8):
        reason = f"round {number}"
        allowed.add(body.replace("(y)\n", f"(y)  # torchlint: ignore[deprecated-torch-api] {reason}\n"))
        for name in os.listdir(cli.directory):
            if name.endswith(".py"):
                cli.write(name, body)
        run = subprocess.Popen([*command, reason], cwd=cli.directory, env=environment)
        time.sleep(0.15 + number * 0.12)
        run.send_signal(signal.SIGKILL)
        run.wait()
        texts = [cli.read(name) for name in os.listdir(cli.directory) if name.endswith(".py")]
        assert len(texts) == 30 and set(texts) <= allowed
    assert subprocess.run([*command, "done"], cwd=cli.directory, env=environment, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("text", "line", "after"),
    [
        ("f(1)\n", 1, "f(1)  # torchlint: ignore[a] why\n"),
        ("f(1)  # b\r\n", 1, "f(1)  # b  # torchlint: ignore[a] why\r\n"),
        ("f(1)  # torchlint: ignore[b] known\n", 1, "f(1)  # torchlint: ignore[b, a] known\n"),
        ("f('# torchlint: ignore[b] known')\n", 1, "f('# torchlint: ignore[b] known')  # torchlint: ignore[a] why\n"),
        ("x = 'ä' + \\\n    f(1)\n", 1, "x = 'ä' + \\\n    f(1)  # torchlint: ignore[a] why\n"),
        ('x = """\n""".format(f(1))\n', 2, 'x = """\n""".format(f(1))  # torchlint: ignore[a] why\n'),
        ('x = f("""\n""")\n', 1, 'x = f("""\n""")  # torchlint: ignore[a] why\n'),
        ("f(1)\ndef g(:\n", 1, "f(1)  # torchlint: ignore[a] why\ndef g(:\n"),
    ],
)
def test_the_comment_that_an_editor_offers(text: str, line: int, after: str) -> None:
    from torchlint.findings import Finding, Place, Span
    from torchlint.lsp.session import ignore_edit
    from torchlint.source.text import Lines

    edit = ignore_edit(Lines(text), Finding("TL1", "a", Place("a.py", Span(line, 0, line, 1)), "said"), "why")
    at = Lines(text).offset(edit.line, edit.column)
    assert text[:at] + edit.text + text[at:] == after


NOQA = "noqa = true\n"


@pytest.mark.parametrize(
    ("configuration", "text", "left"),
    [
        ("", "print(1)  # noqa: XX101", ["3 XX101"]),
        (NOQA, "print(1)  # noqa: XX101", []),
        (NOQA, "print(1)  # NoQA:XX101", []),
        (NOQA, "print(1)  # noqa: E501, XX101 long", []),
        (NOQA, "print(1)  # noqa: E501 XX101", []),
        (NOQA, "print(1)  # noqa", ["3 XX101"]),
        (NOQA, "print(1)  # noqa: XX1", ["3 XX101"]),
        (NOQA, "print(1)  # noqa: print-call", ["3 XX101"]),
        (NOQA, "print(\n    1,\n)  # noqa: XX101", []),
        (NOQA, "# noqa: XX101\nprint(1)", ["3 TL001", "4 XX101"]),
        (NOQA, "x = '# noqa: XX101'; print(1)", ["3 XX101"]),
        (NOQA, "x = 1  # noqa: XX101", ["3 TL001"]),
        (NOQA, "x = 1  # noqa: XX104", []),
        (NOQA, "x = 1  # noqa: E501", []),
        (NOQA, "print(1)  # noqa: E501  # torchlint: ignore[XX101] x", []),
    ],
)
def test_noqa(cli: Cli, configuration: str, text: str, left: list[str]) -> None:
    cli.write("torchlint.toml", configuration)
    cli.write("a.py", HEAD + text + "\n")
    found = cli.run("check", "--output-format", "json").json
    assert sorted(f"{finding['location']['row']} {finding['code']}" for finding in found) == sorted(left)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1  # noqa: XX101", "x = 1"),
        ("x = 1  # noqa: XX101, E501", "x = 1  # noqa: E501"),
        ("x = 1  # noqa: E501, XX101", "x = 1  # noqa: E501"),
        ("x = 1  # noqa: E501,XX101,F401", "x = 1  # noqa: E501,F401"),
        ("x = 1  # noqa: XX101  # other", "x = 1  # other"),
    ],
)
def test_dead_noqa_codes_are_removed(cli: Cli, before: str, after: str) -> None:
    cli.write("torchlint.toml", NOQA)
    cli.write("a.py", HEAD + before + "\n")
    cli.run("check", "--fix")
    assert cli.read("a.py") == HEAD + after + "\n"
