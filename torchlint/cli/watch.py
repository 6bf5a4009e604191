"""`torchlint check --watch`: a check, and another one after every change of what it rests on, until ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator

from torchlint.cli.overrides import overrides_of
from torchlint.cli.terminal import is_terminal
from torchlint.discovery import MARKS, Tree, files
from torchlint.packs import PackError, directory
from torchlint.packs import files as rule_files
from torchlint.settings import SettingsError
from torchlint.workspace import Workspace

_PAUSE = 0.3  # seconds between two looks, at least
_SHARE = 15  # a look may take one part in so many of the time
_INTERRUPTED = 130
_CLEAR = "\033[2J\033[3J\033[H"

State = dict[str, tuple[int, int]]


def watch(options: argparse.Namespace, check: Callable[[argparse.Namespace], int]) -> int:
    """Check again and again; mistakes in the configuration are told and waited for. Ends with ctrl-C, code 130.

    Raises:
        SettingsError: for options that make no sense together with `--watch`.
    """
    for option in ("staged", "since", "review"):
        if getattr(options, option):
            raise SettingsError("--watch", f"this looks at files as they change, which `--{option}` does not")
    options.watch = False
    tree = Tree()
    clears = is_terminal(sys.stdout) and not options.quiet
    state = _state(options, tree)
    try:
        while True:
            if clears:
                sys.stdout.write(_CLEAR)
            try:
                check(options)
            except SettingsError as error:
                sys.stdout.flush()
                sys.stderr.write(f"torchlint: {error}\n")
            sys.stdout.flush()
            if not options.quiet:
                sys.stderr.write(f"[{time.strftime('%H:%M:%S')}] Waiting for changes; ctrl-C ends.\n")
                sys.stderr.flush()
            state = _changed(state, options, tree)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _changed(before: State, options: argparse.Namespace, tree: Tree) -> State:
    """Wait until something is different, and stays as it is for a moment: editors write in several steps."""
    now, pause = before, _PAUSE
    while now == before:
        time.sleep(pause)
        start = time.monotonic()
        now = _state(options, tree)
        pause = max(_PAUSE, _SHARE * (time.monotonic() - start))
    while True:
        time.sleep(_PAUSE / 3)
        later = _state(options, tree)
        if later == now:
            return now
        now = later


def _state(options: argparse.Namespace, tree: Tree) -> State:
    """The times and sizes of all files that a check reads: Python, notebooks, configuration, rules of packs."""
    state: State = {}
    try:
        for path in _paths(options, tree):
            try:
                status = os.stat(path)
            except (OSError, ValueError):
                continue
            state[path] = (status.st_mtime_ns, status.st_size)
    except (SettingsError, PackError) as error:
        state[str(error)] = (0, 0)
    return state


def _paths(options: argparse.Namespace, tree: Tree) -> Iterator[str]:
    paths = [path for path in options.paths or ["."] if os.path.exists(path)]
    workspace = Workspace(overrides_of(options), paths)
    for path in paths:
        top = os.path.abspath(path)
        while True:
            yield from (os.path.join(top, name) for name in MARKS)
            parent = os.path.dirname(top)
            if parent == top:
                break
            top = parent
    told: list[str] = []
    for file in files(paths, workspace.settings, told.append, tree=tree, force_exclude=options.force_exclude):
        yield file.path
    for folder, entry in tree.entries.items():
        yield from (os.path.join(folder, name) for name in entry.marks)
    settings = workspace.settings(os.getcwd())
    yield from filter(None, (settings.file, options.baseline, settings.baseline))
    for pack in settings.packs:
        yield from rule_files(directory(pack))
