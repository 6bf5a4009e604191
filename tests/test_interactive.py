"""`--review` and `--watch` as a person uses them: a process on a terminal of its own."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0
LOOPS = """\
import torch

model = torch.nn.Linear(2, 2)
opt = torch.optim.SGD(model.parameters(), lr=0.1)


def first(data):
    for x, y in data:
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        opt.step()


def second(data):
    for x, y in data:
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        opt.step()
"""
CLEARED = "    for x, y in data:\n        opt.zero_grad()\n"


def interruptible() -> None:
    """Let ctrl-C count: what a shell starts in the background ignores it, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A run of torchlint on a terminal."""

    def __init__(self, directory: Path, *words: str) -> None:
        self.main, side = pty.openpty()
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
            "TORCHLINT_CACHE_DIR": str(directory / ".c"),
        }
        environment.pop("NO_COLOR", None)
        command = [sys.executable, "-m", "torchlint", "check", "--isolated", *words]
        self.process = subprocess.Popen(
            command,
            cwd=directory,
            stdin=side,
            stdout=side,
            stderr=side,
            env=environment,
            start_new_session=True,
            preexec_fn=interruptible,
        )
        os.close(side)
        self.said = ""
        self._at = 0

    def wait_for(self, text: str) -> str:
        """What was said up to and with a text, since the last time."""
        end = time.monotonic() + PATIENCE
        while True:
            found = self._plain().find(text, self._at)
            if found >= 0:
                start, self._at = self._at, found + len(text)
                return self._plain()[start : self._at]
            assert time.monotonic() < end, f"{text!r} did not come; there is {self._plain()[self._at :]!r}"
            assert self._read(), f"ended before {text!r}; there is {self._plain()[self._at :]!r}"

    def _plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.said).replace("\r\n", "\n")

    def _read(self) -> bool:
        if not select.select([self.main], [], [], 1.0)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self.main, 1 << 16)
        except OSError:
            return False
        self.said += data.decode(errors="replace")
        return bool(data)

    def press(self, keys: str) -> None:
        os.write(self.main, keys.encode())

    def end(self) -> int:
        """The exit code."""
        until = time.monotonic() + PATIENCE
        while self._read():
            assert time.monotonic() < until, f"it goes on; there is {self._plain()[self._at :]!r}"
        return self.process.wait(PATIENCE)


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "train.py").write_text(LOOPS)
    yield tmp_path


def test_review_asks_and_writes_what_is_accepted(work: Path) -> None:
    terminal = Terminal(work, "--review")
    shown = terminal.wait_for("[q]uit")
    assert "train.py:11:9" in shown
    assert "+         opt.zero_grad()" in shown
    assert "Why: Every step adds in the gradients" in shown
    assert (work / "train.py").read_text() == LOOPS
    terminal.press("e")
    assert "Reported:" in terminal.wait_for("[q]uit")
    terminal.press("?")
    assert "write a comment with a reason" in terminal.wait_for("[q]uit")
    terminal.press("n")
    assert "train.py:18:9" in terminal.wait_for("[q]uit")
    assert (work / "train.py").read_text() == LOOPS
    terminal.press("y")
    terminal.wait_for("Made 1 fix in 1 file, ignored 0, left 1 finding.")
    assert terminal.end() == 1
    head, tail = LOOPS.split("def second")
    assert (work / "train.py").read_text() == f"{head}def second" + tail.replace("    for x, y in data:\n", CLEARED)


def test_leaving_keeps_what_was_accepted(work: Path) -> None:
    for key in ("q", "\x04"):
        (work / "train.py").write_text(LOOPS)
        terminal = Terminal(work, "--review")
        terminal.wait_for("[q]uit")
        terminal.press("y")
        assert "train.py:19:9" in terminal.wait_for("[q]uit")
        terminal.press(key)
        assert terminal.end() == 1
        assert (work / "train.py").read_text() == LOOPS.replace("    for x, y in data:\n", CLEARED, 1)


def test_all_of_a_rule_are_made_in_every_file(work: Path) -> None:
    (work / "other.py").write_text(LOOPS)
    terminal = Terminal(work, "--review")
    terminal.wait_for("[q]uit")
    terminal.press("a")
    terminal.wait_for("Made 4 fixes in 2 files, ignored 0, left 0 findings.")
    assert terminal.end() == 0
    for name in ("train.py", "other.py"):
        assert (work / name).read_text() == LOOPS.replace("    for x, y in data:\n", CLEARED)


def test_a_finding_is_ignored_with_a_reason(work: Path) -> None:
    terminal = Terminal(work, "--review")
    terminal.wait_for("[q]uit")
    terminal.press("i")
    terminal.wait_for("Reason:")
    terminal.press("\n")
    terminal.wait_for("A reason is needed")
    terminal.wait_for("[q]uit")
    assert (work / "train.py").read_text() == LOOPS
    terminal.press("i")
    terminal.wait_for("Reason:")
    terminal.press("sums are wanted\n")
    assert "train.py:18:9" in terminal.wait_for("[q]uit")
    terminal.press("q")
    assert terminal.end() == 1
    comment = "  # torchlint: ignore[missing-zero-grad] sums are wanted"
    assert (work / "train.py").read_text() == LOOPS.replace("        opt.step()", f"        opt.step(){comment}", 1)


def test_a_file_that_changed_meanwhile_is_left_alone(work: Path) -> None:
    terminal = Terminal(work, "--review")
    terminal.wait_for("[q]uit")
    (work / "train.py").write_text("# mine\n" + LOOPS)
    terminal.press("y")
    terminal.wait_for("train.py has changed meanwhile.")
    terminal.wait_for("[q]uit")
    terminal.press("q")
    terminal.end()
    assert (work / "train.py").read_text() == "# mine\n" + LOOPS


def test_ctrl_c_ends_a_review(work: Path) -> None:
    terminal = Terminal(work, "--review")
    terminal.wait_for("[q]uit")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 2
    assert "Traceback" not in terminal.said
    assert (work / "train.py").read_text() == LOOPS


def test_review_needs_somebody_to_ask(work: Path) -> None:
    command = [sys.executable, "-m", "torchlint", "check", "--isolated", "--review"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=work, env=environment, input="y", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        2,
        "torchlint: --review: this asks questions, for which it needs a terminal\n",
    )


def test_watch_checks_again_after_a_change_and_ends_cleanly(work: Path) -> None:
    (work / "torchlint.toml").write_text("")
    terminal = Terminal(work, "--watch", "--output-format=concise")
    assert "train.py:11:9" in terminal.wait_for("ctrl-C ends.")
    assert "\x1b[2J" in terminal.said
    (work / "train.py").write_text(LOOPS.replace("    for x, y in data:\n", CLEARED))
    assert "No findings." in terminal.wait_for("ctrl-C ends.")
    (work / "new.py").write_text(LOOPS)
    assert "new.py:11:9" in terminal.wait_for("ctrl-C ends.")
    (work / "new.py").unlink()
    assert "No findings." in terminal.wait_for("ctrl-C ends.")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.said


def test_watch_waits_out_a_broken_configuration(work: Path) -> None:
    command = [sys.executable, "-m", "torchlint", "check", "--watch", "--output-format=concise"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TORCHLINT_CACHE_DIR": str(work / ".c")}
    (work / "torchlint.toml").write_text("selekt = []\n")
    with subprocess.Popen(
        command,
        cwd=work,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=interruptible,
    ) as process:
        assert process.stdout is not None
        assert "unknown key `selekt`" in process.stdout.readline()
        assert "Waiting for changes" in process.stdout.readline()
        (work / "torchlint.toml").write_text("ignore = ['TL101']\n")
        assert process.stdout.readline() == "No findings.\n"
        assert "Waiting for changes" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
