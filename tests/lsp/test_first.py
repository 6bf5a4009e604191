"""The first message: read before the protocol is loaded, and read again; what it asks for begins at once, and once."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.client import START, VSCODE, Client
from torchlint.lsp import first, worker
from torchlint.workspace import Overrides

WHOLE = {"diagnosticMode": "workspace"}
HERE = {"workspaceFolders": [{"uri": "file:///a%20b", "name": "a b"}]}
TWO = {"workspaceFolders": [{"uri": "file:///one", "name": "one"}, {"uri": "file:///two", "name": "two"}]}
RULE = '''"""It counts."""

import os
from torchlint.api import *  # noqa


@rule("ZZ104", "counts", Category.SUSPICIOUS, since="0.1")
def check(module):
    open({file!r}, "a").write(f"{{os.getpid()}}\\n")
    yield from ()
'''


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\r\n",
        b"no header\r\n\r\nand more\r\n",
        b"Content-Length: 2\r\n\r\n{}Content-Length: 4\r\n\r\nnull",
        b"Content-Type: x\r\ncontent-length: 2\r\n\r\n{}",
        b"Content-Length: 1000\r\n\r\n{}",
        b"Content-Length: two\r\n\r\n{}",
    ],
)
def test_nothing_that_was_looked_at_is_lost(said: bytes) -> None:
    stream = first.Input(io.BytesIO(said))
    lines = [stream.readline() for _ in range(3)]
    assert b"".join(lines) + b"".join(iter(lambda: stream.read(7), b"")) == said


@pytest.mark.parametrize(
    ("params", "folders"),
    [
        ({**HERE, "initializationOptions": {"settings": WHOLE}}, [["/a b"]]),
        ({**HERE, "initializationOptions": WHOLE}, [["/a b"]]),
        ({"workspaceFolders": None, "rootUri": "file:///root", "initializationOptions": WHOLE}, [["/root"]]),
        ({**TWO, "initializationOptions": {"settings": [WHOLE]}}, [["/one", "/two"]]),
        ({**TWO, "initializationOptions": {"settings": [{"cwd": "/two", **WHOLE}, {"cwd": "/one"}]}}, [["/two"]]),
        ({**TWO, "initializationOptions": WHOLE}, []),
        ({**HERE, "initializationOptions": {"settings": {"diagnosticMode": "openFilesOnly"}}}, []),
        ({**HERE, "initializationOptions": None}, []),
        (HERE, []),
        ({"rootUri": None, "initializationOptions": WHOLE}, []),
        ({"workspaceFolders": [{"uri": "memory:/x", "name": "x"}], "initializationOptions": WHOLE}, []),
        ({"workspaceFolders": 3, "initializationOptions": WHOLE}, []),
        (None, []),
    ],
)
def test_what_a_first_message_begins(params: Any, folders: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[worker.Job] = []
    monkeypatch.setattr(worker, "start", started.extend)
    first.begin(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode())
    assert started == [worker.Job(Overrides(), names) for names in folders]
    assert first.begin(b"{") is None


@pytest.fixture
def counted(tmp_path: Path) -> Path:
    """The file that a rule writes the number of each process to that checks the folder, once for each file."""
    (tmp_path / "lint").mkdir()
    (tmp_path / "lint" / "counts.py").write_text(RULE.format(file=str(tmp_path / "pids")))
    (tmp_path / "torchlint.toml").write_text('packs = ["lint"]\nextend-select = ["counts"]\nexclude = ["lint"]\n')
    for number in range(3):
        (tmp_path / f"m{number}.py").write_text("import torch\n")
    return tmp_path / "pids"


def test_the_check_begins_before_the_client_says_more(counted: Path) -> None:
    params = {"rootUri": counted.parent.as_uri(), "capabilities": {}, "initializationOptions": WHOLE}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
    server = subprocess.Popen([sys.executable, "-c", START], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert server.stdin is not None
    server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    server.stdin.flush()
    deadline = time.monotonic() + 30
    while not counted.exists() or len(counted.read_text().split()) < 3:
        assert time.monotonic() < deadline, "nothing was checked"
        time.sleep(0.05)
    server.stdin.close()
    assert server.wait(20) == 1


def test_what_was_begun_is_done_once(counted: Path) -> None:
    client = Client(counted.parent, VSCODE["capabilities"], initializationOptions={"settings": WHOLE})
    client.until(lambda: bool(client.ended), "the end of the check")
    lines = counted.read_text().split()
    assert len(lines) == 3 and len(set(lines)) == 1
    assert client.ended == ["3 files"]
    assert client.close() == 0
