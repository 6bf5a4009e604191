"""Rule packs: what is loaded, from where, and which mistakes are named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from torchlint import packs
from torchlint.rule import SOURCE_URL

RULE = '''"""Title of the rule."""
from torchlint.findings import Category
from torchlint.rule import rule


@rule("{code}", "{name}", Category.SUSPICIOUS, since="0.1")
def check(module):
    yield from ()
'''


def pack(root: Path, **texts: str) -> str:
    for name, text in texts.items():
        path = root / (name.replace("__", os.sep) + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(root)


def errors_of(*extra: str) -> list[str]:
    return [str(error) for error in packs.read(extra)[1]]


def test_a_user_pack_is_loaded_like_the_builtin_one(tmp_path: Path) -> None:
    path = pack(
        tmp_path,
        my_rule=RULE.format(code="XY101", name="my-rule"),
        deep__other=RULE.format(code="XY102", name="other"),
    )
    mine = [rule for rule in packs.load([path]) if rule.code.startswith("XY")]
    assert [(rule.code, rule.name, rule.doc) for rule in mine] == [
        ("XY101", "my-rule", "Title of the rule."),
        ("XY102", "other", "Title of the rule."),
    ]
    assert all(rule.evidence is None and rule.default for rule in mine)


def test_every_built_in_rule_has_a_page_and_a_users_rule_the_one_that_it_names(tmp_path: Path) -> None:
    named = RULE.replace('since="0.1"', 'since="0.1", url="https://example.org/b"')
    path = pack(tmp_path, a=RULE.format(code="XY101", name="a"), b=named.format(code="XY102", name="b"))
    rules = packs.load([path])
    root = f"{SOURCE_URL}/rules/"
    assert [rule.url for rule in rules if rule.code.startswith("XY")] == [None, "https://example.org/b"]
    for rule in rules:
        if rule.code.startswith("TL"):
            assert rule.url is not None
            assert (Path(packs.builtin()) / rule.url.removeprefix(root)).samefile(rule.file)


def test_byte_code_is_written_and_used(tmp_path: Path) -> None:
    path = pack(tmp_path, my_rule=RULE.format(code="XY101", name="my-rule"))
    script = f"from torchlint import packs; print(len(packs.read([{path!r}])[0]))"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-c", script],
            check=True,
            env=environment,
            cwd=Path(packs.__file__).parents[1],
        )
    assert list((tmp_path / "__pycache__").glob("my_rule.*.pyc"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import nowhere_at_all\n",
            ":1: ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        ("x = 1\nx = 1 / 0\n", ":2: ZeroDivisionError: division by zero"),
        ("x = 1\n\ndef f(:\n", ":3: SyntaxError: invalid syntax"),
        (
            "x = 1\n",
            ": a rule file needs a function `check` decorated with `@rule(...)`",
        ),
        (
            RULE.format(code="XY101", name="else-where"),
            ":6: the rule 'else-where' belongs in a file called else_where.py",
        ),
        (
            RULE.format(code="TL101", name="my-rule"),
            ":6: TL101: codes that begin with TL are torchlint's own; choose another prefix",
        ),
        (
            RULE.format(code="XY1", name="my-rule"),
            ":6: the code 'XY1' is not two or more capital letters and three digits",
        ),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    path = pack(tmp_path, my_rule=text)
    assert os.path.join(path, "my_rule.py") + message in errors_of(path)
    with pytest.raises(packs.PackError):
        packs.load([path])


def test_codes_and_names_are_unique(tmp_path: Path) -> None:
    path = pack(
        tmp_path,
        a__one=RULE.format(code="XY101", name="one"),
        b__one=RULE.format(code="XY101", name="one"),
    )
    assert [error for error in errors_of(path) if "'XY101' is taken" in error]
    assert [error for error in errors_of(path) if "'one' is taken" in error]


def test_a_missing_pack_is_an_error(tmp_path: Path) -> None:
    assert f"{tmp_path / 'none'}: this rule pack is not a directory" in errors_of(str(tmp_path / "none"))


def test_a_rule_file_cannot_end_the_program(tmp_path: Path) -> None:
    path = pack(tmp_path, my_rule="raise SystemExit('bye')\n")
    assert errors_of(path) == [f"{os.path.join(path, 'my_rule.py')}:1: SystemExit: bye"]
