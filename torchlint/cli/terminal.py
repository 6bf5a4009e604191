"""What the command line knows of the terminal: colours, width, and a progress bar for long runs."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, TextIO

from torchlint.report import Style

_PATIENCE = 0.7  # seconds before a progress bar appears
_BAR = 24


def style_of(stream: TextIO, colour: str) -> Style:
    """The style for a stream; `colour` is `auto`, `always` or `never`.

    `auto` means a terminal, unless `NO_COLOR` is set; `FORCE_COLOR` means always.
    """
    terminal = is_terminal(stream)
    if colour == "auto":
        forced = os.environ.get("FORCE_COLOR", "") not in ("", "0")
        refused = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        coloured = forced or (terminal and not refused)
    else:
        coloured = colour == "always"
    return Style(coloured, _width(stream) if terminal else None)


def is_terminal(stream: Any) -> bool:
    """Whether a stream is an interactive terminal."""
    try:
        return bool(stream.isatty())
    except (AttributeError, ValueError):
        return False


def key_pressed(question: str, stream: TextIO) -> str:
    """Ask, and return the next key that is pressed on the terminal, without waiting for the end of the line.

    The terminal is made ready before the question is written, so that no answer comes too early; empty at the end.

    Raises:
        KeyboardInterrupt: for ctrl-C.
    """
    try:
        import termios
        import tty
    except ImportError:
        import msvcrt

        _say(question, stream)
        key: str = msvcrt.getwch()  # type: ignore[attr-defined]
        if key == "\x03":
            raise KeyboardInterrupt from None
        return key
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor, termios.TCSADRAIN)
        _say(question, stream)
        data = os.read(descriptor, 1)
        while data and data[0] >= 0xC0 and len(data) < 4 and not _whole(data):
            data += os.read(descriptor, 1)
        return data.decode(errors="replace")
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _say(text: str, stream: TextIO) -> None:
    stream.write(text)
    stream.flush()


def _whole(data: bytes) -> bool:
    try:
        return bool(data.decode())
    except UnicodeDecodeError:
        return False


def _width(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


class Progress:
    """A bar on standard error, on a terminal only and only when the run takes long.

    Args:
        total: the number of steps; 0 shows nothing.
        wanted: whether a bar may be shown at all.
    """

    def __init__(self, total: int, wanted: bool) -> None:
        self._total = total
        self._on = wanted and total > 0 and is_terminal(sys.stderr)
        self._start = time.monotonic()
        self._shown = 0.0
        self._done = 0

    def step(self, count: int = 1) -> None:
        """Some more steps are done."""
        if not self._on:
            return
        self._done += count
        now = time.monotonic()
        if now - self._start < _PATIENCE or now - self._shown < 0.1:
            return
        self._shown = now
        full = _BAR * self._done // self._total
        sys.stderr.write(f"\r[{'=' * full}{' ' * (_BAR - full)}] {self._done}/{self._total} files")
        sys.stderr.flush()

    def clear(self) -> None:
        """Take the bar away."""
        if self._on and self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
