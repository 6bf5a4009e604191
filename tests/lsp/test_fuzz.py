"""Random, repeated, malformed, cancelled and out-of-order messages: the server lives and knows what the client knows.

Run with more messages by `TORCHLINT_FUZZ=10000 python -m pytest -s tests/lsp/test_fuzz.py`.
"""

from __future__ import annotations

import json
import os
import random
import time
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import VSCODE, Client
from torchlint.lsp.options import DEBOUNCE
from torchlint.lsp.session import Session

MESSAGES = int(os.environ.get("TORCHLINT_FUZZ", "800"))
PIECES = (
    *("import torch\n", "from torch import nn\n", "from torch.nn import functional as F\n", "x = 1\n", "\n", "\r\n"),
    *("def train(model, loader):\n    for x, y in loader:\n        F.cross_entropy(model(x), y).backward()\n", "\r"),
    *(
        "        optimizer.step()\n",
        "F.cross_entropy(F.softmax(model(x), -1), y)\n",
        "with torch.cuda.amp.autocast():\n",
    ),
    *("    pass\n", "(", ")", '"""', "'", "#", "\\\n", "\t", "  ", "é", "😀", "\x0c", "\u2028", "\x85", "\ud83d", "\0"),
    *("class Net(nn.Module):\n    def forward(self, x):\n        return F.dropout(x, 0.5)\n", "%matplotlib inline\n"),
    "# torchlint: ignore[TL201] y\n",
)
GOOD = """\
import torch
from torch.nn import functional as F


def loss_of(model, x, y):
    s = '😀'; return F.cross_entropy(F.softmax(model(x), dim=-1), y)
"""
JUNK = (
    *(
        b"{",
        b"[]",
        b"null",
        b"3",
        b'"text"',
        b"\xff\xfe",
        b'{"jsonrpc": "2.0"}',
        b'{"jsonrpc": "1.0", "method": "exit"}',
    ),
    *(b'{"jsonrpc": "2.0", "id": null, "method": 3}', b'{"jsonrpc": "2.0", "method": "textDocument/didChange"}'),
    *(b'{"jsonrpc": "2.0", "id": 99, "result": 5}', b'{"jsonrpc": "2.0", "id": "x", "error": {}}', b"[" * 5000),
    *(b'{"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": {"textDocument": {"uri": 4}}}',),
    *(b'{"jsonrpc": "2.0", "method": "workspace/didChangeConfiguration", "params": {"settings": [1, {"a": null}]}}',),
)
NONSENSE: tuple[Any, ...] = (None, 3, "x", [], {}, {"textDocument": None}, {"textDocument": {"uri": "file:///no.py"}})
METHODS = (
    *("textDocument/hover", "textDocument/codeAction", "workspace/executeCommand", "textDocument/didSave", "no/such"),
    *("textDocument/didClose", "notebookDocument/didChange", "workspace/didChangeWatchedFiles", "$/setTrace"),
    *("textDocument/completion", "notebookDocument/didClose", "window/workDoneProgress/cancel", "initialized"),
)


class Text:
    """A text as the protocol defines its edits, with UTF-16 units."""

    def __init__(self, text: str) -> None:
        self.text = text

    def lines(self) -> list[str]:
        found, line = [], ""
        for index, letter in enumerate(self.text):
            line += letter
            if letter == "\n" or (letter == "\r" and self.text[index + 1 : index + 2] != "\n"):
                found.append(line)
                line = ""
        return [*found, line]

    def index(self, line: int, character: int) -> int:
        lines = self.lines()
        if line >= len(lines):
            return len(self.text)
        at = 0
        for letter in lines[line].rstrip("\r\n"):
            if character <= 0:
                break
            character -= 1 + (ord(letter) > 0xFFFF)
            at += 1
        return sum(map(len, lines[:line])) + at

    def replace(self, start: tuple[int, int], end: tuple[int, int], new: str) -> None:
        first, last = sorted((self.index(*start), self.index(*end)))
        self.text = self.text[:first] + new + self.text[last:]

    def place(self, chance: random.Random) -> tuple[int, int]:
        """A place between two letters, or one beyond a line or the text."""
        lines = self.lines()
        line = chance.randrange(len(lines) + 1)
        inside = lines[line].rstrip("\r\n") if line < len(lines) else ""
        before = inside[: chance.randrange(len(inside) + 1)]
        return line, len(before.encode("utf-16-le", "surrogatepass")) // 2 + chance.choice((0, 0, 0, 0, 50))


