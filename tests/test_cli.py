"""The command line as a user meets it."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest
from surface import DEMO, PRINTS, ROOT, Cli, program

LOOP = "import torch\n\nfor i in range(3):\n    torch.ones(i)\n"


@pytest.mark.parametrize(
    ("files", "arguments", "code"),
    [
        ({"a.py": "import torch\n"}, (), 0),
        ({"a.py": PRINTS}, (), 1),
        ({"a.py": PRINTS}, ("--exit-zero",), 0),
        ({"a.py": PRINTS}, ("--fail-on", "error"), 0),
        ({"a.py": LOOP}, ("--fail-on", "error"), 1),
        ({"a.py": LOOP}, ("--fail-on", "never"), 0),
        ({"a.py": PRINTS}, ("missing.py",), 2),
        ({"a.py": PRINTS}, ("missing.py", "--exit-zero"), 2),
        ({"a.py": PRINTS}, ("--select", "print-cal"), 2),
        ({"a.py": PRINTS}, ("--select", "XX103"), 0),
        ({"a.py": PRINTS}, ("--no-such-option",), 2),
        ({"a.py": "import torch\n\ncrash_me = 1\n"}, (), 2),
        ({"a.py": "import torch\n\nprint(\n"}, (), 1),
        ({"a.py": "print(1)\n"}, (), 0),
        ({}, (), 0),
    ],
)
def test_exit_codes(cli: Cli, files: dict[str, str], arguments: tuple[str, ...], code: int) -> None:
    for name, text in files.items():
        cli.write(name, text)
    assert cli.run("check", *arguments).code == code


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ((), ["XX103", "XX101"]),
        (("--select", "XX101"), ["XX101"]),
        (("--select", "print-call"), ["XX101"]),
        (("--select", "print-used"), ["XX101"]),
        (("--select", "suspicious"), ["XX101"]),
        (("--select", "correctness"), ["XX103"]),
        (("--select", "XX1"), ["XX103", "XX101", "XX104"]),
        (("--select", "ALL"), ["XX103", "XX101", "XX104"]),
        (("--select", "ALL,XX105"), ["XX103", "XX101", "XX104", "XX105"]),
        (("--select", "XX101", "--select", "XX103"), ["XX103", "XX101"]),
        (("--extend-select", "pedantic"), ["XX103", "XX101", "XX104"]),
        (("--ignore", "XX101"), ["XX103"]),
        (("--select", "ALL", "--ignore", "XX1"), []),
        (("--select", "XX101", "--ignore", "suspicious"), ["XX101"]),
        (("--per-file-ignores", "*.py:XX101"), ["XX103"]),
        (("--per-file-ignores", "b/*:XX101"), ["XX103", "XX101"]),
        (("--per-file-ignores", "!b/*:XX101"), ["XX103"]),
    ],
)
def test_selection(cli: Cli, arguments: tuple[str, ...], codes: list[str]) -> None:
    cli.write("a.py", "import torch\n\nfor i in range(3):\n    print(ping, sum)\n")
    assert [line.split()[1] for line in cli.check(*arguments).lines] == codes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("check", "--select", "print-cal"),
            "`--select` names `print-cal`, which is no rule, prefix or category; did you mean `print-call`?",
        ),
        (
            ("check", "--select", "xx1"),
            "`--select` names `xx1`, which is no rule, prefix or category; did you mean `XX1`?",
        ),
        (("check", "--ignore", "correctnes"), "did you mean `correctness`?"),
        (("check", "--output-format", "zzz"), "`zzz` is no format; there are full, concise, "),
        (("check", "--output-format", "jsn"), "`jsn` is no format; did you mean `json`?"),
        (
            ("check", "--output-format", "json:a", "--output-format", "sarif:./a"),
            "two reports would go to the same file",
        ),
        (("check", "--min-severity", "loud"), "invalid choice: 'loud'"),
        (("check", "--per-file-ignores", "oops"), "`oops` is not PATTERN:RULE"),
        (("check", "--per-file-ignores", "[a:XX101"), "unclosed `[`"),
        (("check", "--exclude", "[a"), "unclosed `[`"),
        (("check", "--config", "selct=['XX101']"), "unknown key `selct`; did you mean `select`?"),
        (("check", "--config", "nowhere.toml"), "`nowhere.toml` is neither a file nor KEY=VALUE"),
        (("check", "nowhere"), "nowhere: no such file or directory"),
        (("check", "-", "a.py"), "`-` cannot be checked together with other paths"),
        (("check", "--fail-on", "perhaps"), "invalid choice: 'perhaps'"),
        (("check", "-j", "many"), "invalid int value: 'many'"),
        (("explain", "print-cal"), "`print-cal` is no rule; did you mean `print-call`?"),
        (("explain", "nowhere.py:3"), "nowhere.py: no such file"),
        (("config", "sellect"), "`sellect` is no configuration key; did you mean `select`?"),
        (("explain", "XX1"), "`XX1` is no rule but stands for several"),
        (("explain", "correctness"), "`correctness` is no rule but stands for several"),
        (("explain", "here.py"), "name a line too, as in `here.py:42`"),
        (("chekc",), "`chekc` is no command; did you mean `check`?"),
        (("here.py",), "`here.py` is no command; `torchlint check here.py` checks it"),
        (("check", "--statistic"), "`--statistic` is no option of `torchlint check`; did you mean `--statistics`?"),
        (("--vers",), "`--vers` is no option of `torchlint`"),
        (("rules", "XX1"), "`XX1` is one word too many"),
    ],
)
def test_mistakes_are_one_clear_line(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    cli.write("here.py", "")
    ran = cli.run(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    first, *rest = ran.err.splitlines()
    assert first.startswith("torchlint: ")
    assert said in first
    assert rest in (
        [],
        ["Try `torchlint --help`."],
        ["Try `torchlint check --help`."],
        ["Try `torchlint rules --help`."],
    )


def test_summary_counts_severities_files_and_fixes(cli: Cli) -> None:
    cli.write("a.py", LOOP + "print(torch)\n")
    cli.write("b.py", PRINTS)
    *_, found, fixable = cli.run("check").lines
    assert found == "Found 3 findings (1 error, 2 warnings) in 2 files."
    assert fixable == "2 fixable with --fix, 1 more with --unsafe-fixes."


def test_one_calm_line_where_nothing_is_found(cli: Cli) -> None:
    cli.write("a.py", "import torch\n")
    assert cli.run("check").out == "No findings.\n"
    assert cli.run("check", "--quiet").out == ""
    assert cli.run("check", "--output-format", "json").out == "[]\n"


def test_an_empty_directory_is_worth_a_warning(cli: Cli) -> None:
    ran = cli.run("check")
    assert (ran.code, ran.out, ran.err) == (0, "", "torchlint: no Python files found\n")


def test_standard_input_stands_for_its_file(cli: Cli) -> None:
    cli.write("pyproject.toml", "[tool.torchlint]\nper-file-ignores = { 'sub/*' = ['XX101'] }\n")
    text = PRINTS.encode()
    assert cli.check("-", stdin=text).lines == ["<stdin>:3:1: XX101 print-call [*] `print` is called"]
    assert cli.check("-", "--stdin-filename", "top.py", stdin=text).lines[0].startswith("top.py:3:1: XX101")
    assert cli.check("--stdin-filename", "top.py", stdin=text).lines[0].startswith("top.py:3:1: XX101")
    assert cli.check("-", "--stdin-filename", "sub/a.py", stdin=text).lines == []


def test_standard_input_hides_the_file_on_disk(cli: Cli) -> None:
    cli.write("a.py", PRINTS)
    assert cli.check("-", "--stdin-filename", "a.py", stdin=b"import torch\n").code == 0


def test_several_outputs_at_once(cli: Cli) -> None:
    cli.write("a.py", PRINTS)
    ran = cli.run("check", "-q", "--output-format", "concise", "--output-format", "json:out.json")
    assert ran.lines == ["a.py:3:1: XX101 print-call [*] `print` is called"]
    assert '"code": "XX101"' in cli.read("out.json")


def test_output_file(cli: Cli) -> None:
    cli.write("a.py", PRINTS)
    ran = cli.run("check", "--output-format", "concise", "-o", "out.txt")
    assert (ran.code, ran.out, ran.err) == (1, "", "")
    assert cli.read("out.txt") == "a.py:3:1: XX101 print-call [*] `print` is called\n"
    (cli.directory / "link.json").symlink_to("real.json")
    assert cli.run("check", "--output-format", "json:link.json").code == 1
    assert '"XX101"' in cli.read("real.json")
    assert cli.run("check", "--output-format", "json:/dev/null").err == ""
    assert sorted(path.name for path in cli.directory.iterdir()) == ["a.py", "link.json", "out.txt", "real.json"]


def test_a_report_is_written_whole_or_not_at_all(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("a.py", PRINTS)
    cli.write("out.json", "old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    ran = cli.run("check", "--output-format", "json:out.json")
    assert (ran.code, ran.err) == (2, "torchlint: out.json: cannot be written: No space left on device\n")
    assert cli.read("out.json") == "old"
    assert sorted(path.name for path in cli.directory.iterdir()) == ["a.py", "out.json"]


def test_the_format_of_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("a.py", PRINTS)
    monkeypatch.setenv("TORCHLINT_OUTPUT_FORMAT", "concise,json:out.json")
    assert cli.run("check").lines[0] == "a.py:3:1: XX101 print-call [*] `print` is called"
    assert '"XX101"' in cli.read("out.json")
    assert cli.run("check", "--output-format", "github").out.startswith("::warning ")
    monkeypatch.setenv("TORCHLINT_OUTPUT_FORMAT", "jsn")
    said = "torchlint: TORCHLINT_OUTPUT_FORMAT: `jsn` is no format; did you mean `json`?\n"
    assert cli.run("check") == (2, "", said)


@pytest.mark.parametrize(
    ("arguments", "code", "codes"),
    [
        ((), 1, ["XX103", "XX101"]),
        (("--min-severity", "info"), 1, ["XX103", "XX101"]),
        (("--min-severity", "error"), 1, ["XX103"]),
        (("--min-severity", "error", "--ignore", "XX103"), 0, []),
        (("--min-severity", "warning", "--fail-on", "error"), 1, ["XX103", "XX101"]),
    ],
)
def test_min_severity(cli: Cli, arguments: tuple[str, ...], code: int, codes: list[str]) -> None:
    cli.write("a.py", "import torch\n\nfor i in x:\n    print(i)\n")
    ran = cli.check(*arguments)
    assert (ran.code, [line.split()[1] for line in ran.lines]) == (code, codes)
    counted = cli.run("check", "--statistics", "--output-format", "json", *arguments).json
    assert sorted(row["code"] for row in counted) == sorted(codes)


def test_silent_and_verbose(cli: Cli) -> None:
    cli.write("a.py", PRINTS)
    ran = cli.run("check", "--silent", "--output-format", "json", "--output-format", "concise:out.txt")
    assert (ran.code, ran.out, ran.err) == (1, "", "")
    assert cli.read("out.txt").startswith("a.py:3:1")
    for more in ("--statistics", "--diff", "--fix-only"):
        out = cli.run("check", "--silent", more).out
        assert out == "" or more == "--diff"
    assert cli.run("check", "--verbose").lines[-1].startswith("Checked 1 file (1 with torch) in ")


def test_a_report_that_cannot_be_written(cli: Cli) -> None:
    cli.write("a.py", PRINTS)
    ran = cli.run("check", "--output-format", "json:no/where.json")
    assert (ran.code, ran.err) == (2, "torchlint: no/where.json: cannot be written: No such file or directory\n")


def test_statistics(cli: Cli) -> None:
    cli.write("a.py", LOOP + "print(1)\nprint(2)\n")
    cli.write("b.py", "x = 1\n")
    ran = cli.run("check", "--statistics")
    assert ran.lines[:2] == ["2  XX101 print-call [*]", "1  XX103 counted-loop"]
    assert ran.lines[-1].startswith("Checked 2 files (1 with torch) in ")
    data = cli.run("check", "--statistics", "--output-format", "json").json
    assert [(row["code"], row["count"], row["fixable_count"]) for row in data] == [("XX101", 2, 2), ("XX103", 1, 0)]
    both = ("--statistics", "--output-format", "json:counts.json", "--output-format", "concise:found.txt")
    assert cli.run("check", *both).out == ""
    assert json.loads(cli.read("counts.json")) == data
    assert len(cli.read("found.txt").splitlines()) == 3


def test_show_files(cli: Cli) -> None:
    for name in ("b.py", "a/c.py", "a/venv/d.py", "note.txt"):
        cli.write(name, PRINTS)
    assert cli.run("check", "--show-files").lines == [str(cli.directory / "b.py"), str(cli.directory / "a/c.py")]


@pytest.mark.parametrize(
    ("option", "environment", "coloured"),
    [
        ("auto", {}, False),
        ("always", {}, True),
        ("auto", {"FORCE_COLOR": "1"}, True),
        ("auto", {"FORCE_COLOR": "0"}, False),
        ("never", {"FORCE_COLOR": "1"}, False),
        ("always", {"NO_COLOR": "1"}, True),
    ],
)
def test_colours(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, option: str, environment: dict[str, str], coloured: bool
) -> None:
    cli.write("a.py", PRINTS)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\033[" in cli.run("check", "--color", option).out) is coloured


def test_a_crashing_rule_costs_that_rule_alone(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\ncrash_me = print(1)\n")
    ran = cli.check()
    assert ran.code == 2
    assert [line.split()[1] for line in ran.lines] == ["TL002", "XX101"]
    assert "`crash-always` (XX102) failed at demo_pack/crash_always.py:9: RuntimeError: boom in" in ran.lines[0]


def test_explain_a_rule(cli: Cli) -> None:
    for word in ("XX101", "xx101", "print-call", "print-used"):
        ran = cli.run("explain", word)
        assert ran.code == 0
        assert ran.lines[0] == "XX101 print-call"
        assert "Printed numbers are lost when the terminal closes." in ran.lines
        assert "When it is fine" in ran.lines
        assert "    log(torch.ones(1))" in ran.lines
    (record,) = cli.run("explain", "XX101", "--json").json
    assert (record["code"], record["category"], record["options"]) == ("XX101", "suspicious", {"every": 1})


def test_explain_a_line(cli: Cli) -> None:
    cli.write("a.py", LOOP + "print(torch)\n")
    ran = cli.run("explain", "a.py:5")
    assert ran.code == 0
    assert "  --> a.py:5:1" in ran.lines
    assert "Printed numbers are lost when the terminal closes." in ran.lines
    assert cli.run("explain", "a.py:1").out == "No finding on line 1 of a.py; the nearest one is on line 3.\n"


def test_rules(cli: Cli) -> None:
    table = cli.run("rules")
    assert "XX101  print-call" in table.out
    assert table.lines[-1] == "11 rules, 8 on here. `torchlint explain NAME` explains one."
    data = {record["code"]: record for record in cli.run("rules", "--json").json}
    assert data["XX101"]["on"] and data["XX101"]["fix"] and not data["XX105"]["on"]
    assert data["XX105"]["preview"] and data["TL003"]["category"] == "pedantic"


def test_config(cli: Cli) -> None:
    listing = cli.run("config")
    assert listing.code == 0
    assert any(line.startswith("per-file-ignores ") for line in listing.lines)
    page = cli.run("config", "torch-version").out
    assert "Type: string" in page
    assert 'torch-version = "2.4"' in page


def test_version(cli: Cli) -> None:
    cli.write("requirements.txt", "torch>=2.3,<3\n")
    cli.write("pyproject.toml", "[tool.torchlint]\nselect = ['XX101']\n")
    assert cli.run("version").out == cli.run("--version").out
    verbose = cli.run("version", "--verbose").out
    assert "2.3, from " in verbose
    assert "requirements.txt" in verbose
    assert "pyproject.toml" in verbose


def test_without_a_command_the_help_is_shown(cli: Cli) -> None:
    ran = cli.run()
    assert ran.code == 2
    assert ran.out.startswith("usage: torchlint")


# in processes of their own


def test_module_and_closed_pipe(tmp_path: Path) -> None:
    (tmp_path / "torchlint.toml").write_text(f"packs = ['{DEMO}']\n")
    (tmp_path / "a.py").write_text("import torch\n" + "print(torch)\n" * 3000)
    command = f"{sys.executable} -m torchlint check --select XX101 --output-format concise a.py | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"],
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    assert done.stderr == b""
    assert done.stdout == b"a.py:2:1: XX101 print-call [*] `print` is called\n1\n"


def test_output_that_cannot_be_written_or_encoded(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"b\xff.py")).write_text("import torch\n\nx = '漢' +\n")
    ran = program("check", ".", cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert (ran.code, ran.err) == (1, "")
    assert "b\\udcff.py:3:" in ran.out
    assert "x = '\\u6f22' +" in ran.out
    assert program("check", ".", "--output-format", "json", cwd=tmp_path).code == 1
    command = f"{sys.executable} -m torchlint rules > /dev/full"
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stderr) == (2, b"torchlint: No space left on device\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("rules >&-", 0),
        ("check a.py >&-", 1),
        ("check a.py >&- 2>&-", 1),
        ("check nowhere 2>&-", 2),
        ("check - <&-", 0),
        ("check a.py --fix <&- >&- 2>&-", 1),
        ("check a.py --output-format json:report <&- >&- 2>&-", 1),
    ],
)
def test_closed_streams(command: str, code: int, tmp_path: Path) -> None:
    """What the caller has closed is no mistake, and its number never becomes that of a file."""
    text = "import torch\n\ndef f(:\n    pass\n"
    (tmp_path / "a.py").write_text(text)
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m torchlint {command}"],
        cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (code, b"")
    assert (tmp_path / "a.py").read_text() == text
    if "report" in command:
        assert json.loads((tmp_path / "report").read_text())[0]["code"] == "TL000"


def test_a_file_that_does_not_parse_offers_no_fixes(cli: Cli) -> None:
    cli.write("a.py", "import torch\n\nprint(torch)\n\ndef f(:\n    pass\n")
    before = cli.check("a.py").out
    assert "XX101" in before
    assert "[*]" not in before
    assert "fixable" not in before
    assert cli.check("a.py", "--fix").out == before


def test_a_vanished_directory(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    command = f"mkdir {gone} && cd {gone} && rmdir {gone} && {sys.executable} -m torchlint check ."
    done = subprocess.run(["bash", "-c", command], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 2
    assert done.stderr == b"torchlint: No such file or directory\n"


def test_a_bug_of_our_own_exits_with_2(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchlint.cli.version.version", lambda options: 1 // 0)
    ran = cli.run("version")
    assert ran.code == 2
    assert ran.err.endswith("torchlint: this is a bug in torchlint; the lines above belong in a report\n")


def test_an_interrupted_run_ends_with_one_line(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"m{number}.py").write_text("import torch\n" + "def f(a):\n    return [a]\n" * 8000)
    run = subprocess.Popen(
        [sys.executable, "-m", "torchlint", "check", "-j", "2", "."],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored in what a shell runs in the background
    )
    time.sleep(1.0)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out, err) == (2, b"", b"torchlint: interrupted\n")


def test_processes_give_the_same_findings_in_the_same_order(cli: Cli) -> None:
    for number in range(30):
        cli.write(f"d{number % 3}/m{number}.py", f"import torch\n\nx = {number}\nprint(x)\nfor i in x:\n    pass\n")
    cli.write("broken.py", "import torch\n\nprint(\n")
    alone = cli.check("-j", "1")
    assert len(alone.lines) == 61
    assert cli.check("-j", "3") == alone


def test_a_lost_process_is_told(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchlint.workspace import Workspace

    for number in range(6):
        cli.write(f"m{number}.py", PRINTS)
    usual = Workspace.check

    def check(self: Workspace, file: object) -> object:
        if str(file).count("m3.py"):
            os._exit(9)
        return usual(self, file)  # type: ignore[arg-type]

    monkeypatch.setattr(Workspace, "check", check)
    ran = cli.check("-j", "2")
    assert ran.code == 2
    assert "m3.py" in ran.err
    assert "not checked: a process ended unexpectedly; try -j 1" in ran.err
    assert any(line.startswith("m0.py") for line in ran.lines)


def test_what_checks_leave_behind_does_not_pile_up(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchlint.cli import parallel
    from torchlint.workspace import Workspace

    class Left:
        pass

    usual, left, most = Workspace.check, weakref.WeakSet[Left](), 0

    def check(self: Workspace, file: object) -> object:
        nonlocal most
        one = Left()
        one.held = [one, [[] for _ in range(1000)]]  # type: ignore[attr-defined]
        left.add(one)
        most = max(most, len(left))
        return usual(self, file)  # type: ignore[arg-type]

    for number in range(40):
        cli.write(f"m{number}.py", PRINTS)
    monkeypatch.setattr(Workspace, "check", check)
    monkeypatch.setattr(parallel, "_GROWTH", 5000)
    gc.collect()
    gc.disable()
    try:
        cli.check("-j", "1")
    finally:
        gc.enable()
    assert 1 < most < 20


def test_the_real_rules_run(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import torch\n\ntorch.save({}, 'a')\n")
    ran = program("check", ".", cwd=tmp_path)
    assert (ran.code, ran.err) == (0, "")
    assert len(program("rules", "--json", cwd=tmp_path).json) > 50
