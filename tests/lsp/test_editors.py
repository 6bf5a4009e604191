"""The server with the capabilities that real editors have sent: nothing that they cannot take, all that they can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import EDITORS, FIXTURES, Client, applied, edits_of, recorded

TEXT = """\
import torch
from torch import nn


def train(loader):
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        s = '😀'; optimizer.step()


with torch.cuda.amp.autocast():
    train([])
"""
UTF8 = {"neovim-0.11"}


@pytest.fixture(params=EDITORS)
def editor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(editor: str, tmp_path: Path) -> Iterator[Client]:
    (tmp_path / ".virtual_documents").mkdir()
    client = start(editor, tmp_path)
    yield client
    client.process.kill()
    client.process.wait()


def start(editor: str, folder: Path) -> Client:
    parameters = recorded(editor, folder)
    return Client(folder, parameters.pop("capabilities"), **parameters)


def test_six_editors_are_recorded() -> None:
    assert len(EDITORS) == 6
    for path in FIXTURES.iterdir():
        assert "processId" in path.read_text(encoding="utf-8")


def test_diagnostics_hold_what_the_editor_can_show(editor: str, client: Client) -> None:
    uri = client.open("train.py", TEXT)
    step, autocast = client.wait(uri)
    can = recorded(editor, client.folder)["capabilities"]["textDocument"]["publishDiagnostics"]
    assert [step["code"], autocast["code"]] == ["missing-zero-grad", "deprecated-torch-api"]
    assert step["source"] == "torchlint"
    assert step["severity"] == 1
    assert ("relatedInformation" in step) == bool(can.get("relatedInformation"))
    assert ("codeDescription" in step) == bool(can.get("codeDescriptionSupport"))
    assert autocast["tags"] == [2]
    assert step["range"]["start"] == {"line": 10, "character": 20 if editor in UTF8 else 18}
    if "codeDescription" in step:
        assert step["codeDescription"]["href"].endswith("/rules/optimization/missing_zero_grad.py")


def test_code_actions_make_edits_that_the_editor_takes(editor: str, client: Client) -> None:
    uri = client.open("train.py", TEXT)
    items = client.wait(uri)
    workspace = recorded(editor, client.folder)["capabilities"]["workspace"].get("workspaceEdit") or {}
    kept = [{key: value for key, value in item.items() if key != "data"} for item in items]
    for sent in (items, kept):  # some editors do not send back what they do not know
        actions = client.actions(uri, *sent)
        fixes = [action for action in actions if action["title"].startswith("Replace by torch.amp.autocast")]
        assert len(fixes) == 1, [action["title"] for action in actions]
        assert fixes[0]["isPreferred"] is True
        assert ("documentChanges" in fixes[0]["edit"]) == bool(workspace.get("documentChanges"))
        assert "autocast('cuda')" in applied(TEXT, edits_of(fixes[0]["edit"], uri)).replace('"', "'")
    ignoring = [action for action in actions if action["title"] == "Ignore missing-zero-grad on this line"]
    edit = ignoring[0]["edit"]
    assert ("snippet" in str(edit)) == bool(workspace.get("snippetEditSupport"))
    if editor not in UTF8:
        client.change(uri, applied(TEXT, edits_of(edit, uri)), 2)
        assert client.codes(uri, 2) == ["deprecated-torch-api"]


def test_hovers_are_in_the_format_of_the_editor(editor: str, client: Client) -> None:
    uri = client.open("train.py", TEXT)
    client.wait(uri)
    plain = recorded(editor, client.folder)["capabilities"]["textDocument"]["hover"]["contentFormat"] == ["plaintext"]
    said = client.hover(uri, 10, 22)
    assert "missing-zero-grad (TL101)" in said
    assert "Bad:" in said and "Fixed:" in said and "rules/optimization/missing_zero_grad.py" in said
    assert ("```python" in said) != plain
    assert client.hover(uri, 0, 2) == ""


def test_the_session_ends_in_peace(client: Client) -> None:
    client.open("train.py", TEXT)
    assert client.close() == 0


# what the editors do differently


def test_jupyterlab_sends_a_notebook_as_one_text(tmp_path: Path) -> None:
    (tmp_path / ".virtual_documents").mkdir()
    (tmp_path / "torchlint.toml").write_text('ignore = ["deprecated-torch-api"]\n')
    client = start("jupyterlab-lsp-5.3", tmp_path)
    name = ".virtual_documents/train.ipynb"
    text = "get_ipython().run_line_magic('matplotlib', 'inline')\n\n\n" + TEXT
    uri = client.open(name, text, version=0)
    assert client.codes(uri, 0) == ["missing-zero-grad"]
    for version, now in ((0, text.replace("loss.b", "optimizer.zero_grad(); loss.b")), (1, text)):
        client.diagnostics.clear()
        client.change(uri, now, version)
        assert client.codes(uri) == (["missing-zero-grad"] if version else [])
    assert not client.shown
    assert client.close() == 0


def test_every_folder_has_its_own_settings(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    scopes = {folders[1].as_uri(): {"ignore": ["missing-zero-grad"], "severity": {"TL902": "info"}}}
    roots = [{"uri": folder.as_uri(), "name": folder.name} for folder in folders]
    client = Client(tmp_path, workspaceFolders=roots, scopes=scopes)
    one, two = client.open("one/train.py", TEXT), client.open("two/train.py", TEXT)
    assert client.codes(one, 1) == ["missing-zero-grad", "deprecated-torch-api"]
    assert [(item["code"], item["severity"]) for item in client.wait(two, 1)] == [("deprecated-torch-api", 3)]
    removed: dict[str, Any] = {"event": {"added": [], "removed": [roots[1]]}}
    client.notify("workspace/didChangeWorkspaceFolders", removed)
    client.until(lambda: len(client.diagnostics[two]) == 2, "the general settings to hold")
    assert client.close() == 0


def test_settings_in_a_list_name_their_folder(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    own = {"workspace": (tmp_path / "two").as_uri(), "ignore": ["missing-zero-grad"]}
    options = {"settings": [own], "globalSettings": {"ignore": ["deprecated-torch-api"]}}
    client = Client(tmp_path, initializationOptions=options)
    assert client.codes(client.open("train.py", TEXT), 1) == ["missing-zero-grad"]
    assert client.codes(client.open("two/train.py", TEXT), 1) == ["deprecated-torch-api"]
    assert client.close() == 0
