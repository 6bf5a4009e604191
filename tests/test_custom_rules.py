"""Rules of one's own: the page that explains them is followed to the letter, and mistakes get a clear line."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from surface import ROOT, Cli, Ran, program

from torchlint import packs

PAGE = ROOT / "docs" / "custom-rules.md"
_BLOCK = re.compile(r"^(`{3,})(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^\1$", re.MULTILINE | re.DOTALL)


def test_the_page_is_true_to_the_letter(tmp_path: Path) -> None:
    """Every file of the page is written, every command run, and every line of output is as the page shows it."""
    ran = 0
    for _, language, title, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if title and " " not in title:
            file = tmp_path / title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        elif language == "console":
            command, _, expected = text.removeprefix("$ ").partition("\n")
            assert program(*shlex.split(command)[1:], cwd=tmp_path).out == expected, command
            ran += 1
    assert ran == 3


def test_a_new_rule_waits_to_be_written(tmp_path: Path) -> None:
    program("new-rule", "my-rule", "--pack", "lint", "--code", "AC101", cwd=tmp_path)
    tried = program("test-pack", "lint", cwd=tmp_path)
    assert tried.code == 1
    assert "lint/my_rule.py:6: AC101 my-rule: bad is reported at the marks: expected example.py:9: AC101" in tried.out
    assert tried.out.endswith("0 of 1 rules keep all 17 laws.\n")


def test_codes_follow_one_another(tmp_path: Path) -> None:
    for name, code in (("one", "AC107"), ("two", None), ("three", None)):
        program("new-rule", name, "--pack", "lint", *(["--code", code] if code else []), cwd=tmp_path)
    rules = [rule for rule in packs.load([str(tmp_path / "lint")]) if rule.code.startswith("AC")]
    assert {rule.name: rule.code for rule in rules} == {"one": "AC107", "two": "AC101", "three": "AC102"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new-rule", "My Rule", "--pack", "lint"], "`My Rule` is no name of a rule: small letters and hyphens, such as `my-rule`"),
        (["new-rule", "my-rule", "--pack", "/dev/null/lint", "--code", "AC101"], "/dev/null/lint/my_rule.py: cannot be written: Not a directory"),
        (["new-rule", "my-rule"], "no pack is configured; say where with --pack DIRECTORY"),
        (["new-rule", "my-rule", "--pack", "lint"], "the first rule of a pack needs a code of its own, such as --code XY101"),
        (["new-rule", "my-rule", "--pack", "lint", "--code", "TL999"], "--code: codes that begin with TL are torchlint's own"),
        (["new-rule", "my-rule", "--pack", "lint", "--code", "x1"], "--code: `x1` is not two or more capital letters"),
        (["new-rule", "my-rule", "--subject", "optimisation"], "--subject: `optimisation` is no subject; did you mean `optimization`?"),
        (["test-pack"], "no pack is named; say which directory, or set `packs` in the configuration"),
        (["test-pack", "lint"], "lint: this rule pack is neither a directory nor installed"),
        (["check", "--config", "packs=['acme']"], "rule pack: acme: this rule pack is neither a directory nor installed"),
    ],
)  # fmt: skip
def test_mistakes(cli: Cli, arguments: list[str], said: str) -> None:
    ran = cli.run(*arguments)
    assert ran.code == 2
    assert f"torchlint: {said}" in ran.err
    assert not (cli.directory / "lint").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    program("new-rule", "my-rule", "--pack", "lint", "--code", "AC101", cwd=tmp_path)
    (tmp_path / "lint" / "my_rule.py").write_text("# mine\n")
    ran = program("new-rule", "my-rule", "--pack", "lint", "--code", "AC102", cwd=tmp_path)
    assert (ran.code, ran.err) == (2, "torchlint: lint/my_rule.py is there already\n")
    assert (tmp_path / "lint" / "my_rule.py").read_text() == "# mine\n"


BROKEN = '''\
"""This rule says everything wrong

```py bad
import torch
print(torch)  # AC101
x = 1
```
"""
import torchlint.findings
from torchlint.api import *


@rule("AC101", "broken", Category.SUSPICIOUS, since="0.1")
def check(module):
    yield finding(module.place(module.tree.body[-1]), "Please do not.")
'''


def test_each_breach_is_named(tmp_path: Path) -> None:
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "broken.py").write_text(BROKEN)
    ran = program("test-pack", "lint", cwd=tmp_path)
    assert ran.code == 1
    for reason in (
        "the first line of the docstring is one sentence that ends in a full stop",
        "1 bad examples and 0 good ones",
        "expected example.py:2: AC101, found example.py:3: AC101 broken Please do not.",
        "a message is one line that starts lower-case or with code, without a full stop",
        "a message names something of the user's code in backquotes",
        "`torchlint.findings` may change with any version; import from `torchlint.api`",
    ):
        assert reason in ran.out


def installed(tmp_path: Path) -> Ran:
    """A check with the pack of an installed distribution switched on by its name."""
    site = tmp_path / "site"
    for folder in ("acme_lint", "acme_lint-1.0.dist-info"):
        (site / folder).mkdir(parents=True)
    (site / "acme_lint" / "__init__.py").write_text("raise SystemExit('a pack is never imported')\n")
    demo = ROOT / "tests" / "demo_pack" / "print_call.py"
    (site / "acme_lint" / "print_call.py").write_text(demo.read_text(encoding="utf-8"))
    (site / "acme_lint-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-lint\nVersion: 1.0\n")
    (site / "acme_lint-1.0.dist-info" / "entry_points.txt").write_text("[torchlint.packs]\nacme = acme_lint\n")
    work = tmp_path / "work"
    work.mkdir()
    (work / "train.py").write_text("import torch\n\nprint(torch.ones(1))\n")
    (work / "torchlint.toml").write_text('packs = ["acme"]\n')
    path = f"{ROOT}{':' if sys.platform != 'win32' else ';'}{site}"
    return program("check", "--output-format", "concise", "train.py", cwd=work, env={"PYTHONPATH": path})


def test_an_installed_pack_is_switched_on_by_its_name(tmp_path: Path) -> None:
    ran = installed(tmp_path)
    assert (ran.code, ran.err) == (1, "")
    assert "train.py:3:1: XX101 print-call" in ran.out


def test_isolated_checks_load_no_pack(tmp_path: Path) -> None:
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "broken.py").write_text("raise SystemExit('loaded')\n")
    (tmp_path / "torchlint.toml").write_text('packs = ["lint"]\n')
    (tmp_path / "train.py").write_text("import torch\n")
    assert program("check", "--isolated", "train.py", cwd=tmp_path).code == 0
