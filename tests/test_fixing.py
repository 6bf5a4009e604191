"""`--fix` and `--diff`: what they write, and what they never do."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from surface import PRINTS, Cli

import torchlint.fixes
from torchlint.cli.fixing import patch
from torchlint.findings import Fix, Span
from torchlint.fixes import TextEdit


def test_safe_fixes_are_applied_and_told(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nfor i in range(3):\n    print(print(i))  # keep\n")
    ran = cli.run("check", "--fix")
    assert cli.read("a.py") == "import torch\n\nfor i in range(3):\n    log(log(i))  # keep\n"
    assert ran.code == 1
    assert ran.lines[-3:] == [
        "Made 2 fixes in 1 file.",
        "Found 1 finding (1 error) in 1 file.",
        "1 fixable with --fix --unsafe-fixes.",
    ]


def test_a_second_run_changes_nothing(cli: Cli) -> None:
    path = cli.write("a.py", PRINTS)
    assert cli.run("check", "--fix").out == "Made 1 fix in 1 file.\nNo findings left.\n"
    before = path.stat()
    assert cli.run("check", "--fix").out == "No findings.\n"
    assert path.stat() == before


def test_unsafe_fixes_only_on_request(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nfor i in x:\n    pass\n")
    assert cli.run("check", "--fix").code == 1
    assert "count" not in cli.read("a.py")
    assert cli.run("check", "--fix", "--unsafe-fixes").code == 0
    assert cli.read("a.py") == "import torch\n\nfor i in x:\n    count += 1\n    pass\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\xef\xbb\xbfimport torch\nprint(1)", b"\xef\xbb\xbfimport torch\nlog(1)"),
        (b"import torch\r\nprint(1)\r\n", b"import torch\r\nlog(1)\r\n"),
        (b"import torch\rprint(1)\r", b"import torch\rlog(1)\r"),
        (b"import torch\nx = 1\r\nprint(1)\n\n\n", b"import torch\nx = 1\r\nlog(1)\n\n\n"),
        (
            "# coding: latin-1\nimport torch\nprint('äöü')\n".encode("latin-1"),
            "# coding: latin-1\nimport torch\nlog('äöü')\n".encode("latin-1"),
        ),
        ("import torch\nprint('漢字')  # ü\n".encode(), "import torch\nlog('漢字')  # ü\n".encode()),
        (b"import torch\n\x0cprint(1)\n", b"import torch\n\x0clog(1)\n"),
        (b"import torch\nif x:\n\tprint(1)\n", b"import torch\nif x:\n\tlog(1)\n"),
    ],
)
def test_encodings_marks_and_line_ends_are_kept(cli: Cli, data: bytes, expected: bytes) -> None:
    path = cli.write("a.py", data)
    assert cli.run("check", "--fix").code == 0
    assert path.read_bytes() == expected


def test_modes_and_links_are_kept(cli: Cli) -> None:
    path = cli.write("real/a.py", PRINTS)
    path.chmod(0o754)
    link = cli.directory / "b.py"
    link.symlink_to(path)
    cli.run("check", "--fix", "b.py")
    assert link.is_symlink()
    assert "log" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o754
    assert sorted(os.listdir(path.parent)) == ["a.py"]


def test_a_file_with_a_syntax_error_is_left_alone(cli: Cli) -> None:
    cli.write("a.py", PRINTS + "def f(:\n")
    assert cli.run("check", "--fix").code == 1
    assert cli.read("a.py") == PRINTS + "def f(:\n"


def test_a_fix_that_breaks_the_parse_is_reported_against_its_rule(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = torchlint.fixes.edits_of

    def edits_of(text: str, fix: Fix) -> list[TextEdit] | None:
        if fix.title == "Swap it":
            return [TextEdit(Span(4, 0, 4, 4), "pong(")]
        return usual(text, fix)

    monkeypatch.setattr(torchlint.fixes, "edits_of", edits_of)
    cli.write("a.py", "import torch\n\nprint(1)\nping\n")
    ran = cli.check("--fix", "--select", "XX101,XX104")
    assert ran.code == 2
    assert cli.read("a.py") == "import torch\n\nlog(1)\nping\n"
    assert [line.split(": ", 1)[1] for line in ran.lines] == [
        "XX104 ping-pong [*] `ping` is there",
        "TL002 rule-crashed the fix of `ping-pong` (XX104) would leave the file unparsable; it was not applied",
    ]


def test_fixes_that_undo_each_other_end(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nping\n")
    ran = cli.run("check", "--fix", "--select", "XX104")
    assert ran.code == 2
    assert ran.err == "torchlint: a.py: its fixes undo each other; the last ones were not applied\n"
    assert cli.read("a.py") in ("import torch\n\nping\n", "import torch\n\npong\n")


def test_a_file_that_cannot_be_written_keeps_its_text(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("a.py", PRINTS)
    cli.write("b.py", PRINTS)

    def replace(source: str, target: str) -> None:
        if target.endswith("a.py"):
            raise PermissionError(13, "Permission denied")
        os.rename(source, target)

    monkeypatch.setattr(os, "replace", replace)
    ran = cli.check("--fix")
    assert (ran.code, ran.err) == (2, "torchlint: a.py: fixes cannot be written: Permission denied\n")
    assert cli.read("a.py") == PRINTS
    assert "log" in cli.read("b.py")
    assert sorted(os.listdir(cli.directory)) == ["a.py", "b.py"]


def test_an_encoding_that_cannot_express_the_fix(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchlint.fixes, "edits_of", lambda text, fix: [TextEdit(Span(3, 0, 3, 5), "漢字")])
    text = "# coding: latin-1\nimport torch\nprint(1)\n"
    cli.write("a.py", text)
    ran = cli.check("--fix")
    assert ran.code == 2
    assert "a.py: fixes cannot be written: " in ran.err
    assert cli.read("a.py") == text


def test_standard_input_is_fixed_on_standard_output(cli: Cli) -> None:
    ran = cli.check("--fix", "-", stdin=b"\xef\xbb\xbfimport torch\r\nprint(1)\r\n")
    assert ran.out.encode() == b"\xef\xbb\xbfimport torch\r\nlog(1)\r\n"
    assert cli.check("--fix", "-", stdin=b"print(1)").out == "print(1)"
    assert cli.check("--fix", "-", stdin=b"import torch\nprint(").out == "import torch\nprint("


@pytest.mark.parametrize(
    "text",
    [
        "import torch\n\nprint(1)\n",
        "import torch\n\nprint(1)",
        "import torch\r\n\r\nprint(1)\r\nx = 1",
        "import torch\nprint(1)\n" + "x = 1\n" * 20 + "print(2)\n# torchlint: ignore[XX101]\n",
        "\ufeffimport torch\nprint('ä')\n",
        "import torch\n\x0c\nprint(1)\nx = '\x1c\u2028'\nprint(2)",
        "import torch\nx = 1\rprint(1)\n",
        "print(torch)",
    ],
)
def test_git_applies_the_patch(cli: Cli, text: str) -> None:
    cli.write("sub/a b.py", text)
    ran = cli.run("check", "--diff")
    assert ran.code == 1
    assert ran.err.startswith("Would make ")
    assert cli.read("sub/a b.py") == text
    done = subprocess.run(["git", "apply", "-v", "-"], input=ran.out.encode(), cwd=cli.directory, capture_output=True)
    assert done.returncode == 0, done.stderr.decode() + ran.out
    patched = cli.read("sub/a b.py")
    cli.write("sub/a b.py", text)
    cli.run("check", "--fix")
    assert cli.read("sub/a b.py") == patched != text


def test_diff_without_changes(cli: Cli) -> None:
    cli.write("a.py", "import torch\n")
    assert cli.run("check", "--diff") == (0, "", "Would change nothing.\n")
    cli.write("a.py", "import torch\ncrash_me = 1\n")
    ran = cli.run("check", "--diff")
    assert ran.code == 2
    assert "TL002 rule-crashed" in ran.err


def test_diff_of_standard_input(cli: Cli) -> None:
    ran = cli.run("check", "--diff", "--stdin-filename", "a.py", "-", stdin=b"import torch\nprint(1)\n")
    assert ran.code == 1
    assert ran.out == "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n import torch\n-print(1)\n+log(1)\n"


def test_a_patch_marks_the_missing_line_end() -> None:
    assert patch(os.path.abspath("a.py"), "a", "b").splitlines()[3:] == [
        "-a",
        "\\ No newline at end of file",
        "+b",
        "\\ No newline at end of file",
    ]


@pytest.mark.skipif(shutil.which("ruff") is None, reason="ruff is not installed")
@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("[tool.ruff]\n", "import torch\n\nfor i in x:\n    count += 1\n    y = [ 1 ]\n    log(y, [1], z)\n"),
        ("[tool.other]\n", "import torch\n\nfor i in x:\n    count += 1\n    y = [ 1 ]\n    log(y, [ 1 ],  z)\n"),
    ],
)
def test_changed_lines_are_formatted_where_the_project_formats(cli: Cli, configuration: str, expected: str) -> None:
    cli.write("pyproject.toml", configuration)
    cli.write("a.py", "import torch\n\nfor i in x:\n    y = [ 1 ]\n    print(y, [ 1 ],  z)\n")
    cli.run("check", "--fix", "--unsafe-fixes")
    assert cli.read("a.py") == expected


def test_nothing_is_left_beside_the_files(cli: Cli) -> None:
    for number in range(3):
        cli.write(f"m{number}.py", PRINTS)
    cli.run("check", "--fix", "-j", "2")
    assert sorted(path.name for path in Path(cli.directory).iterdir()) == ["m0.py", "m1.py", "m2.py"]
    assert all("log" in cli.read(f"m{number}.py") for number in range(3))


def test_show_fixes_lists_them(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nprint(1)\nprint(2)\nfor i in x:\n    pass\n")
    ran = cli.run("check", "--fix", "--show-fixes", "--output-format", "concise")
    assert ran.lines == [
        "a.py: XX101 print-call: Log it (2 times)",
        "a.py:5:1: XX103 counted-loop the loop over `x` is not counted",
        "Made 2 fixes in 1 file.",
        "Found 1 finding (1 error) in 1 file.",
        "1 fixable with --fix --unsafe-fixes.",
    ]
    cli.write("a.py", PRINTS)
    ran = cli.run("check", "--fix", "--show-fixes", "--output-format", "json")
    assert (ran.json, ran.err) == ([], "a.py: XX101 print-call: Log it\n")


def test_fix_only_reports_nothing_else(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nprint(1)\nfor i in x:\n    pass\n")
    ran = cli.run("check", "--fix-only")
    assert (ran.code, ran.out) == (0, "Made 1 fix in 1 file.\n")
    assert "log(1)" in cli.read("a.py")
    assert cli.run("check", "--fix-only", "--show-fixes").out == "Made 0 fixes in 0 files.\n"
    assert cli.run("check", "--fix-only", "-", stdin=PRINTS.encode()).out == "import torch\n\nlog(torch)\n"


def test_exit_non_zero_on_fix(cli: Cli) -> None:
    for arguments, code in (
        (("--fix",), 0),
        (("--fix", "--exit-non-zero-on-fix"), 1),
        (("--exit-non-zero-on-fix",), 1),
    ):
        cli.write("a.py", PRINTS)
        assert cli.run("check", *arguments).code == code
    cli.write("a.py", "import torch\n")
    assert cli.run("check", "--fix", "--exit-non-zero-on-fix").code == 0
