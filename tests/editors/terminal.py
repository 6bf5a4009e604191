"""Drives Helix or Vim in a terminal as their user would, with the configuration of docs/editors/ in the home folder: keys
go in, and what stands on the screen is read.

terminal.py helix|vim FOLDER OUT     FOLDER is the home and has the examples; the last screen is left in OUT
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 30.0
PAUSE = 0.1
NAMES = ("state-dict-alias-snapshot", "requires-grad-misuse", "optimizer-stale-parameters")
FIX = "Copy the weights"
FIXED = re.compile(r"torch\.zeros\([^)]*device=")


class Failure(Exception):
    """Something that a user would not see as the page promises it."""


class Terminal:
    """A terminal of 160 columns and 50 lines that runs one program.

    Args:
        command: the program with its arguments, for the shell.
        home: the user's folder.
    """

    def __init__(self, command: str, home: Path) -> None:
        self.home = home
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", "160", "-y", "50", "-c", str(home / "examples"), command
        )

    def _tmux(self, *arguments: str) -> str:
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": "",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
        }
        run = subprocess.run(
            ["tmux", "-u", "-S", str(self.home / "terminal"), *arguments],
            env={name: value for name, value in environment.items() if value and name != "TMUX"},
            capture_output=True,
            text=True,
        )
        return run.stdout

    def screen(self) -> str:
        """What stands on the screen; empty when the program has ended."""
        return self._tmux("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        """Press keys by their names, one after the other."""
        for key in keys:
            self._tmux("send-keys", key)
            time.sleep(PAUSE)

    def type(self, text: str) -> None:
        """Type a text."""
        self._tmux("send-keys", "-l", text)
        time.sleep(PAUSE)

    def line(self, command: str) -> None:
        """Give a command of the editor's command line."""
        self.type(f":{command}")
        self.press("Enter")

    def until(self, what: str, condition: Callable[[str], object]) -> None:
        """Wait until the screen is as it should be."""
        end = time.monotonic() + PATIENCE
        while not condition(self.screen()):
            if time.monotonic() > end:
                raise Failure(f"waited in vain for {what}")
            time.sleep(PAUSE)
        print(f"  {what}", flush=True)

    def shows(self, what: str, *texts: str) -> None:
        """Wait until all texts stand on the screen."""
        self.until(what, lambda screen: all(text in screen for text in texts))

    def close(self) -> None:
        """End the program."""
        self._tmux("kill-server")


def helix(terminal: Terminal, train: Path, engine: Path) -> None:
    """The steps of helix.md."""
    terminal.until(
        "marks beside the lines with findings", lambda screen: len(re.findall("^●", screen, re.MULTILINE)) >= 4
    )
    terminal.press("Space", "d")
    terminal.shows("the list of findings", *NAMES)
    terminal.press("Escape")
    terminal.line(str(line_of(train, "= model.state_dict()")))
    terminal.press("]", "d")
    terminal.shows("the finding beside its line", "refers to the weights themselves")
    terminal.press("Space", "k")
    terminal.shows("the rule's manual", "TL702")
    terminal.press("Escape", "Space", "a")
    terminal.shows("the actions", FIX, "Ignore state-dict-alias-snapshot on this line")
    terminal.press("Enter")
    terminal.shows("the fix", "copy.deepcopy(model.state_dict())")
    terminal.line("write")
    terminal.until(
        "the fix on disk", lambda _: "copy.deepcopy(model.state_dict())" in train.read_text(encoding="utf-8")
    )

    terminal.line("open engine.py")
    terminal.shows("another file", "engine.py")
    terminal.until("its findings", lambda screen: len(re.findall("^●", screen, re.MULTILINE)) >= 2)
    terminal.line("sh torchlint check --fix engine.py")
    terminal.until("all safe fixes on disk", lambda _: FIXED.search(engine.read_text(encoding="utf-8")))
    terminal.press("Escape")
    terminal.line("reload")
    terminal.until("all safe fixes", FIXED.search)
    terminal.line("quit-all")
    terminal.until("an orderly end", lambda screen: not screen.strip())


def vim(terminal: Terminal, train: Path, engine: Path) -> None:
    """The steps of vim.md."""
    terminal.until(
        "marks beside the lines with findings",
        lambda screen: len(re.findall("^(>>|--|[EW] )", screen, re.MULTILINE)) >= 4,
    )
    terminal.line("lopen")
    terminal.shows("the list of findings", *NAMES)
    terminal.line("lclose")
    number = line_of(train, "= model.state_dict()")
    terminal.line(
        f"call cursor({number}, {train.read_text(encoding='utf-8').splitlines()[number - 1].index('model.state') + 1})"
    )
    terminal.shows("the finding on its line", "state-dict-alias-snapshot: ")
    terminal.line("ALEHover")
    terminal.shows("the rule's manual", "TL702")
    terminal.line("pclose")
    terminal.line("ALECodeAction")
    terminal.shows("the actions", f"1) {FIX}", "Ignore state-dict-alias-snapshot on this line")
    terminal.type("1")
    terminal.press("Enter")
    terminal.shows("the fix", "copy.deepcopy(model.state_dict())")
    terminal.line("write")
    terminal.until(
        "the fix on disk", lambda _: "copy.deepcopy(model.state_dict())" in train.read_text(encoding="utf-8")
    )
    terminal.line("lopen")
    terminal.until("one finding less", lambda screen: NAMES[0] not in screen and NAMES[1] in screen)
    terminal.line("lclose")

    terminal.line("edit engine.py")
    terminal.until(
        "another file, its findings",
        lambda screen: "def evaluate" in screen and re.search("^(>>|--|[EW] )", screen, re.MULTILINE),
    )
    terminal.line("!torchlint check --fix %")
    terminal.until("all safe fixes on disk", lambda _: FIXED.search(engine.read_text(encoding="utf-8")))
    terminal.press("Enter")
    terminal.line("edit")
    terminal.until("all safe fixes", FIXED.search)
    terminal.line("qall")
    terminal.until("an orderly end", lambda screen: not screen.strip())


def line_of(file: Path, text: str) -> int:
    """The line (from 1) that holds a text."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


EDITORS = {"helix": ("hx train.py", helix), "vim": ("vim train.py", vim)}


def main(editor: str, folder: str, out: str) -> int:
    """Run the steps of one editor; 1 if something is not as it should be."""
    command, steps = EDITORS[editor]
    home = Path(folder)
    terminal = Terminal(command, home)
    try:
        steps(terminal, home / "examples" / "train.py", home / "examples" / "engine.py")
    except Failure as failure:
        print(f"FAIL {failure}; the screen:\n{terminal.screen()}")
        return 1
    finally:
        Path(out).write_text(terminal.screen(), encoding="utf-8")
        terminal.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
