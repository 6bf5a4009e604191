"""The server as an editor sees it: a real process, a real pipe, real messages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import Client, applied, edits_of
from torchlint import hygiene, packs

ROOT = Path(__file__).resolve().parents[2]

ALIAS = """\
import torch
from torch import nn


def train(loader):
    model = nn.Linear(4, 2)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
"""
MODEL = """\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 2), nn.Softmax(dim=1))

    def forward(self, x):
        return self.layers(x)
"""
USES = """\
from torch import nn

from model import Net


def loss_of(x, y):
    return nn.CrossEntropyLoss()(Net()(x), y)
"""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    client = Client(tmp_path)
    yield client
    client.process.kill()
    client.process.wait()


def test_findings_come_and_go_while_typing(client: Client) -> None:
    uri = client.open("train.py", ALIAS)
    assert client.codes(uri, 1) == ["missing-zero-grad"]
    client.change(uri, ALIAS.replace("        loss.b", "        optimizer.zero_grad()\n        loss.b"), 2)
    assert client.codes(uri, 2) == []
    client.change(uri, ALIAS, 3)
    assert client.codes(uri, 3) == ["missing-zero-grad"]
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    client.until(lambda: client.diagnostics[uri] == [], "cleared diagnostics")
    assert client.close() == 0


def test_a_diagnostic_says_what_why_and_where_else(client: Client) -> None:
    (item,) = client.wait(client.open("train.py", ALIAS), 1)
    assert item["source"] == "torchlint"
    assert item["severity"] == 1
    assert item["range"]["start"] == {"line": 11, "character": 8}
    assert item["relatedInformation"][0]["location"]["range"]["start"]["line"] == 10


def test_a_quick_fix_removes_the_finding(client: Client) -> None:
    uri = client.open("train.py", ALIAS)
    (item,) = client.wait(uri, 1)
    actions = client.request(
        "textDocument/codeAction",
        {"textDocument": {"uri": uri}, "range": item["range"], "context": {"diagnostics": [item]}},
    )
    titles = [action["title"] for action in actions]
    assert any(title.startswith("Clear the gradients") and title.endswith("(unsafe)") for title in titles)
    assert "Ignore missing-zero-grad on this line" in titles
    assert "Explain missing-zero-grad" in titles
    fixed = applied(ALIAS, edits_of(actions[0]["edit"], uri))
    client.change(uri, fixed, 2)
    assert client.codes(uri, 2) == []


@pytest.mark.parametrize("where", ["on this line", "in this file"])
def test_ignoring_a_finding_silences_it(client: Client, where: str) -> None:
    uri = client.open("train.py", ALIAS)
    (item,) = client.wait(uri, 1)
    context = {"diagnostics": [item]}
    actions = client.request(
        "textDocument/codeAction", {"textDocument": {"uri": uri}, "range": item["range"], "context": context}
    )
    (action,) = [a for a in actions if a["title"] == f"Ignore missing-zero-grad {where}"]
    client.change(uri, applied(ALIAS, edits_of(action["edit"], uri)), 2)
    assert client.codes(uri, 2) == []


def test_no_fix_all_unless_it_is_asked_for(client: Client) -> None:
    text = "import torch\n\nwith torch.cuda.amp.autocast():\n    pass\n"
    uri = client.open("amp.py", text)
    assert client.codes(uri, 1) == ["deprecated-torch-api"]
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}

    def ask(**context: Any) -> list[dict[str, Any]]:
        params = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": [], **context}}
        return client.request("textDocument/codeAction", params) or []

    assert ask() == []
    (action,) = ask(only=["source.fixAll"])
    assert action["kind"] == "source.fixAll.torchlint"
    client.change(uri, applied(text, edits_of(action["edit"], uri)), 2)
    assert client.codes(uri, 2) == []


def test_an_edit_in_one_file_refreshes_another(client: Client) -> None:
    (client.folder / "model.py").write_text(MODEL)
    train = client.open("train.py", USES)
    assert client.codes(train, 1) == ["softmax-before-cross-entropy"]
    related = client.diagnostics[train][0]["relatedInformation"]
    assert any(item["location"]["uri"] == client.uri("model.py") for item in related)
    model = client.open("model.py", MODEL)
    client.wait(model, 1)
    client.change(model, MODEL.replace(", nn.Softmax(dim=1)", ""), 2)
    client.until(lambda: client.diagnostics[train] == [], "train.py without findings")
    client.notify("textDocument/didClose", {"textDocument": {"uri": model}})
    client.until(lambda: client.diagnostics[train] != [], "the file on disk to count again")


def test_hover_explains_the_rule_on_the_squiggle_and_in_comments(client: Client) -> None:
    text = ALIAS + "# torchlint: file-ignore[host-sync-in-step] prototype\n"
    uri = client.open("train.py", text)
    client.wait(uri, 1)

    def hover(line: int, character: int) -> str:
        params = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        found = client.request("textDocument/hover", params)
        return str(found["contents"]["value"]) if found else ""

    assert "missing-zero-grad (TL101)" in hover(11, 12)
    assert "host-sync-in-step (TL603)" in hover(12, 30)
    assert hover(0, 2) == ""


def test_settings_of_the_client_select_rules(tmp_path: Path) -> None:
    client = Client(tmp_path, initializationOptions={"settings": {"ignore": ["missing-zero-grad"]}})
    uri = client.open("train.py", ALIAS)
    assert client.codes(uri, 1) == []
    client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": {"severity": {"TL101": "info"}}}})
    client.until(lambda: client.diagnostics[uri] != [], "the rule to be on again")
    assert client.diagnostics[uri][0]["severity"] == 3
    assert client.close() == 0


def test_a_bad_configuration_file_is_told_and_survived(client: Client) -> None:
    (client.folder / "torchlint.toml").write_text('selekt = ["ALL"]\n')
    uri = client.open("train.py", ALIAS)
    client.wait(uri, 1)
    client.until(lambda: any("selekt" in line for line in client.logs), "a message about the key")
    (client.folder / "torchlint.toml").write_text("")
    changed = {"changes": [{"uri": client.uri("torchlint.toml"), "type": 2}]}
    client.notify("workspace/didChangeWatchedFiles", changed)
    client.until(lambda: client.diagnostics[uri] != [], "findings again")


def test_what_the_baseline_has_is_a_hint(client: Client) -> None:
    """Seen without a squiggle, left alone by fix all; what an edit brings in is an error as ever."""
    old = ALIAS + "\n\nwith torch.cuda.amp.autocast():\n    pass\n"
    (client.folder / "train.py").write_text(old)
    command = [sys.executable, "-m", "torchlint", "baseline", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, cwd=client.folder, env=environment, check=True)
    uri = client.open("train.py", old)
    assert [item["severity"] for item in client.wait(uri, 1)] == [4, 4]
    again = old + ALIAS.partition("\n\n\n")[2].replace("train", "again")
    client.change(uri, again, 2)
    assert [item["severity"] for item in client.wait(uri, 2)] == [4, 4, 1]
    where = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    context = {"diagnostics": [], "only": ["source.fixAll"]}
    asked = {"textDocument": {"uri": uri}, "range": where, "context": context}
    assert not client.request("textDocument/codeAction", asked)
    (client.folder / ".torchlint-baseline.json").write_text('{"version": 1, "findings": []}\n')
    changed = {"changes": [{"uri": client.uri(".torchlint-baseline.json"), "type": 2}]}
    client.notify("workspace/didChangeWatchedFiles", changed)
    client.until(lambda: [item["severity"] for item in client.diagnostics[uri]] == [1, 2, 1], "findings as ever")


def test_positions_count_what_the_client_counts(tmp_path: Path) -> None:
    text = ALIAS.replace("        optimizer.step()", "        s = '😀'; optimizer.step()")
    for encoding, character in (("utf-16", 18), ("utf-8", 20), ("utf-32", 17)):
        client = Client(tmp_path, {"general": {"positionEncodings": [encoding]}})
        (item,) = client.wait(client.open("train.py", text), 1)
        assert item["range"]["start"]["character"] == character
        assert client.close() == 0


def test_broken_code_keeps_the_rest_checked(client: Client) -> None:
    uri = client.open("train.py", ALIAS + "\n\ndef broken(:\n    pass\n")
    assert sorted(client.codes(uri, 1)) == ["missing-zero-grad", "syntax-error"]


CELLS = [
    "import torch\nfrom torch import nn\n%matplotlib inline\n!pip list",
    "model = nn.Linear(4, 2)\noptimizer = torch.optim.SGD(model.parameters(), lr=0.1)\ncriterion = nn.CrossEntropyLoss()",
    "for x, y in loader:\n    loss = criterion(model(x), y)\n    loss.backward()\n    optimizer.step()",
]


def test_a_notebook_is_one_program(client: Client) -> None:
    uri = client.uri("train.ipynb")
    cells = [{"kind": 2, "document": f"vscode-notebook-cell:{uri}#W{i}"} for i in range(3)]
    documents = [
        {"uri": cell["document"], "languageId": "python", "version": 1, "text": text}
        for cell, text in zip(cells, CELLS, strict=True)
    ]
    notebook = {"uri": uri, "notebookType": "jupyter-notebook", "version": 1, "cells": cells}
    client.notify("notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": documents})
    last = str(cells[2]["document"])
    assert client.codes(last, 1) == ["missing-zero-grad"]
    assert client.diagnostics[last][0]["range"]["start"] == {"line": 3, "character": 4}
    assert client.codes(str(cells[0]["document"])) == []
    change = {
        "cells": {
            "textContent": [
                {
                    "document": {"uri": last, "version": 2},
                    "changes": [{"text": CELLS[2].replace("    loss.b", "    optimizer.zero_grad()\n    loss.b")}],
                }
            ]
        }
    }
    client.notify("notebookDocument/didChange", {"notebookDocument": {"uri": uri, "version": 2}, "change": change})
    assert client.codes(last, 2) == []


def test_the_whole_workspace_on_wish(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(ALIAS)
    (tmp_path / "b.py").write_text("print(1)\n")
    client = Client(tmp_path, initializationOptions={"settings": {"diagnosticMode": "workspace"}})
    assert client.codes(client.uri("a.py")) == ["missing-zero-grad"]
    assert client.close() == 0


def test_commands(client: Client) -> None:
    uri = client.open("amp.py", "import torch\n\nwith torch.cuda.amp.autocast():\n    pass\n")
    client.wait(uri, 1)

    def command(name: str, *arguments: Any) -> Any:
        return client.request("workspace/executeCommand", {"command": f"torchlint.{name}", "arguments": arguments})

    assert "Fixed" in command("explain", "TL101")["markdown"]
    rules = command("rules")
    codes = [rule["code"] for rule in rules]
    assert codes == [*sorted(rule.code for rule in packs.load()), *sorted(rule.code for rule in hygiene.RULES)]
    assert next(rule for rule in rules if rule["code"] == "TL702") == {
        "code": "TL702",
        "name": "state-dict-alias-snapshot",
        "category": "correctness",
        "title": "A kept `state_dict()` refers to the living weights, so the snapshot follows the training.",
        "evidence": True,
    }
    assert '"open"' in command("debugInformation")
    assert command("applyFixAll", uri) is True
    assert client.applied
    proof = command("prove", "argparse-nothing", None)
    assert proof["ok"] is False
    assert client.request("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 2, "character": 9}})


def test_a_failing_request_does_not_end_the_server(client: Client) -> None:
    client.notify("textDocument/didChange", {"nonsense": 1})
    client.notify("textDocument/didSave", {"textDocument": {"uri": "file:///nowhere.py"}})
    with pytest.raises(RuntimeError):
        client.request("workspace/executeCommand", {"command": "torchlint.nothing"})
    uri = client.open("train.py", ALIAS)
    assert client.codes(uri, 1) == ["missing-zero-grad"]
