"""The same text gives the same findings on the command line and in the server: all examples, all hard cases, real code."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.lsp.client import VSCODE, Client
from torchlint import docs, packs

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = ("pytorch-tabnet", "easyocr")
SEVERITIES = {1: "error", 2: "warning", 3: "info", 4: "hint"}


class Seen(NamedTuple):
    """A finding as both surfaces show it: lines and columns from 1, columns in code points."""

    file: str
    start: tuple[int, int]
    end: tuple[int, int]
    name: str
    severity: str
    message: str
    cell: int | None = None


def examples(folder: Path) -> None:
    for rule in packs.load():
        for number, example in enumerate(docs.doc_of(rule).examples):
            for name, text in example.plain.files:
                write(folder / f"{rule.code}_{number}_{example.word}" / name, text)


def cases(folder: Path) -> None:
    for path in (ROOT / "tests" / "cases").rglob("*.py"):
        write(folder / path.relative_to(ROOT / "tests" / "cases"), path.read_text(encoding="utf-8"))


def project(folder: Path) -> None:
    for path in (ROOT / "examples").glob("*.py"):
        write(folder / path.name, path.read_text(encoding="utf-8"))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")


def on_the_command_line(folder: Path) -> list[Seen]:
    command = [sys.executable, "-m", "torchlint", "check", "--output-format", "json", "--exit-zero", "."]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return sorted(
        Seen(
            Path(item["filename"]).relative_to(folder).as_posix(),
            (item["location"]["row"], item["location"]["column"]),
            (item["end_location"]["row"], item["end_location"]["column"]),
            item["name"],
            item["severity"],
            item["message"],
            item["cell"],
        )
        for item in json.loads(found.stdout)
        if item["suppressed"] is None
    )


def in_the_server(folder: Path, client: Client) -> list[Seen]:
    return sorted(seen(folder, client, path) for path in sorted(folder.rglob("*.py")) for path in _opened(client, path))


def _opened(client: Client, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    name = path.relative_to(client.folder).as_posix()
    uri = client.open(name, path.read_bytes().decode("utf-8"))
    for item in client.wait(uri, 1):
        yield path, item
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})


def seen(folder: Path, client: Client, found: tuple[Path, dict[str, Any]]) -> Seen:
    path, item = found
    start, end = item["range"]["start"], item["range"]["end"]
    return Seen(
        path.relative_to(folder).as_posix(),
        (start["line"] + 1, start["character"] + 1),
        (end["line"] + 1, end["character"] + 1),
        str(item["code"]),
        SEVERITIES[item["severity"]],
        item["message"],
    )


@pytest.mark.parametrize("fill", [examples, cases, project])
def test_the_same_findings(fill: Any, tmp_path: Path) -> None:
    fill(tmp_path)
    write(tmp_path / "torchlint.toml", 'select = ["ALL"]\npreview = true\nseverity = { TL6 = "info" }\n')
    compare(tmp_path)


def split(text: str) -> list[str]:
    """A program as cells: some statements each, with what only a notebook can hold."""
    lines = text.splitlines(keepends=True)
    starts = [node.lineno - 1 for node in ast.parse(text).body if not getattr(node, "decorator_list", None)][2::2]
    cells = ["".join(lines[a:b]) for a, b in zip([0, *starts], [*starts, len(lines)], strict=True)]
    return ["%matplotlib inline\n!pip list", "%%bash\ntorch it(", *cells[:-1], "%time\n" + cells[-1].rstrip("\n")]


@pytest.mark.parametrize("settings", ["", 'select = ["ALL"]\npreview = true\n'])
def test_the_same_findings_in_notebooks(settings: str, tmp_path: Path) -> None:
    """On the command line a notebook is a file, in the server it is a list of texts."""
    write(tmp_path / "torchlint.toml", settings)
    books: dict[str, list[str]] = {}
    for rule in packs.load():
        for number, example in enumerate(docs.doc_of(rule).of("bad")):
            if len(example.files) == 1:
                books[f"{rule.code}_{number}/train.ipynb"] = split(example.plain.text)
    assert len(books) > 50
    for name, texts in books.items():
        cells = [
            {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": text}
            for text in texts
        ]
        write(tmp_path / name, json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    expected = on_the_command_line(tmp_path)
    client = Client(tmp_path, {**VSCODE["capabilities"], "general": {"positionEncodings": ["utf-32"]}})
    got: list[Seen] = []
    for name, texts in sorted(books.items()):
        uris = client.open_notebook(name, texts)
        for number, uri in enumerate(uris, 1):
            found = [seen(tmp_path, client, (tmp_path / name, item)) for item in client.wait(uri, 1)]
            got += [one._replace(cell=number) for one in found]
        closed = [{"uri": uri} for uri in uris]
        notebook = {"uri": client.uri(name)}
        client.notify("notebookDocument/didClose", {"notebookDocument": notebook, "cellTextDocuments": closed})
    assert client.close() == 0
    assert len(got) > 20
    assert set(got) - set(expected) == set()
    assert set(expected) - set(got) == set()


@pytest.mark.parametrize("name", PROJECTS)
def test_the_same_findings_in_real_code(name: str, tmp_path: Path) -> None:
    source = Path(os.environ.get("TORCHLINT_ECOSYSTEM", "")) / name
    if not os.environ.get("TORCHLINT_ECOSYSTEM") or not source.is_dir():
        pytest.skip(f"the ecosystem set has no {name} here")
    shutil.copytree(source, tmp_path / name, symlinks=True)
    write(tmp_path / name / "torchlint.toml", 'select = ["ALL"]\npreview = true\n')
    compare(tmp_path / name)


def compare(folder: Path) -> None:
    expected = on_the_command_line(folder)
    capabilities = {**VSCODE["capabilities"], "general": {"positionEncodings": ["utf-32"]}}
    client = Client(folder, capabilities)
    got = in_the_server(folder, client)
    assert client.close() == 0
    assert expected, "nothing was compared"
    assert set(got) - set(expected) == set()
    assert set(expected) - set(got) == set()
    assert len(got) == len(expected)
