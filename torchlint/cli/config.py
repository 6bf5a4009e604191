"""`torchlint config`: the configuration keys, their schema for editors, and whether configuration files are right."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from torchlint.cli.overrides import overrides_of
from torchlint.selection import build
from torchlint.settings import (
    EXCLUDED,
    FILES,
    KEYS,
    Key,
    Settings,
    SettingsError,
    from_file,
    nearest,
    read,
    table_of,
)
from torchlint.workspace import Workspace, shown


def config(options: argparse.Namespace) -> int:
    """Print the keys, one in detail or their schema, or check configuration files; returns the exit code."""
    if options.check:
        return _check(options.words or ["."], Workspace(overrides_of(options)))
    if options.schema:
        return _schema(Workspace(overrides_of(options)))
    if not options.words:
        return _list()
    if len(options.words) > 1:
        raise SettingsError("", "one key at a time; with --check the words are files and directories")
    known = {key.name: key for key in KEYS}
    (word,) = options.words
    if word not in known:
        raise SettingsError("", f"`{word}` is no configuration key{nearest(word, known)}")
    sys.stdout.write(page(known[word]))
    return 0


def _list() -> int:
    width = max(len(key.name) for key in KEYS)
    for key in KEYS:
        sys.stdout.write(f"{key.name:<{width}}  {key.doc.split('. ')[0].rstrip('.')}.\n")
    sys.stdout.write("\n`torchlint config KEY` explains one. They stand in `[tool.torchlint]` of `pyproject.toml`,\n")
    sys.stdout.write("or at the top of `torchlint.toml`. `torchlint config --check` looks for mistakes in them.\n")
    return 0


def page(key: Key) -> str:
    """What there is to say about a key."""
    example = "\n".join("    " + line for line in key.example.splitlines())
    if not key.example.startswith("["):
        example = f"    [tool.torchlint]\n{example}"
    return f"{key.name}\n\n{key.doc}\n\nType: {key.kind.words}\nDefault: {key.default}\n\nExample:\n\n{example}\n"


def _schema(workspace: Workspace) -> int:
    from torchlint import hygiene
    from torchlint.cli.schema import schema

    rules = [*hygiene.RULES, *workspace.rules(workspace.settings(os.getcwd()))]
    json.dump(schema(rules), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return _problems(workspace)


def _check(paths: Sequence[str], workspace: Workspace) -> int:
    """All mistakes in the configuration files at, under and nearest above the paths."""
    files = list(dict.fromkeys(file for path in paths for file in _files(path)))
    told = list(dict.fromkeys(str(mistake) for file in files for mistake in _mistakes(file, workspace)))
    for line in told:
        sys.stdout.write(line + "\n")
    if _problems(workspace):
        return 2
    checked = "1 configuration file" if len(files) == 1 else f"{len(files)} configuration files"
    if told:
        sys.stdout.write(f"Found {len(told)} mistake{'' if len(told) == 1 else 's'} in {checked}.\n")
        return 1
    sys.stdout.write(f"No mistakes in {checked}.\n" if files else "No configuration file found.\n")
    return 0


def _problems(workspace: Workspace) -> int:
    for problem in dict.fromkeys(workspace.problems):
        sys.stderr.write(f"torchlint: {problem}\n")
    return 2 if workspace.problems else 0


def _files(path: str) -> Iterator[str]:
    path = os.path.abspath(path)
    if not os.path.exists(path):
        raise SettingsError("", f"{shown(path)}: no such file or directory")
    if os.path.isfile(path):
        if _has_keys(path):
            yield path
        return
    above = path
    while os.path.dirname(above) != above:
        above = os.path.dirname(above)
        found = [file for file in _in(above, os.listdir(above) if os.access(above, os.R_OK) else ()) if file]
        if found:
            yield found[0]
            break
    for directory, inner, names in os.walk(path):
        inner[:] = sorted(name for name in inner if name not in EXCLUDED)
        yield from _in(directory, names)


def _in(directory: str, names: Sequence[str]) -> Iterator[str]:
    for name in FILES:
        file = os.path.join(directory, name)
        if name in names and _has_keys(file):
            yield file


def _has_keys(path: str) -> bool:
    if os.path.basename(path) != "pyproject.toml":
        return True
    try:
        return bool(table_of(path))
    except SettingsError:
        return True


def _mistakes(file: str, workspace: Workspace) -> Iterator[SettingsError]:
    """Every mistake of one file; a check stops at the first."""
    try:
        table = table_of(file)
    except SettingsError as mistake:
        yield mistake
        return
    try:
        whole = from_file(file)
    except SettingsError as mistake:
        yield mistake
        whole = Settings(root=os.path.dirname(file), file=file)
    rules = workspace.rules(whole)
    bare = Settings(root=whole.root, file=file, origins=dict.fromkeys(table, (file,)))
    for name, value in table.items():
        for piece in _pieces(value):
            try:
                build(read({name: piece}, bare, lambda name: bare.where(name), file), rules)
            except SettingsError as mistake:
                yield mistake
    if whole.baseline is not None and not os.path.isfile(whole.baseline):
        message = f"`baseline` names `{shown(whole.baseline)}`, which is no file; `torchlint baseline` writes it"
        yield SettingsError(whole.where("baseline"), message)


def _pieces(value: Any) -> Iterator[Any]:
    """The parts of a value that can be wrong on their own."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        yield from ([item] for item in value)
    elif isinstance(value, dict) and value:
        yield from ({name: inner} for name, item in value.items() for inner in _inner(item))
    else:
        yield value


def _inner(item: Any) -> Iterator[Any]:
    if isinstance(item, dict) and item:
        yield from ({name: value} for name, value in item.items())
    elif isinstance(item, list) and item and all(isinstance(word, str) for word in item):
        yield from ([word] for word in item)
    else:
        yield item