class Fuzzer:
    """A client that does everything that a client may do, and much that it may not."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.chance = random.Random(seed)
        self.open: dict[str, Text] = {}
        self.cells: dict[str, Text] = {}
        self.notebook = False
        self.version = 1
        self.sent = 0
        self.uris = [client.uri(name) for name in NAMES]

    def message(self) -> None:
        kinds = (self.edit, self.edit, self.edit, self.edit, self.toggle, self.ask, self.ask, self.junk, self.nonsense)
        self.chance.choice((*kinds, self.in_notebook, self.in_notebook))()
        self.sent += 1
        if self.chance.random() < 0.02:
            time.sleep(2 * DEBOUNCE)  # long enough for a check

    def edit(self) -> None:
        if self.open:
            uri = self.chance.choice(sorted(self.open))
            self.version += self.chance.choice((0, 1, 1, 5))
            document = {"uri": uri, "version": self.version}
            changes = self.changes(self.open[uri])
            self.client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def changes(self, text: Text) -> list[dict[str, Any]]:
        """Random edits of a text, made in it too."""
        changes: list[dict[str, Any]] = []
        for _ in range(self.chance.choice((1, 1, 1, 3))):
            if self.chance.random() < 0.05 or len(text.text) > 6000:
                text.text = self.chance.choice((GOOD, "", "".join(self.chance.choices(PIECES, k=10))))
                changes.append({"text": text.text})
                continue
            start, end, new = text.place(self.chance), text.place(self.chance), self.chance.choice(PIECES)
            if self.chance.random() < 0.7:
                end = start
            text.replace(start, end, new)
            where = {
                "start": dict(zip(("line", "character"), min(start, end), strict=True)),
                "end": dict(zip(("line", "character"), max(start, end), strict=True)),
            }
            changes.append({"range": where, "text": new})
        return changes

    def toggle(self) -> None:
        uri = self.chance.choice(self.uris)
        if uri in self.open and self.chance.random() < 0.6:
            del self.open[uri]
            self.client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
            return
        self.open[uri] = Text(self.chance.choice((GOOD, "", "".join(self.chance.choices(PIECES, k=20)))))
        self.version += 1
        item = {"uri": uri, "languageId": "python", "version": self.version, "text": self.open[uri].text}
        self.client.notify("textDocument/didOpen", {"textDocument": item})

    def in_notebook(self) -> None:
        """Open a notebook, close it, put a cell in, take one out or edit one."""
        identity = {"uri": self.client.uri("n.ipynb"), "version": self.version}
        if not self.notebook:
            self.notebook = True
            items = [self.cell() for _ in range(3)]
            book = {**identity, "notebookType": "jupyter-notebook", "cells": [kind for kind, _ in items]}
            opened = {"notebookDocument": book, "cellTextDocuments": [item for _, item in items]}
            self.client.notify("notebookDocument/didOpen", opened)
            return
        names = list(self.cells)
        what = self.chance.random()
        if what < 0.05:
            self.notebook = False
            self.cells.clear()
            closed = {"notebookDocument": identity, "cellTextDocuments": [{"uri": name} for name in names]}
            self.client.notify("notebookDocument/didClose", closed)
            return
        if what < 0.2 or not names:
            at = self.chance.randrange(len(names) + 1)
            kind, item = self.cell()
            new = self.cells.pop(item["uri"])
            self.cells = dict([*list(self.cells.items())[:at], (item["uri"], new), *list(self.cells.items())[at:]])
            change: dict[str, Any] = {"structure": {"array": {"start": at, "deleteCount": 0, "cells": [kind]}}}
            change["structure"]["didOpen"] = [item]
        elif what < 0.3:
            at = self.chance.randrange(len(names))
            del self.cells[names[at]]
            change = {"structure": {"array": {"start": at, "deleteCount": 1}, "didClose": [{"uri": names[at]}]}}
        else:
            name = self.chance.choice(names)
            edits = self.changes(self.cells[name])
            change = {"textContent": [{"document": {"uri": name, "version": self.version}, "changes": edits}]}
        self.version += 1
        changed = {"notebookDocument": identity, "change": {"cells": change}}
        self.client.notify("notebookDocument/didChange", changed)

    def cell(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """A new cell of the notebook, and its text."""
        self.version += 1
        name = f"vscode-notebook-cell:{self.client.uri('n.ipynb')}#W{self.version}s"
        self.cells[name] = Text(self.chance.choice((GOOD, "", "".join(self.chance.choices(PIECES, k=8)))))
        item = {"uri": name, "languageId": "python", "version": self.version, "text": self.cells[name].text}
        return {"kind": 2, "document": name}, item

    def ask(self) -> None:
        uri = self.chance.choice(self.uris)
        line = self.chance.randrange(12)
        at = {"line": line, "character": self.chance.randrange(40)}
        items = self.client.diagnostics.get(uri, [])
        only = self.chance.choice((None, ["source.fixAll"], ["quickfix"], ["x"]))
        context = {"diagnostics": items, **({"only": only} if only else {})}
        document = {"textDocument": {"uri": uri}}
        method, params = self.chance.choice(
            (
                ("textDocument/hover", {**document, "position": at}),
                ("textDocument/codeAction", {**document, "range": {"start": at, "end": at}, "context": context}),
                ("workspace/executeCommand", {"command": "torchlint.applyFixAll", "arguments": [uri + "?"]}),
                ("workspace/executeCommand", {"command": "torchlint.explain", "arguments": ["TL201"]}),
            )
        )
        number = self.client.send(method, params)
        if self.chance.random() < 0.4:
            self.client.notify("$/cancelRequest", {"id": number if self.chance.random() < 0.8 else 10**6})

    def junk(self) -> None:
        self.client.raw(self.chance.choice(JUNK))

    def nonsense(self) -> None:
        method, params = self.chance.choice(METHODS), self.chance.choice(NONSENSE)
        if self.chance.random() < 0.5:
            self.client.notify(method, params)
        else:
            self.client.send(method, params)
        if self.chance.random() < 0.05:
            settings = {"ignore": self.chance.choice(([], ["TL409"], ["nonsense"])), "severity": {"TL201": "info"}}
            self.client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": settings}})

    def compare(self) -> None:
        """The server's texts are the client's."""
        there = json.loads(self.client.command("debugInformation"))["open"]
        texts = {**self.open, **self.cells}
        assert sorted(there) == sorted(texts)
        for uri, text in texts.items():
            assert there[uri]["characters"] == len(text.text), uri
            assert there[uri]["checksum"] == zlib.crc32(text.text.encode(errors="surrogatepass")), uri

    def finish(self) -> None:
        """The last diagnostics are those of a fresh check."""
        self.client.notify("workspace/didChangeConfiguration", {"settings": {"torchlint": {}}})
        for uri, text in self.open.items():
            self.version += 1
            text.text += "\n"
            self.client.change(uri, text.text, self.version)
        self.compare()
        fresh = Session([str(self.client.folder)])
        paths = {self.client.uri(name): str(self.client.folder / name) for name in NAMES}
        for uri, text in self.open.items():
            fresh.put(paths[uri], text.text)
        for uri, text in self.open.items():
            result = fresh.check(paths[uri], text.text)
            wanted = {(f.name, f.place.span.line - 1, f.message) for f in result.outcome.findings}
            self.expect(wanted, [uri], result.outcome.complete)
        if self.notebook:
            result = fresh.check_cells(str(self.client.folder / "n.ipynb"), [text.text for text in self.cells.values()])
            assert result.cells is not None
            wanted = {(f.name, result.cells.cell(f.place.span.line)[1] - 1, f.message) for f in result.outcome.findings}
            self.expect(wanted, list(self.cells), result.outcome.complete)

    def expect(self, wanted: set[tuple[str, int, str]], uris: list[str], complete: bool) -> None:
        """Wait for findings; where the text does not parse, former ones may be there too."""

        def said() -> set[tuple[str, int, str]]:
            items = [item for uri in uris for item in self.client.diagnostics.get(uri, [])]
            return {(str(i["code"]), int(i["range"]["start"]["line"]), str(i["message"])) for i in items}

        def right() -> bool:
            return said() == wanted if complete else said() >= wanted

        self.client.until(right, f"{wanted} in {uris}")


NAMES = ("a.py", "b c.py", "d/é.py", "e.py")


@pytest.mark.parametrize("seed", [20260401])
def test_the_server_survives_and_knows_the_texts(seed: int, tmp_path: Path) -> None:
    client = Client(tmp_path, VSCODE["capabilities"])
    fuzzer = Fuzzer(client, seed)
    while fuzzer.sent < MESSAGES:
        fuzzer.message()
        if fuzzer.sent % 100 == 0:
            fuzzer.compare()
        if fuzzer.sent % 1000 == 0:
            fuzzer.finish()
    fuzzer.finish()
    for uri in list(fuzzer.open):
        client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    uri = client.open("last.py", GOOD)
    assert client.codes(uri, 1) == ["softmax-before-cross-entropy"]
    assert client.close() == 0
    print(f"{fuzzer.sent} messages, {len(client.published)} publications, {len(client.logs)} lines in the log")
