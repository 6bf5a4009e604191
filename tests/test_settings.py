"""Configuration files, their mistakes, patterns, and the project's torch version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from surface import PRINTS, Cli

from torchlint.settings import KEYS, Settings, SettingsError, from_file, glob, load, override, read
from torchlint.torch_version import lower_bounds, of_project


@pytest.mark.parametrize(
    ("files", "checked", "winner"),
    [
        ({"pyproject.toml": "[tool.torchlint]\n"}, ".", "pyproject.toml"),
        ({"pyproject.toml": "[tool.other]\n"}, ".", None),
        ({"pyproject.toml": "[tool.torchlint]\n", "torchlint.toml": ""}, ".", "torchlint.toml"),
        ({"torchlint.toml": "", ".torchlint.toml": ""}, ".", ".torchlint.toml"),
        ({"torchlint.toml": "", "a/torchlint.toml": ""}, "a/b", "a/torchlint.toml"),
        ({"torchlint.toml": "", "a/pyproject.toml": "[project]\n"}, "a", "torchlint.toml"),
        (
            {"torchlint.toml": "", "a/pyproject.toml": '[project]\ndependencies = ["torchlint"]\n'},
            "a",
            "torchlint.toml",
        ),
        ({"torchlint.toml": "", "a/pyproject.toml": "# no tool.torchlint here\n"}, "a", "torchlint.toml"),
    ],
)
def test_the_nearest_file_wins(tmp_path: Path, files: dict[str, str], checked: str, winner: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / checked).mkdir(parents=True, exist_ok=True)
    found = load(str(tmp_path / checked)).file
    assert found == (str(tmp_path / winner) if winner else None)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[tool.torchlint]\nselect = ["TL1"]', 2),
        ('[ tool . "torchlint" ]\nselect = ["TL1"]', 2),
        ('[tool]\ntorchlint = { preview = false, select = ["TL1"] }', 2),
        ('[tool]\nblack = {}\ntorchlint.preview = true\ntorchlint.select = ["TL1"]', 4),
        ('tool.torchlint.select = ["TL1"]\n[project]\nname = "x"', 1),
        ('tool.torchlint = { select = ["TL1"] }', 1),
        ('tool = { torchlint = { "select" = ["TL1"] } }', 1),
    ],
)
def test_every_spelling_of_the_table_counts(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    found = load(str(tmp_path))
    assert found.select == ("TL1",)
    assert found.where("select").endswith(f"pyproject.toml:{line}")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("selct = ['TL1']", 2, "unknown key `selct`; did you mean `select`?"),
        ("select = 'TL1'", 2, '`select` is "TL1", but must be a list of strings'),
        ("preview = 'yes'", 2, '`preview` is "yes", but must be true or false'),
        ("fail-on = 'fatal'", 2, '`fail-on` is "fatal", but must be `error`, `warning`, `info` or `never`'),
        ("\ntorch-version = 2.4", 3, '`torch-version` is 2.4, but must be a version of torch such as "2.4"'),
        ("exclude = ['a', '[b']", 2, "`[b` has an unclosed `[`"),
        ("severity = { TL1 = 'loud' }", 2, "must be a table from rules to `error`, `warning` or `info`"),
        ("per-file-ignores = { 'a' = 'TL1' }", 2, "must be a table from glob patterns to lists of rules"),
        ("packs = [1]", 2, "`packs` is [1], but must be a list of strings"),
        ("rules = 3", 2, "`rules` is 3, but must be a table of options for each rule"),
        ("[tool.torchlint.rule.x]", 2, "unknown key `rule`; did you mean `rules`?"),
        ("select = [", None, "not valid TOML"),
        ("\nselect = ]", 3, "not valid TOML: Invalid value"),
    ],
)
def test_mistakes_name_file_line_key_and_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int | None, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text(f"[tool.torchlint]\n{text}\n")
    with pytest.raises(SettingsError) as caught:
        load(str(tmp_path))
    where = "pyproject.toml" if line is None else f"pyproject.toml:{line}"
    assert str(caught.value).startswith(where + ": ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select = ['print-cal']", "torchlint.toml:1: `select` names `print-cal`, which is no rule"),
        ("\nignore = ['TL77']", "torchlint.toml:2: `ignore` names `TL77`, which is no rule"),
        ("severity = { nope = 'info' }", "torchlint.toml:1: `severity` names `nope`"),
        ("per-file-ignores = { '*' = ['nope'] }", "torchlint.toml:1: `per-file-ignores` names `nope`"),
        ("[rules.print-cal]\nevery = 3", "`rules.print-cal` is no rule; did you mean `print-call`?"),
        ("[rules.print-call]\nevry = 3", "torchlint.toml:2: `print-call` has no option `evry`; did you mean `every`?"),
        ("[rules.print-call]\nevery = 'x'", "`rules.print-call.every` is 'x', but must be of type int"),
        ("[rules.print-call]\nevery = true", "`rules.print-call.every` is True, but must be of type int"),
        ("[rules.counted-loop]\nevery = 1", "`counted-loop` has no option `every`; it has none"),
    ],
)
def test_mistakes_about_rules(cli: Cli, text: str, said: str) -> None:
    cli.write("torchlint.toml", text)
    cli.write("a.py", PRINTS)
    ran = cli.run("check")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (2, "", 1)
    assert said in ran.err


def test_every_key_is_a_field_with_an_example_that_is_accepted(tmp_path: Path) -> None:
    assert {key.field for key in KEYS} == set(Settings._fields) - {"root", "file", "origins"}
    for key in KEYS:
        text = key.example if key.example.startswith("[") else f"[tool.torchlint]\n{key.example}"
        path = tmp_path / "inside" / "pyproject.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text + "\n")
        (tmp_path / "torchlint.toml").write_text("")
        assert getattr(from_file(str(path)), key.field) != getattr(Settings(""), key.field), key.name
        assert key.doc.endswith(".") and key.kind.words and key.default


def test_values_arrive(tmp_path: Path) -> None:
    path = tmp_path / "torchlint.toml"
    path.write_text(
        "select = ['TL1']\ntorch-version = '2.4.1'\npacks = ['tools/lint', 'acme']\npreview = true\n"
        "per-file-ignores = { 'a/**' = ['TL2'] }\nrules.x.every = 3\n"
    )
    settings = from_file(str(path))
    assert settings.select == ("TL1",)
    assert settings.torch_version == (2, 4)
    assert settings.packs == (str(tmp_path / "tools/lint"), "acme")
    assert settings.preview is True
    assert settings.per_file_ignores == {"a/**": ("TL2",)}
    assert settings.rules == {"x": {"every": 3}}


@pytest.mark.parametrize(
    ("assignment", "field", "value"),
    [
        ("select=['TL1']", "select", ("TL1",)),
        ("torch-version=2.10", "torch_version", (2, 10)),
        ("torch-version='2.4'", "torch_version", (2, 4)),
        ("fail-on=error", "fail_on", "error"),
        ("respect-gitignore=false", "respect_gitignore", False),
        ("rules.print-call.every=5", "rules", {"print-call": {"every": 5}}),
    ],
)
def test_assignments_of_the_command_line(assignment: str, field: str, value: object) -> None:
    assert getattr(override(Settings("/"), [assignment]), field) == value


def test_reading_a_table_keeps_what_it_does_not_name() -> None:
    settings = Settings("/", ignore=("TL9",))
    changed = read({"select": ["TL1"]}, settings, str, "somewhere")
    assert changed == settings._replace(select=("TL1",), origins={"select": ("somewhere",)})


@pytest.mark.parametrize(
    ("configuration", "arguments", "found"),
    [
        ("", (), ["XX101"]),
        ("select = ['XX103']", (), []),
        ("select = ['XX103']", ("--isolated",), ["XX101"]),
        ("select = ['XX103']", ("--select", "XX101"), ["XX101"]),
        ("ignore = ['XX101']", (), []),
        ("ignore = ['XX101']", ("--select", "XX101"), ["XX101"]),
        ("extend-select = ['pedantic']", (), ["XX101", "XX104"]),
        ("ignore = ['suspicious']", ("--extend-select", "XX101"), ["XX101"]),
        ("per-file-ignores = { 'a.py' = ['XX101'] }", (), []),
        ("per-file-ignores = { 'b.py' = ['XX101'] }", (), ["XX101"]),
        ("preview = true", (), ["XX101", "XX105"]),
        ("", ("--config", "preview=true"), ["XX101", "XX105"]),
        ("exclude = ['a.py']", (), []),
        ("exclude = ['a.py']", ("a.py",), ["XX101"]),
        ("", ("--extend-exclude", "a.*"), []),
        ("", ("--config", "other.toml"), []),
    ],
)
def test_files_and_options_together(cli: Cli, configuration: str, arguments: tuple[str, ...], found: list[str]) -> None:
    cli.write("torchlint.toml", configuration)
    cli.write("other.toml", "select = ['XX103']")
    cli.write("a.py", "import torch\n\nprint(ping, sum)\n")
    assert [line.split()[1] for line in cli.check(*arguments).lines] == found


def test_severities(cli: Cli) -> None:
    cli.write("torchlint.toml", "severity = { XX1 = 'info', print-call = 'error' }")
    cli.write("a.py", "import torch\n\nfor i in range(3):\n    print(i)\n")
    found = cli.run("check", "--output-format", "json").json
    assert [(finding["code"], finding["severity"]) for finding in found] == [("XX103", "info"), ("XX101", "error")]
    assert cli.run("check", "--ignore", "print-call").code == 0


def test_each_directory_has_its_own_settings(cli: Cli) -> None:
    cli.write("torchlint.toml", "ignore = ['XX101']")
    cli.write("a.py", PRINTS)
    cli.write("sub/torchlint.toml", "")
    cli.write("sub/a.py", PRINTS)
    assert [line.split(":")[0] for line in cli.check().lines] == ["sub/a.py"]


def test_a_pack_that_cannot_be_loaded(cli: Cli) -> None:
    cli.write("torchlint.toml", "packs = ['lint', 'nowhere']")
    cli.write("lint/bad_rule.py", "import torchlint.api\nraise ValueError('no')\n")
    cli.write("a.py", PRINTS)
    ran = cli.check("a.py")
    assert ran.code == 2
    assert ran.lines == ["a.py:3:1: XX101 print-call [*] `print` is called"]
    assert sorted(ran.err.splitlines()) == sorted(
        [
            f"torchlint: rule pack: {cli.directory}/lint/bad_rule.py:2: ValueError: no",
            "torchlint: rule pack: nowhere: this rule pack is neither a directory nor installed",
        ]
    )


def test_the_layer_with_the_mistake_is_named(cli: Cli) -> None:
    cli.write("base.toml", "\nextend-select = ['AC']\n")
    cli.write("torchlint.toml", "extend = 'base.toml'\nextend-select = ['XX1']\n")
    cli.write("a.py", PRINTS)
    said = "torchlint: base.toml:2: `extend-select` names `AC`"
    assert cli.check("a.py").err.startswith(said)
    assert cli.check("a.py", "--config", "extend-select=['XX101']").err.startswith(said)


def test_a_table_that_belongs_into_the_other_file(cli: Cli) -> None:
    cli.write("torchlint.toml", "[tool.torchlint]\nselect = ['TL1']\n")
    assert "the keys stand at the top, without `[tool.torchlint]`" in cli.check().err


def test_a_pack_that_cannot_be_loaded_explains_rules_that_are_missing(cli: Cli) -> None:
    cli.write("torchlint.toml", "packs = ['lint']\nextend-select = ['AC']")
    cli.write("lint/bad_rule.py", "raise ValueError('no')\n")
    cli.write("a.py", PRINTS)
    ran = cli.check("a.py")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"torchlint: torchlint.toml:1: rule pack: {cli.directory}/lint/bad_rule.py:1: ValueError: no\n"


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("a.py", "a.py", True),
        ("a.py", "x/a.py", True),
        ("x/a.py", "y/x/a.py", False),
        ("x", "x/y/a.py", True),
        ("x/", "x/y/a.py", True),
        ("./x", "x/a.py", True),
        ("x/*", "x/a.py", True),
        ("x/*.py", "x/y/a.py", False),
        ("x/**", "x/y/a.py", True),
        ("**/test_*.py", "a/b/test_c.py", True),
        ("**/test_*.py", "test_c.py", True),
        ("*.p[yi]", "a.pi", True),
        ("*.p[!y]", "a.py", False),
        ("a?.py", "ab.py", True),
        ("a.b", "aXb", False),
    ],
)
def test_globs(pattern: str, path: str, expected: bool) -> None:
    assert bool(glob(pattern).match(path)) is expected


@pytest.mark.parametrize(
    ("line", "bounds"),
    [
        ("torch>=2.1,<3", [(2, 1)]),
        ("torch", []),
        ("torch<3", []),
        ("torch!=2.0", []),
        ("torch==2.4.0+cu121", [(2, 4)]),
        ("torch~=2.3", [(2, 3)]),
        ("torch<=1.9,>=1.4", [(1, 4)]),
        ("    \"torch>=2.0.1; sys_platform == 'linux'\",", [(2, 0)]),
        ('torch = "^2.1"', [(2, 1)]),
        ('torch = ">=1.13,<2"', [(1, 13)]),
        ('torch = { version = "2.2.0", source = "x" }', [(2, 2)]),
        ("  - pytorch>=1.10", [(1, 10)]),
        ("  - pytorch=2.1", [(2, 1)]),
        ("install_requires=['torch>=1.7', 'torchvision>=0.8'],", [(1, 7)]),
        ("torchvision>=0.15", []),
        ("pytorch-lightning>=2.0", []),
        ("# torch>=1.0", []),
        ('torch-version = "2.4"', []),
    ],
)
def test_lower_bounds_of_torch(line: str, bounds: list[tuple[int, int]]) -> None:
    assert list(lower_bounds(line)) == bounds


@pytest.mark.parametrize(
    ("files", "version"),
    [
        (
            {
                "pyproject.toml": '[project]\ndependencies = ["torch>=2.2"]\n',
                "uv.lock": '[[package]]\nname = "torch"\nversion = "2.6.0"\n',
            },
            (2, 2),
        ),
        (
            {
                "pyproject.toml": '[project]\ndependencies = ["torch"]\n',
                "uv.lock": '[[package]]\nname = "torch"\nversion = "2.6.0"\n',
            },
            (2, 6),
        ),
        ({"requirements.txt": "numpy\ntorch>=1.12\n"}, (1, 12)),
        ({"requirements/base.txt": "torch==2.0.1\n"}, (2, 0)),
        ({"Pipfile.lock": '{"default": {"torch": {"hashes": [], "version": "==2.1.0"}}}'}, (2, 1)),
        ({"setup.py": "setup(install_requires=['torch>=1.8'])"}, (1, 8)),
        ({f".venv/lib/python3.11/site-packages/torch-2.5.1+cpu.dist-info{os.sep}METADATA": ""}, (2, 5)),
    ],
)
def test_the_torch_version_of_a_project(tmp_path: Path, files: dict[str, str], version: tuple[int, int]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    known = of_project(str(tmp_path))
    assert known is not None
    assert known.version == version
    assert known.source.startswith(str(tmp_path))
