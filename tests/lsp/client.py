"""A language client on pipes: JSON-RPC by hand, so that nothing of the server's own library is trusted."""

from __future__ import annotations

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torchlint

START = "import sys; sys.path[:] = filter(None, sys.path); from torchlint.cli import main; sys.exit(main(['server']))"
SECONDS = 60.0
FIXTURES = Path(__file__).parent / "fixtures"
EDITORS = sorted(path.stem for path in FIXTURES.glob("*.json"))


def recorded(editor: str, folder: Path) -> dict[str, Any]:
    """The parameters of `initialize` as an editor has sent them, for another folder."""
    text = (FIXTURES / f"{editor}.json").read_text(encoding="utf-8")
    text = text.replace("file:///workspace", folder.as_uri()).replace('"/workspace', f'"{folder.as_posix()}')
    found: dict[str, Any] = json.loads(text)
    return found


VSCODE = recorded("vscode-1.139", Path("/workspace"))


class Client:
    """Starts `torchlint server` and speaks to it; `diagnostics` holds what was published last for each document."""

    def __init__(
        self,
        folder: Path,
        capabilities: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        settings: Any = None,
        scopes: dict[str, Any] | None = None,
        **initialize: Any,
    ) -> None:
        """`capabilities` are those of VS Code by default; `initialize` replaces other parameters of the first request."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(torchlint.__file__).parents[1]),
                **(environment or {}),
            },
        )
        self.folder = folder
        self.diagnostics: dict[str, list[dict[str, Any]]] = {}
        self.versions: dict[str, Any] = {}
        self.logs: list[str] = []
        self.shown: list[str] = []
        self.documents: list[str] = []
        self.published: list[str] = []
        self.applied: list[dict[str, Any]] = []
        self.settings: Any = settings or {}
        self.scopes: dict[str, Any] = scopes or {}
        self.ended: list[Any] = []
        self._answers: dict[int, dict[str, Any]] = {}
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._next = 0
        threading.Thread(target=self._read, daemon=True).start()
        params = {
            "processId": None,
            "rootUri": folder.as_uri(),
            "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
            "capabilities": VSCODE["capabilities"] if capabilities is None else capabilities,
            **initialize,
        }
        self.capabilities = self.request("initialize", params)["capabilities"]
        self.notify("initialized", {})

    def uri(self, name: str) -> str:
        """The uri of a file of the folder."""
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str, version: int = 1) -> str:
        """Open a document."""
        uri = self.uri(name)
        item = {"uri": uri, "languageId": "python", "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return uri

    def open_notebook(self, name: str, texts: list[str]) -> list[str]:
        """Open a notebook of code cells; the uris of its cells."""
        uri = self.uri(name)
        cells = [f"vscode-notebook-cell:{uri}#W{number}s" for number in range(len(texts))]
        items = [
            {"uri": cell, "languageId": "python", "version": 1, "text": text}
            for cell, text in zip(cells, texts, strict=True)
        ]
        listed = [{"kind": 2, "document": cell} for cell in cells]
        notebook = {"uri": uri, "notebookType": "jupyter-notebook", "version": 1, "cells": listed}
        self.notify("notebookDocument/didOpen", {"notebookDocument": notebook, "cellTextDocuments": items})
        return cells

    def change(self, uri: str, text: str, version: int) -> None:
        """Replace the whole text of a document."""
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def insert(self, uri: str, version: int, at: dict[str, int], text: str) -> None:
        """Put text in at a place of a document."""
        change = {"range": {"start": at, "end": at}, "text": text}
        document = {"uri": uri, "version": version}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def actions(self, uri: str, *items: dict[str, Any], only: list[str] | None = None) -> list[dict[str, Any]]:
        """The code actions for some diagnostics, at the place of the first."""
        start = {"line": 0, "character": 0}
        where = items[0]["range"] if items else {"start": start, "end": start}
        context = {"diagnostics": list(items), **({"only": only} if only is not None else {})}
        params = {"textDocument": {"uri": uri}, "range": where, "context": context}
        return self.request("textDocument/codeAction", params) or []

    def hover(self, uri: str, line: int, character: int) -> str:
        """The text of a hover; empty if there is none."""
        params = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        found = self.request("textDocument/hover", params)
        return str(found["contents"]["value"]) if found else ""

    def command(self, name: str, *arguments: Any) -> Any:
        """Have the server carry out a command."""
        return self.request("workspace/executeCommand", {"command": f"torchlint.{name}", "arguments": arguments})

    def notify(self, method: str, params: Any) -> None:
        """Send a notification."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, method: str, params: Any) -> int:
        """Send a request; its number."""
        self._next += 1
        self._send({"jsonrpc": "2.0", "id": self._next, "method": method, "params": params})
        return self._next

    def request(self, method: str, params: Any) -> Any:
        """Send a request and wait for its result."""
        number = self.send(method, params)
        self.until(lambda: number in self._answers, f"an answer to {method}")
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(str(answer["error"]))
        return answer.get("result")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Handle messages until a condition holds."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            try:
                message = self._messages.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError(f"waited in vain for {what}") from None
            if message is None:
                raise AssertionError(f"the server ended before {what}")
            self._handle(message)

    def wait(self, uri: str, version: int | None = None) -> list[dict[str, Any]]:
        """The diagnostics of a document (of a version), once they are published."""
        self.until(
            lambda: uri in self.diagnostics and (version is None or self.versions.get(uri) == version),
            f"diagnostics of {uri}",
        )
        return self.diagnostics[uri]

    def codes(self, uri: str, version: int | None = None) -> list[str]:
        """The names of the findings in a document."""
        return [str(item["code"]) for item in self.wait(uri, version)]

    def close(self) -> int:
        """End the session; the exit code of the server."""
        self.request("shutdown", None)
        self.notify("exit", None)
        return self.process.wait(20)

    def _handle(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method == "textDocument/publishDiagnostics":
            params = message["params"]
            self.diagnostics[params["uri"]] = params["diagnostics"]
            self.versions[params["uri"]] = params.get("version")
            self.published.append(params["uri"])
        elif method == "$/progress":
            value = message["params"]["value"]
            if value["kind"] == "end":
                self.ended.append(value.get("message"))
        elif method == "window/logMessage":
            self.logs.append(message["params"]["message"])
        elif method == "window/showMessage":
            self.shown.append(message["params"]["message"])
        elif method == "window/showDocument":
            self.documents.append(message["params"]["uri"])
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": {"success": True}})
        elif method == "workspace/configuration":
            found = [self.scopes.get(item.get("scopeUri"), self.settings) for item in message["params"]["items"]]
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": found})
        elif method == "workspace/applyEdit":
            self.applied.append(message["params"]["edit"])
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": {"applied": True}})
        elif method is not None and "id" in message:
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": None})
        elif "id" in message:
            self._answers[message["id"]] = message

    def _send(self, message: dict[str, Any]) -> None:
        self.raw(json.dumps(message).encode())

    def raw(self, body: bytes) -> None:
        """Send any bytes as a message."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while True:
            length = 0
            while line := stream.readline().strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if not length:
                self._messages.put(None)
                return
            self._messages.put(json.loads(stream.read(length)))


def edits_of(edit: dict[str, Any], uri: str) -> list[dict[str, Any]]:
    """The edits of one document in an edit of the workspace; of a snippet, what is put in."""
    found = list(edit.get("changes", {}).get(uri, ()))
    for document in edit.get("documentChanges", ()):
        if document["textDocument"]["uri"] == uri:
            found += document["edits"]
    return [
        {"range": item["range"], "newText": item["newText"] if "newText" in item else _plain(item["snippet"]["value"])}
        for item in found
    ]


def _plain(snippet: str) -> str:
    return re.sub(r"\\([\\$}])", r"\1", re.sub(r"\$\{\d+:((?:[^\\}]|\\.)*)\}", r"\1", snippet))


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """A text after the edits of one document, whose positions count UTF-16 units and lie in the text."""
    lines = text.splitlines(keepends=True)
    if not lines or lines[-1].endswith("\n"):
        lines.append("")

    def offset(position: dict[str, int]) -> int:
        line = lines[position["line"]].rstrip("\n").encode("utf-16-le")
        assert 2 * position["character"] <= len(line), position
        before = sum(len(line) for line in lines[: position["line"]])
        return before + len(line[: 2 * position["character"]].decode("utf-16-le"))

    for edit in sorted(
        edits, key=lambda e: (e["range"]["start"]["line"], e["range"]["start"]["character"]), reverse=True
    ):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text
