"""The hooks for pre-commit, run by pre-commit itself on a repository, and what a run sees that gets changed files only."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sample import committed, git, repository
from surface import ROOT, Ran, program
from test_ci import unreachable

MODEL = """\
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return torch.softmax(self.head(x), dim=-1)
"""
TRAIN = """\
import torch
from torch import nn

from model import Classifier


def train(loader):
    model = Classifier()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""


def test_a_changed_file_is_checked_with_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "train.py").write_text(TRAIN)
    committed(tmp_path)
    concise = ("check", "--quiet", "--output-format", "concise")
    alone = program(*concise, "train.py", cwd=tmp_path)
    assert alone.code == 1
    assert [line.split(" ")[:3] for line in alone.lines] == [
        ["train.py:13:16:", "TL201", "softmax-before-cross-entropy"]
    ]
    assert program(*concise, "train.py", "model.py", cwd=tmp_path) == alone
    assert program(*concise, ".", cwd=tmp_path) == alone
    (found,) = program("check", "train.py", "--output-format", "json", cwd=tmp_path).json
    assert [(Path(at["filename"]).name, at["location"]["row"]) for at in found["related"]] == [("model.py", 11)]
    assert program(*concise, "model.py", cwd=tmp_path) == (0, "", "")
    for name in ("lib/model.py", "lib/train.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((tmp_path / Path(name).name).read_text().replace("from model", "from lib.model"))
    assert program(*concise, "lib/train.py", cwd=tmp_path).lines[0].startswith("lib/train.py:13:16: TL201")
    assert program(*concise, "train.py", cwd=tmp_path / "lib").lines[0].startswith("train.py:13:16: TL201")


# With the real pre-commit.


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as the repository that hooks are taken from."""
    directory = tmp_path_factory.mktemp("hooks")
    for name in ("torchlint", "rules"):
        shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".pre-commit-hooks.yaml", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, directory / name)
    committed(directory)
    git(directory, "tag", "v0.1.0")
    return directory


class PreCommit:
    """pre-commit in a repository of several hundred files, with an environment for hooks of its own."""

    def __init__(self, directory: Path, home: Path, hooks: Path) -> None:
        self.directory = directory
        self._environment = {
            **{key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SKIP")},
            "PRE_COMMIT_HOME": str(home),
            "PRE_COMMIT_COLOR": "never",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.configure(hooks, "torchlint")

    def configure(self, hooks: Path, *names: str) -> None:
        listed = "".join(f"  - id: {name}\n" for name in names)
        text = f"repos:\n- repo: {hooks}\n  rev: v0.1.0\n  hooks:\n{listed}"
        (self.directory / ".pre-commit-config.yaml").write_text(text)
        git(self.directory, "add", "-A")

    def run(self, *arguments: str) -> Ran:
        command = [sys.executable, "-m", "pre_commit", *arguments]
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=500,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def pre_commit(tmp_path_factory: pytest.TempPathFactory, hooks: Path) -> PreCommit:
    pytest.importorskip("pre_commit", reason="pre-commit is not installed: `pip install torchlint[dev]` does that")
    directory = repository(tmp_path_factory.mktemp("sample"))
    made = PreCommit(directory, tmp_path_factory.mktemp("home"), hooks)
    ran = made.run("install-hooks")
    unreachable(ran.out + ran.err)
    assert ran.code == 0, ran.out + ran.err
    return made


def found(text: str) -> set[str]:
    """The places in the output of the hook, which prints `  --> path:line:column` for each finding."""
    return set(re.findall(r"^  --> (\S+:\d+:\d+)$", text, re.MULTILINE))


def test_run_on_all_files(pre_commit: PreCommit, hooks: Path) -> None:
    pre_commit.configure(hooks, "torchlint", "torchlint-config")
    ran = pre_commit.run("run", "--all-files")
    assert ran.code == 1
    assert "- hook id: torchlint\n- exit code: 1" in ran.out
    directly = program("check", ".", cwd=pre_commit.directory)
    assert found(ran.out) == found(directly.out)
    assert len(found(ran.out)) > 100
    assert "torchlint (configuration)............................(no files to check)Skipped" in ran.out


def test_run_on_what_is_staged(pre_commit: PreCommit, hooks: Path) -> None:
    pre_commit.configure(hooks, "torchlint")
    (pre_commit.directory / "model.py").write_text(MODEL)
    git(pre_commit.directory, "add", "-A")
    git(pre_commit.directory, "commit", "-q", "-m", "model")
    (pre_commit.directory / "train.py").write_text(TRAIN)
    git(pre_commit.directory, "add", "train.py")
    ran = pre_commit.run("run")
    assert (ran.code, found(ran.out)) == (1, {"train.py:13:16"})
    assert "::: model.py:11:16" in ran.out
    git(pre_commit.directory, "commit", "-q", "-m", "train")
    (pre_commit.directory / "notes.txt").write_text("nothing for the hook\n")
    git(pre_commit.directory, "add", "-A")
    assert pre_commit.run("run").code == 0


def test_notebooks_are_checked(pre_commit: PreCommit, hooks: Path) -> None:
    pre_commit.configure(hooks, "torchlint")
    cells = [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
        for text in (MODEL, TRAIN.replace("from model import Classifier\n", ""))
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (pre_commit.directory / "draft.ipynb").write_text(json.dumps(notebook, indent=1))
    git(pre_commit.directory, "add", "draft.ipynb")
    ran = pre_commit.run("run", "--files", "draft.ipynb")
    assert ran.code == 1
    assert "  --> draft.ipynb:cell 2:12:16\n" in ran.out


def test_fixes_are_applied(pre_commit: PreCommit, hooks: Path) -> None:
    pre_commit.configure(hooks, "torchlint-fix")
    path = pre_commit.directory / "src" / "graph_accumulation" / "bad0" / "example.py"
    before = path.read_text()
    ran = pre_commit.run("run", "--files", str(path))
    assert ran.code == 1
    assert "files were modified by this hook" in ran.out
    fixed = path.read_text()
    assert fixed != before
    git(pre_commit.directory, "add", "-A")
    pre_commit.run("run", "--files", str(path))
    assert path.read_text() == fixed


def test_what_a_commit_brings_in_elsewhere(pre_commit: PreCommit, hooks: Path) -> None:
    directory = pre_commit.directory / "new"
    directory.mkdir()
    (directory / "model.py").write_text(MODEL.replace("torch.softmax(self.head(x), dim=-1)", "self.head(x)"))
    (directory / "train.py").write_text(TRAIN.replace("from model", "from new.model"))
    git(pre_commit.directory, "add", "-A")
    git(pre_commit.directory, "commit", "-q", "-m", "both")
    (directory / "model.py").write_text(MODEL)
    pre_commit.configure(hooks, "torchlint")
    assert pre_commit.run("run").code == 0
    pre_commit.configure(hooks, "torchlint-new")
    ran = pre_commit.run("run")
    assert (ran.code, found(ran.out)) == (1, {"new/train.py:13:16"})
    git(pre_commit.directory, "commit", "-q", "-m", "worse")
    (directory / "train.py").write_text("# nothing new\n" + (directory / "train.py").read_text())
    git(pre_commit.directory, "add", "-A")
    assert pre_commit.run("run").code == 0


def test_mistakes_in_the_configuration(pre_commit: PreCommit, hooks: Path) -> None:
    pre_commit.configure(hooks, "torchlint-config")
    (pre_commit.directory / "lib").mkdir()
    path = pre_commit.directory / "lib" / "torchlint.toml"
    path.write_text('selct = ["TL1"]\n')
    git(pre_commit.directory, "add", "-A")
    ran = pre_commit.run("run", "--all-files")
    assert ran.code == 1
    assert "unknown key `selct`; did you mean `select`?" in ran.out
    path.write_text('select = ["TL1"]\n')
    git(pre_commit.directory, "add", "-A")
    assert pre_commit.run("run", "--all-files").code == 0


def test_an_old_code_base_is_adopted(pre_commit: PreCommit, hooks: Path) -> None:
    """Baseline, hook, commit; from then on the hook says what is new."""
    pre_commit.configure(hooks, "torchlint", "torchlint-config")
    assert program("baseline", cwd=pre_commit.directory).code == 0
    git(pre_commit.directory, "add", "-A")
    ran = pre_commit.run("run", "--all-files")
    assert (ran.code, found(ran.out)) == (0, set()), ran.out
    git(pre_commit.directory, "commit", "-q", "-m", "torchlint")
    old = pre_commit.directory / "examples" / "train.py"
    old.write_text("# moved down\n" + old.read_text())
    (pre_commit.directory / "again.py").write_text(MODEL + TRAIN.replace("from model import Classifier\n", ""))
    git(pre_commit.directory, "add", "-A")
    ran = pre_commit.run("run")
    assert (ran.code, found(ran.out)) == (1, {"again.py:23:16"}), ran.out
