"""A repository to try things on: the examples of all rules and of the README as several hundred files under git."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from harness import RULES, doc
from surface import ROOT

from torchlint.laws import files_of


def git(directory: Path, *arguments: str) -> str:
    """Run git without anybody's configuration."""
    identity = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **identity, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def committed(directory: Path) -> Path:
    """A new repository with everything that is in the directory."""
    git(directory, "init", "-q", "-b", "main")
    git(directory, "add", "-A")
    git(directory, "commit", "-q", "-m", "all")
    return directory


def repository(directory: Path) -> Path:
    """The repository, made in an empty directory."""
    shutil.copytree(ROOT / "examples", directory / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    for rule in RULES:
        for number, example in enumerate(doc(rule.name).examples):
            for name, text in files_of(example):
                path = directory / "src" / rule.name.replace("-", "_") / f"{example.word}{number}" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return committed(directory)
