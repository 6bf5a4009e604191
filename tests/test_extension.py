"""The extension's manifest, its pages and the server say the same. What the extension does is tested in real editors: tests/editors/."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import torchlint

ROOT = Path(__file__).resolve().parents[1]
EXTENSION = ROOT / "vscode-extension"
MANIFEST = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
README = (EXTENSION / "README.md").read_text(encoding="utf-8")
SOURCE = "".join(file.read_text(encoding="utf-8") for file in sorted((EXTENSION / "src").glob("*.ts")))
SETTINGS: dict[str, dict[str, Any]] = MANIFEST["contributes"]["configuration"]["properties"]
COMMANDS = [item["command"] for item in MANIFEST["contributes"]["commands"]]
EDITORS = ROOT / "docs" / "editors"


def test_the_version_is_that_of_torchlint() -> None:
    assert MANIFEST["version"] == torchlint.__version__
    assert f"## {torchlint.__version__}" in (EXTENSION / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_setting_is_described_scoped_and_in_the_readme(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.get("description") or setting.get("markdownDescription")
    assert setting["scope"] == "window" if name.startswith("torchlint.trace") else setting["scope"] == "resource"
    assert "default" in setting
    assert f"`{name}`" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_registered_and_in_the_readme(command: str) -> None:
    assert f'"{command}"' in SOURCE
    title = next(item["title"] for item in MANIFEST["contributes"]["commands"] if item["command"] == command)
    assert title in README


def test_no_setting_and_no_command_of_the_readme_is_unknown() -> None:
    named = set(re.findall(r"`(torchlint\.[\w.]+)`", README)) - {"torchlint.toml"}
    assert named <= set(SETTINGS) | set(COMMANDS)


def test_settings_that_run_code_are_not_taken_from_an_untrusted_folder() -> None:
    trust = MANIFEST["capabilities"]["untrustedWorkspaces"]
    assert trust["supported"] == "limited"
    runs = {"torchlint.interpreter", "torchlint.path", "torchlint.importStrategy", "torchlint.configuration"}
    assert runs == set(trust["restrictedConfigurations"])


def test_files_that_the_manifest_and_the_readme_name_exist() -> None:
    steps = [step for page in MANIFEST["contributes"]["walkthroughs"] for step in page["steps"]]
    named = [
        MANIFEST["icon"],
        *(step["media"]["markdown"] for step in steps),
        *re.findall(r"\]\((?!http)([^)#]+)\)", README),
    ]
    assert [name for name in named if not (EXTENSION / name).exists()] == []
    commands = {name for step in steps for name in re.findall(r"command:([\w.]+)", step["description"])}
    assert commands <= set(COMMANDS)


@pytest.mark.parametrize("page", sorted(EDITORS.glob("*.md")), ids=lambda page: page.stem)
def test_an_editor_s_page_has_one_title_and_says_whether_it_was_tried(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert re.search(r"[Tt]ested with|Not tried", text)
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (EDITORS / target).exists(), target
    if page.stem != "index":
        assert f"({page.name})" in (EDITORS / "index.md").read_text(encoding="utf-8")


def test_json_on_the_editors_pages_is_json() -> None:
    for page in EDITORS.glob("*.md"):
        for block in re.findall(r"```json\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            json.loads(block)
