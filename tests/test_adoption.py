"""An old code base of several hundred files takes torchlint in, as its page says."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sample import git, repository
from surface import ROOT, program

from torchlint.settings import BASELINE

PAGE = ROOT / "docs" / "adopt.md"
BUG = """\


def train_again(model, loader, criterion):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An old code base, and a directory with a `torchlint` command beside it."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, line in (("torchlint", f'exec {sys.executable} -m torchlint "$@"'), ("pip", "exit 0")):
        (commands / name).write_text(f"#!/bin/sh\n{line}\n")
        (commands / name).chmod(0o755)
    (tmp_path / "old").mkdir()
    return repository(tmp_path / "old")


def shell(directory: Path, command: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PATH": f"{directory.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        **{f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    return subprocess.run(["sh", "-c", command], cwd=directory, env=environment, capture_output=True, text=True)


def test_three_commands(old: Path) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.S)
    commands = block.splitlines()
    assert len(commands) == 3
    files = len(list(old.rglob("*.py")))
    assert files > 200
    before = program("check", "--quiet", "--output-format", "concise", cwd=old)
    assert before.code == 1 and len(before.lines) > 100
    for command in commands:
        done = shell(old, command)
        assert done.returncode == 0, done.stderr
    stored = len(before.lines)
    assert (old / BASELINE).read_text().count('"path"') == stored
    assert shell(old, f"git add {BASELINE} && git commit -qm 'take torchlint in'").returncode == 0
    assert shell(old, "torchlint check").stdout == f"No findings.\n{stored} more findings in the baseline.\n"

    engine = old / "examples" / "engine.py"
    text = engine.read_text()
    engine.write_text("# moved down\n\n" + text + BUG)
    done = shell(old, "git commit -qam 'a new bug'")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "missing-zero-grad" in said and said.count("-->") == 1
    engine.write_text(
        ("# moved down\n\n" + text + BUG).replace("        loss.b", "        optimizer.zero_grad()\n        loss.b")
    )
    assert shell(old, "git commit -qam 'no new bug'").returncode == 0

    git(old, "mv", "examples", "programs")
    assert shell(old, "git commit -qm 'moved'").returncode == 0
    done = shell(old, "torchlint check --output-format concise")
    assert done.returncode == 0, done.stdout

    (old / "programs" / "distill.py").unlink()
    done = shell(old, "torchlint check --quiet --output-format concise")
    assert done.returncode == 1
    assert {line.split(" ")[1] for line in done.stdout.splitlines()} == {"TL004"}
    assert shell(old, "torchlint baseline --prune && torchlint check").returncode == 0
    assert shell(old, "torchlint check --no-baseline --since HEAD").returncode == 0


def test_a_formatter_makes_nothing_new(old: Path) -> None:
    pytest.importorskip("ruff")
    assert shell(old, "torchlint baseline").returncode == 0
    for style in ("--line-length=60", "--line-length=140 --config format.quote-style=\\'single\\'"):
        done = shell(old, f"{sys.executable} -m ruff format -q --isolated {style} . && torchlint check")
        assert done.returncode == 0, done.stdout
    assert len(git(old, "diff", "--name-only").splitlines()) > 100


def test_comments_instead(old: Path) -> None:
    before = {path: path.stat().st_mode for path in old.rglob("*.py")}
    done = shell(old, "torchlint check --quiet --add-ignore 'before 2026'")
    left = shell(old, "torchlint check --quiet --output-format concise")
    assert (done.returncode, left.returncode, left.stdout) == (0, 0, ""), done.stderr + left.stdout
    assert {path: path.stat().st_mode for path in old.rglob("*.py")} == before
    assert all(stat.S_ISREG(mode) for mode in before.values())
    assert shell(old, "torchlint check --add-ignore 'before 2026'").stdout == "No findings.\n"
    added = [
        line for line in git(old, "diff", "-U0").splitlines() if line.startswith("+") and not line.startswith("+++")
    ]
    assert added and all("# torchlint: ignore[" in line and "before 2026" in line for line in added)
