"""Baselines, `--since` and `--staged`: what is new, what has moved, and what is stale."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from surface import ROOT, Cli

from torchlint.baseline import Baseline, dump, load
from torchlint.fingerprint import Identity, Outline, plain
from torchlint.settings import BASELINE

HEAD = "import torch\n\n"


def in_function(name: str, *statements: str) -> str:
    return "".join([f"def {name}():\n", *(f"    {statement}\n" for statement in statements)])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(a, b)", "f(\n    a,  # why\n    b,\n)"),
        ("f('a')", 'f("a")'),
        ("x = [1, 2]", "x = [\n    1,\n    2,\n]"),
        ("for x in  y:  # all", "for x in y:"),
        ("a = b + \\\n    c", "a = b + c"),
        ("s = '# no comment'", 's = "# no comment"'),
    ],
)
def test_layout_is_no_part_of_a_statement(before: str, after: str) -> None:
    assert plain(before) == plain(after)


@pytest.mark.parametrize(
    ("one", "other"),
    [("f(a)", "f(b)"), ("f('a')", "f('b')"), ("f('a b')", "f('ab')"), ("not a", "nota"), ("'''a\nb'''", "'''a b'''")],
)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert plain(one) != plain(other)


def test_scopes_and_headers() -> None:
    """Decorators belong to what they decorate."""
    outline = Outline(
        "class A:\n    @d\n    def f(self,\n          x):\n        for i in (1,\n                  2):\n            go()\nx = 1\n"
    )
    assert [outline.scope(line) for line in (1, 2, 4, 7, 8)] == ["A", "A.f", "A.f", "A.f", ""]
    assert [outline.statement(line) for line in (3, 4, 6, 7)] == ["def f(self,x):"] * 2 + ["for i in(1,2):", "go()"]
    assert outline.scopes == {"A", "A.f"}


# before -> after: the new findings (by line) and the stale entries
EDITS: list[tuple[str, dict[str, str], dict[str, str | None], list[str], int]] = [
    ("nothing", {"a.py": "print(1)\n"}, {}, [], 0),
    ("lines above", {"a.py": "print(1)\n"}, {"a.py": "# one\n\nx = 1\nprint(1)\n"}, [], 0),
    ("layout", {"a.py": "print(1, 2)\n"}, {"a.py": "print(\n    1,\n    2,  # two\n)\n"}, [], 0),
    ("a formatter's brackets", {"a.py": "x = print(1) + 2\n"}, {"a.py": "x = (\n    print(1)\n    + 2\n)\n"}, [], 0),
    (
        "a long statement in another layout",
        {"a.py": f"x = print({'1, ' * 100})\n"},
        {"a.py": "x = (\n    print(\n" + "        1,\n" * 100 + "    )\n)\n"},
        [],
        0,
    ),
    ("one more", {"a.py": "print(1)\n"}, {"a.py": "print(1)\nprint(2)\n"}, ["a.py:4"], 0),
    ("an equal one more", {"a.py": "print(1)\n"}, {"a.py": "print(1)\nprint(1)\n"}, ["a.py:4"], 0),
    ("one of two equal ones goes", {"a.py": "print(1)\nprint(1)\n"}, {"a.py": "print(1)\n"}, [], 1),
    ("a swap", {"a.py": "print(1)\n"}, {"a.py": "print(2)\n"}, ["a.py:3"], 1),
    (
        "a swap between functions",
        {"a.py": in_function("f", "print(1)") + in_function("g", "pass")},
        {"a.py": in_function("f", "pass") + in_function("g", "print(1)")},
        ["a.py:6"],
        1,
    ),
    (
        "functions in another order",
        {"a.py": in_function("f", "print(1)") + in_function("g", "pass")},
        {"a.py": in_function("g", "pass") + in_function("f", "x = 1", "print(1)")},
        [],
        0,
    ),
    ("a renamed function", {"a.py": in_function("f", "print(1)")}, {"a.py": in_function("g", "print(1)")}, [], 0),
    (
        "a renamed function with one more",
        {"a.py": in_function("f", "print(1)")},
        {"a.py": in_function("g", "print(1)", "print(1)")},
        ["a.py:5"],
        0,
    ),
    ("a moved file", {"a.py": "print(1)\n"}, {"a.py": None, "sub/a.py": "print(1)\n"}, [], 0),
    ("a script for another", {"a.py": "print(1)\n"}, {"a.py": None, "sub/b.py": "print(1)\n"}, ["sub/b.py:3"], 1),
    (
        "a renamed file",
        {"a.py": in_function("f", "print(1)")},
        {"a.py": None, "sub/b.py": in_function("f", "print(1)")},
        [],
        0,
    ),
    (
        "a class for another",
        {"a.py": "class A:\n    def f(self):\n        print(1)\n"},
        {"a.py": None, "b.py": "class B:\n    def f(self):\n        print(1)\n"},
        ["b.py:5"],
        1,
    ),
    (
        "a renamed class",
        {"a.py": "class A:\n    def f(self):\n        print(1)\n"},
        {"a.py": "class B:\n    def f(self):\n        print(1)\n"},
        [],
        0,
    ),
    (
        "another function with the same decorator",
        {"a.py": "@print(1)\n" + in_function("f", "pass")},
        {"a.py": "x = 1\n", "b.py": "@print(1)\n" + in_function("g", "pass")},
        ["b.py:3"],
        1,
    ),
    (
        "a function moved to another file",
        {"a.py": in_function("f", "print(1)"), "b.py": "x = 1\n"},
        {"a.py": "x = 1\n", "b.py": in_function("f", "print(1)")},
        [],
        0,
    ),
    (
        "a copied function",
        {"a.py": in_function("f", "print(1)")},
        {"b.py": in_function("f", "print(1)")},
        ["b.py:4"],
        0,
    ),
    ("a copied file", {"a.py": "print(1)\n"}, {"b.py": "print(1)\n"}, ["b.py:3"], 0),
    ("a file that is gone", {"a.py": "print(1)\n", "b.py": "x = 1\n"}, {"a.py": None}, [], 1),
    ("repaired", {"a.py": "print(1)\n"}, {"a.py": "x = 1\n"}, [], 1),
    ("broken for now", {"a.py": "print(1)\nprint(2)\n"}, {"a.py": "print(1)\nprint((\n"}, ["a.py:4 TL000"], 0),
]


def write(cli: Cli, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        if text is None:
            (cli.directory / name).unlink()
        else:
            cli.write(name, HEAD + text)


def new(lines: list[str]) -> list[str]:
    """Places of the findings about code, with the code of those that are not of the demonstration rule."""
    found = []
    for line in lines:
        place, code = line.split(" ")[:2]
        if code != "TL004":
            found.append(":".join(place.split(":")[:2]) + ("" if code == "XX101" else f" {code}"))
    return found


def count_stale(lines: list[str]) -> int:
    return sum(" TL004 " in line for line in lines)


@pytest.mark.parametrize(("before", "after", "found", "stale"), [edit[1:] for edit in EDITS], ids=[e[0] for e in EDITS])
def test_baseline_and_edits(
    cli: Cli, before: dict[str, str], after: dict[str, str | None], found: list[str], stale: int
) -> None:
    write(cli, dict(before))
    assert cli.run("baseline").code == 0
    assert cli.check().lines == []
    write(cli, after)
    lines = cli.check().lines
    assert (new(lines), count_stale(lines)) == (found, stale)


@pytest.mark.parametrize(("before", "after", "found", "stale"), [edit[1:] for edit in EDITS], ids=[e[0] for e in EDITS])
def test_since_and_edits(
    cli: Cli, before: dict[str, str], after: dict[str, str | None], found: list[str], stale: int
) -> None:
    write(cli, dict(before))
    commit(cli)
    assert cli.check("--since", "HEAD").lines == []
    write(cli, after)
    status = git(cli, "status", "--porcelain")
    assert new(cli.check("--since", "HEAD").lines) == found
    assert git(cli, "status", "--porcelain") == status
    git(cli, "add", "-A")
    staged = cli.check("--since", "HEAD", "--staged").lines
    assert new(staged) == found


def git(cli: Cli, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *words], cwd=cli.directory, capture_output=True, text=True, check=True)
    return done.stdout


def commit(cli: Cli) -> None:
    if not (cli.directory / ".git").exists():
        git(cli, "init", "-q", "-b", "main")
    git(cli, "add", "-A")
    git(cli, "commit", "-q", "--allow-empty", "-m", "x")


def test_what_a_person_sees(cli: Cli) -> None:
    cli.write("a.py", HEAD + in_function("f", "print(1)", "print(1)") + "print('ä')\n")
    ran = cli.run("baseline")
    assert ran.lines == [
        f"Wrote 3 findings in 1 file to {BASELINE}.",
        "`torchlint check` reports what is new from now on; commit the file.",
    ]
    assert cli.read(BASELINE).splitlines() == [
        '{"version": 1, "findings": [',
        '{"path": "a.py", "rule": "XX101 print-call", "in": "", "code": "print(\\"ä\\")"},',
        '{"path": "a.py", "rule": "XX101 print-call", "in": "f", "code": "print(1)"},',
        '{"path": "a.py", "rule": "XX101 print-call", "in": "f", "code": "print(1)"}',
        "]}",
    ]
    assert cli.run("check") == (0, "No findings.\n3 more findings in the baseline.\n", "")
    cli.write("a.py", HEAD + in_function("f", "print(1)", "print(2)"))
    ran = cli.run("check", "--output-format", "concise")
    assert ran.code == 1
    assert ran.lines == [
        "a.py:5:5: XX101 print-call [*] `print` is called",
        f'{BASELINE}:2:1: TL004 stale-baseline-entry `print-call` is no longer found at `print("ä")` in a.py',
        f"{BASELINE}:4:1: TL004 stale-baseline-entry `print-call` is no longer found at `print(1)` in `f` of a.py",
        "Found 3 findings (3 warnings) in 2 files.",
        "1 more finding in the baseline.",
        "1 fixable with --fix.",
    ]
    assert cli.run("baseline", "--prune").out == f"Removed 2 entries that stand for nothing from {BASELINE}.\n"
    assert new(cli.check().lines) == ["a.py:5"]
    assert cli.run("baseline", "--prune").out == f"Nothing to remove from {BASELINE}.\n"
    ran = cli.run("baseline")
    assert ran.lines[0] == f"Wrote 2 findings in 1 file to {BASELINE} (1 more than before, 0 gone)."
    assert cli.check().lines == []


def test_suppressed_findings_stay_in_reports(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    cli.run("baseline")
    (found,) = cli.run("check", "--output-format", "json", "--show-suppressed").json
    assert (found["code"], found["suppressed"]) == ("XX101", {"by": "baseline", "reason": ""})


@pytest.mark.parametrize(
    ("configured", "arguments", "here", "kept"),
    [
        ("", (), ".", BASELINE),
        ("", (), "sub", BASELINE),
        ("", ("--baseline", "x.json"), ".", "x.json"),
        ("baseline = 'ci/b.json'", (), ".", "ci/b.json"),
        ("baseline = 'ci/b.json'", (), "sub", "ci/b.json"),
    ],
)
def test_where_the_baseline_is(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, configured: str, arguments: tuple[str, ...], here: str, kept: str
) -> None:
    cli.write("torchlint.toml", configured)
    cli.write("sub/a.py", HEAD + "print(1)\n")
    (cli.directory / "ci").mkdir()
    monkeypatch.chdir(cli.directory / here)
    assert cli.run("baseline", *arguments).code == 0
    monkeypatch.chdir(cli.directory)
    assert json.loads(cli.read(kept))["findings"][0]["path"] == os.path.relpath(
        "sub/a.py", os.path.dirname(kept) or "."
    )
    for place in (".", "sub"):
        monkeypatch.chdir(cli.directory / place)
        given = [os.path.relpath(cli.directory / word) if "json" in word else word for word in arguments]
        assert cli.check(*given).lines == []
        assert len(cli.check("--no-baseline").lines) == 1


def test_a_baseline_of_another_repository_does_not_count(cli: Cli) -> None:
    cli.write("inner/a.py", HEAD + "print(1)\n")
    cli.run("baseline")
    (cli.directory / "inner/.git").mkdir()
    assert len(cli.check("inner").lines) == 1


def test_a_configuration_above_the_repository(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("torchlint.toml", "")
    cli.write("repository/sub/a.py", HEAD + "print(1)\n")
    (cli.directory / "repository/.git").mkdir()
    monkeypatch.chdir(cli.directory / "repository" / "sub")
    cli.run("baseline")
    assert (cli.directory / "repository" / BASELINE).is_file()
    assert cli.check().lines == []


def test_a_run_over_a_part_keeps_the_rest(cli: Cli) -> None:
    for name in ("a", "b", "c"):
        cli.write(f"{name}/m.py", HEAD + "print(1)\nping\n")
    cli.run("baseline", "--extend-select", "XX104")
    assert len(load(str(cli.directory / BASELINE)).entries) == 6
    cli.write("a/m.py", HEAD + "x = 1\n")
    shutil.rmtree(cli.directory / "b")
    assert count_stale(cli.check("c").lines) == 0
    assert count_stale(cli.check("a").lines) == 1  # the other rule is off here
    assert count_stale(cli.check(".").lines) == 2
    assert count_stale(cli.check("--extend-select", "XX104").lines) == 4
    assert count_stale(cli.check("--extend-exclude", "c").lines) == 3
    assert count_stale(cli.check("--ignore", "TL004").lines) == 0
    cli.run("baseline", "a")
    assert len(load(str(cli.directory / BASELINE)).entries) == 5
    cli.run("baseline", "--extend-select", "XX104")
    assert len(load(str(cli.directory / BASELINE)).entries) == 2


def test_a_path_with_a_typo_writes_nothing(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    said = "torchlint: scr: no such file or directory; nothing was written\n"
    assert cli.run("baseline", "scr") == (2, "", said)
    assert os.listdir(cli.directory) == ["a.py"]


def test_rules_whose_findings_stay_out(cli: Cli) -> None:
    cli.write("a.py", HEAD + "for i in x:\n    print(1)\n")
    cli.run("baseline", "--except", "correctness")
    assert [line.split()[1] for line in cli.check().lines] == ["XX103"]
    ran = cli.run("baseline", "--except", "corectness")
    assert (
        ran.err
        == "torchlint: `--except` names `corectness`, which is no rule, prefix or category; did you mean `correctness`?\n"
    )


def test_fixes_leave_the_baseline_alone_and_prune_it(cli: Cli) -> None:
    cli.write("a.py", HEAD + in_function("f", "print(1)") + in_function("g", "print(2)"))
    cli.run("baseline")
    cli.write("a.py", HEAD + in_function("f", "print(1)") + in_function("h", "print(3)"))
    ran = cli.run("check", "--fix")
    assert cli.read("a.py") == HEAD + in_function("f", "print(1)") + in_function("h", "log(3)")
    assert ran.err == f"torchlint: removed 1 entry that stands for nothing from {BASELINE}\n"
    assert ran.lines == ["Made 1 fix in 1 file.", "No findings left.", "1 more finding in the baseline."]
    assert len(load(str(cli.directory / BASELINE)).entries) == 1


def test_standard_input(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    cli.run("baseline")
    text = (HEAD + "print(2)\nprint(1)\n").encode()
    assert new(cli.check("-", "--stdin-filename", "a.py", stdin=text).lines) == ["a.py:3"]
    assert cli.run("check", "-", "--fix", "--stdin-filename", "a.py", stdin=text).out == HEAD + "log(2)\nprint(1)\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "x.json: there is no such baseline; `torchlint baseline` writes it"),
        ("{", "x.json:1: the baseline is not valid JSON"),
        ('{"version": 1,\n<<<<<<< HEAD\n', "x.json:2: the baseline is not valid JSON"),
        ("[]", "x.json: this is no baseline of torchlint"),
        ('{"version": 2, "findings": []}', "x.json: a baseline of version 2; this torchlint reads 1"),
        ('{"version": 1, "findings": [{"path": 1}]}', "x.json: this is no baseline of torchlint"),
        ('{"version": 1, "findings": [3]}', "x.json: this is no baseline of torchlint"),
        ("\xff", "x.json"),
    ],
)
def test_damaged_baselines(cli: Cli, text: str | None, said: str) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    if text is not None:
        cli.write("x.json", text.encode("latin-1"))
    ran = cli.run("check", "--baseline", "x.json")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert said in ran.err
    if text is not None:
        assert cli.run("baseline", "--baseline", "x.json").code == 2
        assert cli.read_bytes("x.json") == text.encode("latin-1")


def test_a_baseline_goes_around(tmp_path: Path) -> None:
    entries = [Identity("b.py", "TL1", "f", 'x = "ä\n\udc80"'), Identity("a.py", "TL1", "", "y")] * 2
    data = dump(entries, lambda code: "name")
    stored = load(str(tmp_path / "x.json"), data)
    assert sorted(stored.entries) == sorted(entries)
    assert stored.lines == (2, 3, 4, 5)
    assert dump(stored.entries, lambda code: "name") == data


def test_asking_again_replaces_the_answer() -> None:
    from torchlint.findings import Finding, Place, Span

    def finding(line: int) -> Finding:
        return Finding("TL1", "name", Place("/r/a.py", Span(line, 0, line, 1)), "said")

    baseline = Baseline("/r", [Identity("a.py", "TL1", "", "x")], lambda path: "x\n")
    for _ in range(2):
        split = baseline.split("/r/a.py", "x\nx\n", [finding(1), finding(2)])
        assert (split.known, split.new) == ((finding(1),), (finding(2),))
        assert not baseline.left()
    baseline.split("/r/a.py", "", [])
    assert sum(baseline.left().values()) == 1


def test_a_baseline_of_a_configuration_with_a_typo(cli: Cli) -> None:
    cli.write("torchlint.toml", "baseline = 3")
    assert "`baseline` is 3, but must be a string" in cli.run("check").err


def test_since_parts_where_the_branch_began(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    commit(cli)
    git(cli, "checkout", "-q", "-b", "work")
    cli.write("b.py", HEAD + "print(2)\n")
    commit(cli)
    git(cli, "checkout", "-q", "main")
    cli.write("a.py", HEAD + "x = 1\n")  # repaired on main meanwhile: not brought in by the branch
    commit(cli)
    git(cli, "checkout", "-q", "work")
    assert new(cli.check("--since", "main").lines) == ["b.py:3"]
    ran = cli.run("check", "--since", "main")
    assert "1 more finding that were there before." not in ran.lines
    assert "1 more finding that was there before." in ran.lines


def test_a_change_here_that_causes_a_finding_there(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--since` with the real rules: the model is in a file that does not change."""
    model = "import torch\nfrom head import act\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return act(x)\n"
    train = (
        "import torch\nimport torch.nn.functional as F\nfrom model import Net\n\n"
        "def train(loader):\n    net = Net()\n    for x, y in loader:\n        loss = F.cross_entropy(net(x), y)\n"
    )
    cli.write("model.py", model)
    cli.write("train.py", train)
    cli.write("head.py", "import torch\n\ndef act(x):\n    return torch.relu(x)\n")
    commit(cli)
    command = [sys.executable, "-m", "torchlint", "check", "--output-format", "concise", "--select", "TL201", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run() -> str:
        return subprocess.run([*command, "--since", "HEAD"], capture_output=True, text=True, env=environment).stdout

    assert run() == ""
    cli.write("head.py", "import torch\n\ndef act(x):\n    return torch.softmax(x, dim=1)\n")
    assert run().startswith("train.py:8:")
    commit(cli)
    assert run() == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--since", "nope"), "torchlint: --since: `nope` is no commit, branch or tag of this repository\n"),
        (
            ("--since=--output=x",),
            "torchlint: --since: `--output=x` is no commit, branch or tag of this repository\n",
        ),
        (("--since=",), "torchlint: --since: `` is no commit, branch or tag of this repository\n"),
        (
            ("--staged", "--fix"),
            "torchlint: --staged: this checks the index; what changes files works on the work tree\n",
        ),
    ],
)
def test_git_asked_wrongly(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    commit(cli)
    assert cli.run("check", *arguments) == (2, "", said)


def test_without_a_repository_or_git(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    for option in (("--since", "HEAD"), ("--staged",)):
        said = f"torchlint: {option[0]}: this is not inside a git repository\n"
        assert cli.run("check", *option) == (2, "", said)
    git(cli, "init", "-q")
    said = "torchlint: --since: `release` is no commit, branch or tag of this repository\n"
    assert cli.run("check", "--since", "release") == (2, "", said)
    monkeypatch.setenv("PATH", str(cli.directory))
    assert cli.run("check", "--since", "HEAD") == (
        2,
        "",
        "torchlint: --since: git is not installed, or not on the path\n",
    )


def test_files_outside_of_the_repository(cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> None:
    cli.write("a.py", HEAD)
    commit(cli)
    other = tmp_path_factory.mktemp("other") / "b.py"
    other.write_text(HEAD + "print(1)\n")
    ran = cli.run("check", "--since", "HEAD", str(other))
    assert ran.code == 2
    assert f"{other} is not in the repository {cli.directory}" in ran.err


def with_both(cli: Cli) -> Path:
    entries = [Identity("a.py", "XX101", "", f"print({number})") for number in (1, 2)]
    return cli.write("both.json", dump(entries, lambda code: ""))


def test_the_index_counts_and_not_the_work_tree(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    cli.write("b.py", HEAD + "print(1)\n")
    commit(cli)
    assert cli.check("--staged").lines == []
    cli.write("a.py", HEAD + "print(1)\nprint(2)\n")
    git(cli, "add", "a.py")
    cli.write("a.py", HEAD + "x = 1\n")
    cli.write("b.py", HEAD + "print(2)\n")
    cli.write("c.py", HEAD + "print(3)\n")
    assert new(cli.check("--staged").lines) == ["a.py:3", "a.py:4"]
    assert new(cli.check("--staged", "--since", "HEAD").lines) == ["a.py:4"]
    assert new(cli.check("--staged", "a.py", "b.py").lines) == ["a.py:3", "a.py:4"]
    assert cli.check("--staged", "b.py").lines == []
    assert cli.run("check", "--staged", "--show-files").lines == [str(cli.directory / "a.py")]
    assert cli.check("--staged", "--extend-exclude", "a.py").lines == []
    assert "2 more findings in the baseline." in cli.run("check", "--staged", "--baseline", str(with_both(cli))).lines
    (cli.directory / "both.json").rename(cli.directory / BASELINE)
    assert cli.check("--staged").lines == []
    assert "print(2)" in cli.run("check", "--staged", "--no-baseline").out


def test_before_the_first_commit_there_was_nothing(cli: Cli) -> None:
    git(cli, "init", "-q")
    cli.write("a.py", HEAD + "print(1)\n")
    git(cli, "add", "a.py")
    assert new(cli.check("--staged").lines) == ["a.py:3"]
    assert new(cli.check("--since", "HEAD").lines) == ["a.py:3"]


def test_names_links_and_line_ends(cli: Cli) -> None:
    cli.write("ä b\tc.py", HEAD + "print(1)\n")
    cli.write("d.py", (HEAD + "print(1)\n").replace("\n", "\r\n"))
    (cli.directory / "link.py").symlink_to("d.py")
    commit(cli)
    assert cli.check("--since", "HEAD").lines == []
    cli.write("d.py", HEAD + "print(1)\n")
    assert cli.check("--since", "HEAD").lines == []


def test_submodules(cli: Cli, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "b.py").write_text(HEAD + "print(1)\n")
    outside = Cli.__new__(Cli)
    outside.directory = other
    commit(outside)
    cli.write("a.py", HEAD + "print(1)\n")
    commit(cli)
    git(cli, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "lib")
    git(cli, "commit", "-qm", "with a submodule")
    assert cli.check("--since", "HEAD").lines == []
    assert new(cli.check("--since", "HEAD~1").lines) == ["lib/b.py:3"]
    cli.write("lib/b.py", HEAD + "print(1)\nprint(2)\n")
    assert new(cli.check("--since", "HEAD").lines) == ["lib/b.py:4"]
    assert cli.check("--staged").lines == []
    git(cli, "-C", "lib", "commit", "-qam", "more")
    git(cli, "add", "lib")
    assert new(cli.check("--staged", "--since", "HEAD").lines) == ["lib/b.py:4"]
    monkeypatch.setenv("GIT_DIR", ".git")  # as in a hook
    assert new(cli.check("--staged", "--since", "HEAD").lines) == ["lib/b.py:4"]


def test_nothing_of_the_repository_is_run(cli: Cli) -> None:
    cli.write("a.py", HEAD + "print(1)\n")
    cli.write(".gitattributes", "*.py filter=spy diff=spy\n")
    commit(cli)
    spy = cli.write("spy.sh", f"#!/bin/sh\ntouch {cli.directory}/ran\ncat\n")
    spy.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "filter.spy.clean",
        "filter.spy.smudge",
        "diff.spy.textconv",
        "diff.external",
        "core.pager",
    ):
        git(cli, "config", key, str(spy))
    for hook in ("post-index-change", "post-checkout", "reference-transaction", "pre-commit"):
        path = cli.write(f".git/hooks/{hook}", spy.read_text())
        path.chmod(0o755)
    cli.write("a.py", HEAD + "print(1)\nprint(2)\n")
    before = {path: path.stat().st_mtime_ns for path in (cli.directory / ".git").rglob("*")}
    assert new(cli.check("--since", "HEAD").lines) == ["a.py:4"]
    assert cli.check("--staged").lines == []
    assert not (cli.directory / "ran").exists()
    assert {path: path.stat().st_mtime_ns for path in (cli.directory / ".git").rglob("*")} == before


def test_inside_of_a_commit_hook(cli: Cli) -> None:
    """`git commit -a` hands its own index to the hook, which is what counts."""
    cli.write("a.py", HEAD + "x = 1\n")
    commit(cli)
    hook = cli.write(
        ".git/hooks/pre-commit",
        f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m torchlint check --staged --select TL902 --output-format concise\n",
    )
    hook.chmod(0o755)
    cli.write("a.py", "import torch\n\nx = torch.nn.functional.softmax(y)\n")
    identity = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run([*identity, "commit", "-qam", "x"], cwd=cli.directory, capture_output=True, text=True)
    assert done.returncode == 1
    assert "a.py:3" in done.stdout + done.stderr
    cli.write("a.py", HEAD + "x = 2\n")
    assert subprocess.run([*identity, "commit", "-qam", "x"], cwd=cli.directory).returncode == 0


def test_a_killed_writer_loses_nothing(cli: Cli) -> None:
    for number in range(40):
        cli.write(f"m{number}.py", "import torch\nx = torch.nn.functional.softmax(y)\n" * 3)
    command = [sys.executable, "-m", "torchlint", "baseline", "--select", "TL902", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.monotonic()
    assert subprocess.run(command, cwd=cli.directory, env=environment).returncode == 0
    whole = time.monotonic() - started
    first = cli.read(BASELINE)
    for number in range(8):
        cli.write("m0.py", "import torch\nx = torch.nn.functional.softmax(y)\n" * (number + 1))
        writer = subprocess.Popen(command, cwd=cli.directory, env=environment)
        time.sleep(whole * (0.5 + number / 14))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        entries = load(str(cli.directory / BASELINE)).entries
        assert entries and len(entries) >= first.count('"path"') - 3


def notebook(*cells: str) -> str:
    code = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    made = [{**code, "source": cell.splitlines(keepends=True)} for cell in cells]
    python = {"language_info": {"name": "python"}}
    return json.dumps({"cells": made, "metadata": python, "nbformat": 4, "nbformat_minor": 4}, indent=1) + "\n"


def test_notebooks(cli: Cli) -> None:
    """What is only suspicious is off in notebooks, so that a run without `--select` does not judge these entries."""
    on = ("--select", "XX101,TL0")
    cli.write("a.ipynb", notebook("import torch", "%time x = 1\nprint(1)"))
    cli.run("baseline", *on)
    commit(cli)
    assert cli.check().lines == []
    cli.write("a.ipynb", notebook("import torch"))
    assert (cli.check().lines, count_stale(cli.check(*on).lines)) == ([], 1)
    git(cli, "checkout", "-q", ".")
    assert load(str(cli.directory / BASELINE)).entries == (Identity("a.ipynb", "XX101", "", "print(1)"),)
    changed = notebook("import torch", "y = 1\nprint(2)", "%time x = 1\nprint(1)")
    cli.write("a.ipynb", changed)
    for options in ((), ("--no-baseline", "--since", "HEAD")):
        assert [line.split(" XX101")[0] for line in cli.check(*on, *options).lines] == ["a.ipynb:cell 2:2:1:"]
    assert cli.check(*on, "--staged").lines == []
    git(cli, "add", "-A")
    assert [line.split(" XX101")[0] for line in cli.check(*on, "--staged").lines] == ["a.ipynb:cell 2:2:1:"]
    cli.run("check", *on, "--add-ignore", "old")
    assert cli.read("a.ipynb") == changed.replace("print(2)", "print(2)  # torchlint: ignore[print-call] old")
    assert cli.check(*on).lines == []
