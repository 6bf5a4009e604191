"""Layers of configuration (`extend`, profiles, the command line), `torchlint config` and `--show-settings`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from surface import PRINTS, Cli, program

from torchlint.settings import KEYS, PROFILES, Settings, SettingsError, allows, from_file, read

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "torchlint.schema.json"


def settings_of(directory: Path, files: dict[str, str], name: str = "torchlint.toml") -> Settings:
    for file, text in files.items():
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        (directory / file).write_text(text)
    return from_file(str(directory / name))


@pytest.mark.parametrize(
    ("base", "own", "field", "value"),
    [
        ("ignore = ['TL1']", "", "ignore", ("TL1",)),
        ("ignore = ['TL1']", "ignore = ['TL2']", "ignore", ("TL2",)),
        ("extend-select = ['TL1']", "extend-select = ['TL2']", "extend_select", ("TL1", "TL2")),
        ("rules.a.x = 1", "rules.b.y = 2", "rules", {"a": {"x": 1}, "b": {"y": 2}}),
        (
            "per-file-ignores = { a = ['TL1'] }",
            "per-file-ignores = { a = ['TL2'] }",
            "per_file_ignores",
            {"a": ("TL2",)},
        ),
        ("fail-on = 'error'", "profile = 'strict'", "fail_on", "info"),
        ("profile = 'strict'", "fail-on = 'error'", "fail_on", "error"),
        ("profile = 'strict'", "", "select", ("ALL",)),
        ("profile = 'strict'", "select = ['TL1']", "select", ("TL1",)),
    ],
)
def test_layers(tmp_path: Path, base: str, own: str, field: str, value: object) -> None:
    settings = settings_of(tmp_path, {"base/b.toml": base, "torchlint.toml": f"extend = 'base/b.toml'\n{own}"})
    assert getattr(settings, field) == value
    assert settings.root == str(tmp_path)


def test_paths_count_from_their_own_file(tmp_path: Path) -> None:
    files = {"base/pyproject.toml": "[tool.torchlint]\npacks = ['./lint', 'named']\nbaseline = 'b.json'\n"}
    settings = settings_of(tmp_path, {**files, "torchlint.toml": "extend = 'base/pyproject.toml'"})
    assert settings.packs == (str(tmp_path / "base/lint"), "named")
    assert settings.baseline == str(tmp_path / "base/b.json")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"torchlint.toml": "\nextend = 'no.toml'"}, "torchlint.toml:2: `extend` names `no.toml`, which is no file"),
        ({"torchlint.toml": "extend = 3"}, "torchlint.toml:1: `extend` is 3, but must be a string"),
        ({"torchlint.toml": "extend = 'torchlint.toml'"}, "torchlint.toml:1: `extend` comes back to `torchlint.toml`"),
        (
            {"torchlint.toml": "extend = 'b.toml'", "b.toml": "extend = 'torchlint.toml'"},
            "b.toml:1: `extend` comes back to `torchlint.toml`",
        ),
        ({"torchlint.toml": "extend = 'b.toml'", "b.toml": "\nselct = []"}, "b.toml:2: unknown key `selct`"),
        ({"torchlint.toml": "profile = 'stric'"}, "`deterministic`, `performance`, `strict`; did you mean `strict`?"),
        ({"torchlint.toml": "required-version = '>1,'"}, 'must be a version, or bounds of it such as ">=0.2,<1"'),
        (
            {"torchlint.toml": "required-version = '>=99'\nfuture = 1"},
            "is running, but `required-version` is `>=99`",
        ),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], said: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        settings_of(tmp_path, files)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("requirement", "running", "answer"),
    [
        ("0.1.0", "0.1.0", True),
        ("0.1", "0.1.0", True),
        ("0.1", "0.1.1", False),
        (">=0.1", "0.10.0", True),
        (">=0.2,<1", "0.10.0", True),
        (">=0.2,<1", "1.0.0", False),
        ("!=0.1.1", "0.1.1", False),
        ("~=0.2.1", "0.2.9", True),
        ("~=0.2.1", "0.3.0", False),
        ("~=0.2", "0.9.0", True),
        ("~=0.2", "1.0.0", False),
        (">0.1", "0.1.0", False),
        ("<=0.1", "0.1.0", True),
        (">=0.2", "0.2.0.dev1", True),
    ],
)
def test_required_versions(requirement: str, running: str, answer: bool) -> None:
    assert allows(requirement, running) is answer


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_valid_tables(name: str) -> None:
    assert read({"profile": name}, Settings("/"), str).profile == name


@pytest.mark.parametrize(
    ("configuration", "marked", "fixed"),
    [
        ("", ["XX101"], "for i in x:\n    log(i)\n"),
        ("extend-safe-fixes = ['XX103']", ["XX103", "XX101"], "for i in x:\n    count += 1\n    log(i)\n"),
        ("extend-unsafe-fixes = ['XX1']", [], "for i in x:\n    print(i)\n"),
        (
            "extend-unsafe-fixes = ['XX1']\nextend-safe-fixes = ['counted-loop']",
            ["XX103"],
            "for i in x:\n    count += 1\n    print(i)\n",
        ),
        ("extend-unsafe-fixes = ['ALL']\nextend-safe-fixes = ['ALL']", [], "for i in x:\n    print(i)\n"),
    ],
)
def test_the_safety_of_fixes_is_a_choice_of_the_project(
    cli: Cli, configuration: str, marked: list[str], fixed: str
) -> None:
    cli.write("torchlint.toml", configuration)
    cli.write("a.py", "import torch\n\nfor i in x:\n    print(i)\n")
    assert [line.split()[1] for line in cli.check().lines if "[*]" in line] == marked
    cli.run("check", "--fix")
    assert cli.read("a.py") == "import torch\n\n" + fixed
    assert "`extend-safe-fixes` names `nope`" in cli.run("check", "--config", "extend-safe-fixes=['nope']").err


def test_a_profile_of_the_command_line_goes_over_the_file(cli: Cli) -> None:
    cli.write("torchlint.toml", "select = ['XX103']")
    cli.write("a.py", PRINTS + "ping\n")
    assert [line.split()[1] for line in cli.check("--config", "profile=strict").lines] == ["XX101", "XX104"]


def test_where_values_come_from(cli: Cli) -> None:
    cli.write("base.toml", "extend-exclude = ['x']\nprofile = 'performance'\n")
    cli.write("torchlint.toml", "extend = 'base.toml'\n\nextend-exclude = ['y']\nignore = ['XX1']\n")
    ran = cli.run("check", "--show-settings", "--ignore", "XX103", "--config", "preview=true", "--fail-on", "error")
    rows = [(line.partition("  # ")[0].strip(), line.partition("  # ")[2]) for line in ran.lines]
    rows = [row for row in rows if row[1] not in ("", "default")]
    assert rows == [
        (f'extend = "{cli.directory}/base.toml"', "torchlint.toml:1"),
        ('profile = "performance"', "base.toml:2"),
        ('select = ["correctness", "suspicious", "performance"]', "profile `performance`"),
        ('ignore = ["XX1", "XX103"]', "torchlint.toml:4, --ignore"),
        ('severity = { performance = "error" }', "profile `performance`"),
        ("preview = true", "the command line"),
        ('extend-exclude = ["x", "y"]', "base.toml:1, torchlint.toml:3"),
        ('fail-on = "error"', "the command line"),
    ]
    assert "#   XX105 unproven-sum" not in ran.lines
    assert (ran.code, ran.err) == (0, "")


def test_shown_settings_are_a_configuration_file(cli: Cli) -> None:
    shown = cli.run(
        "check", "--show-settings", "--config", "severity={ TL1 = 'info', 'a b' = 'error' }", "--config", "noqa=true"
    ).out
    path = cli.write("torchlint.toml", shown)
    settings = from_file(str(path))
    assert settings.noqa and dict(settings.severity).keys() == {"TL1", "a b"}
    assert settings.exclude == Settings("").exclude


def test_files_without_mistakes(cli: Cli) -> None:
    assert cli.run("config", "--check") == (0, "No configuration file found.\n", "")
    cli.write("pyproject.toml", "[tool.torchlint]\nselect = ['XX1']\n")
    cli.write("other/pyproject.toml", "[tool.other]\n")
    cli.write("sub/.torchlint.toml", "extend = '../pyproject.toml'\n")
    cli.write(".venv/torchlint.toml", "nonsense = 1\n")
    assert cli.run("config", "--check") == (0, "No mistakes in 2 configuration files.\n", "")
    assert cli.run("config", "--check", "sub/.torchlint.toml").out == "No mistakes in 1 configuration file.\n"


def test_all_mistakes_are_told_at_once(cli: Cli) -> None:
    cli.write(
        "torchlint.toml",
        "selct = ['XX1']\nignore = ['XX101', 'print-cal', 'XX7']\nfail-on = 'fatal'\npreview = 'yes'\n"
        "[severity]\nXX101 = 'loud'\nnope = 'info'\n[rules.print-call]\nevry = 1\nevery = 'x'\n",
    )
    cli.write("sub/torchlint.toml", "select = [\n")
    ran = cli.run("config", "--check")
    assert ran.code == 1
    assert [line.partition(": ")[0] for line in ran.lines] == [
        *("torchlint.toml:1", "torchlint.toml:2", "torchlint.toml:2", "torchlint.toml:3", "torchlint.toml:4"),
        *("torchlint.toml:5", "torchlint.toml:5", "torchlint.toml:9", "torchlint.toml:10", "sub/torchlint.toml"),
        "Found 10 mistakes in 2 configuration files.",
    ]
    assert "did you mean `print-call`?" in ran.lines[1]


def test_missing_files_that_a_configuration_names(cli: Cli) -> None:
    cli.write("torchlint.toml", "baseline = 'gone.json'\npacks = ['no/where']\n")
    ran = cli.run("config", "--check")
    assert ran.code == 2
    assert "torchlint.toml:1: `baseline` names `gone.json`, which is no file" in ran.out
    assert "no/where: this rule pack is not a directory" in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("selct",), "`selct` is no configuration key; did you mean `select`?"),
        (("select", "ignore"), "one key at a time"),
        (("--check", "nowhere"), "nowhere: no such file or directory"),
        (("--check", "--config", "select"), "neither a file nor KEY=VALUE"),
    ],
)
def test_config_asked_wrongly(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    ran = cli.run("config", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_every_key_has_a_page(cli: Cli) -> None:
    listed = cli.run("config").out
    for key in KEYS:
        assert f"\n{key.name} " in f"\n{listed}"
        ran = cli.run("config", key.name)
        assert ran.code == 0 and key.doc in ran.out and key.example.splitlines()[-1] in ran.out


def test_the_committed_schema_is_up_to_date(tmp_path: Path) -> None:
    ran = program("config", "--schema", "--isolated", cwd=tmp_path)
    assert ran.code == 0
    assert ran.out == SCHEMA.read_text(), "run `torchlint config --schema --isolated > torchlint.schema.json`"


def test_the_schema_knows_the_rules_of_packs(cli: Cli) -> None:
    schema = cli.run("config", "--schema").json
    assert "print-call" in [entry.get("const") for entry in schema["definitions"]["selector"]["anyOf"]]
    assert schema["definitions"]["rules"]["properties"]["print-call"]["properties"]["every"] == {
        "type": "integer",
        "default": 1,
    }


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_the_schema_accepts_what_is_accepted_and_nothing_else(key: object) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    table = tomllib.loads(key.example)  # type: ignore[attr-defined]
    table = table.get("tool", {"torchlint": table})["torchlint"]
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    assert not list(validator.iter_errors(table))
    assert list(validator.iter_errors({key.name: 3}))  # type: ignore[attr-defined]
    assert list(validator.iter_errors({key.name + "x": 3}))  # type: ignore[attr-defined]
