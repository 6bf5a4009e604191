"""The README shows what the commands print."""

import contextlib
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from torchlint.cli import main
from torchlint.rule import CLAIM_OF

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def in_the_root() -> Iterator[None]:
    before = os.getcwd()
    os.chdir(ROOT)
    yield
    os.chdir(before)


@pytest.mark.usefixtures("in_the_root")
def test_the_findings_on_the_examples_are_those_of_the_readme() -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = main(["check", "examples", "--output-format", "concise"])
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    assert printed.getvalue().strip() == shown[1].strip()
    assert code == 1


def test_a_category_promises_the_same_everywhere() -> None:
    promised = dict(re.findall(r"^\| `(\w+)` \| (.*?)(?:;.*?)? \|", README, re.MULTILINE))
    assert promised == {category.value: claim for category, claim in CLAIM_OF.items()}


def test_files_that_the_readme_names_exist() -> None:
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
