"""Files are replaced whole, and what killed writers leave is taken away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from surface import ROOT

from torchlint import atomic

WRITER = """
import os, sys
from torchlint import atomic
number = 0
while True:
    number += 1
    atomic.write(sys.argv[1], b"%d\\n" % number * 20_000)
"""


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    atomic.write(str(path), b"one")
    path.chmod(0o640)
    link = tmp_path / "b"
    link.symlink_to("a")
    atomic.write(str(link), b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777, link.is_symlink()) == (b"two", 0o640, True)
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        atomic.write(str(path), b"two")
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"one", ["a"])


def test_killed_writers(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"0\n")
    left = 0
    for number in range(12):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        time.sleep(0.12 + number * 0.013)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        lines = path.read_bytes().splitlines()
        assert len(set(lines)) == 1 and len(lines) in (1, 20_000)
        left += len(os.listdir(tmp_path)) - 1
    atomic.write(str(path), b"end")
    assert path.read_bytes() == b"end" and os.listdir(tmp_path) == ["a"]


def test_writers_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    beside = tmp_path / f"a.torchlint-{os.getppid()}"
    beside.write_bytes(b"of a living process")
    other = tmp_path / "a.torchlint-old.py"
    other.write_bytes(b"of somebody else")
    atomic.write(str(path), b"one")
    assert set(os.listdir(tmp_path)) == {"a", other.name, beside.name}
