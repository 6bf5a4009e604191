"""What the tests of the command line share: a directory to work in, and commands run in it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from torchlint import cli, packs, workspace

ROOT = Path(__file__).resolve().parent.parent
DEMO = Path(__file__).resolve().parent / "demo_pack"

PRINTS = "import torch\n\nprint(torch)\n"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """Runs commands in `directory`; only the rules of the demonstration pack (and `TL0`) are known."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[bytes]) -> None:
        self.directory = directory
        self._monkeypatch = monkeypatch
        self._capture = capture
        monkeypatch.chdir(directory)
        monkeypatch.setattr(workspace.packs, "read", self._read)
        for name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)

    @staticmethod
    def _read(extra: tuple[str, ...] = ()) -> tuple[list[Any], list[packs.PackError]]:
        return _demo_and(tuple(extra))

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file, with the directories above it."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def read(self, name: str) -> str:
        return (self.directory / name).read_bytes().decode()

    def read_bytes(self, name: str) -> bytes:
        return (self.directory / name).read_bytes()

    def run(self, *arguments: str, stdin: bytes | None = None) -> Ran:
        """Run a command in this process."""
        if stdin is not None:
            self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        self._capture.readouterr()
        code = cli.main(list(arguments))
        sys.stdout.flush()
        sys.stderr.flush()
        out, err = self._capture.readouterr()
        return Ran(code, out.decode(), err.decode())

    def check(self, *arguments: str, stdin: bytes | None = None) -> Ran:
        """`torchlint check` with one line per finding and no summary."""
        return self.run("check", "--output-format", "concise", "--quiet", *arguments, stdin=stdin)


_known: dict[tuple[str, ...], tuple[list[Any], list[packs.PackError]]] = {}
_read = packs.read


def _demo_and(extra: tuple[str, ...]) -> tuple[list[Any], list[packs.PackError]]:
    """The demonstration pack and the given ones, without the built-in rules."""
    if extra not in _known:
        rules, errors = _read((str(DEMO), *extra))
        own = [error for error in errors if not error.file.startswith(packs.builtin())]
        _known[extra] = [rule for rule in rules if not rule.code.startswith("TL")], own
    return _known[extra]


def program(*arguments: str, cwd: Path, stdin: bytes = b"", env: dict[str, str] | None = None) -> Ran:
    """`python -m torchlint` in a process of its own, with the real rules."""
    done = subprocess.run(
        [sys.executable, "-m", "torchlint", *arguments],
        cwd=cwd,
        input=stdin,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
