"""`torchlint check --show-settings`: the values that hold for a path, and where each of them comes from."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from torchlint.discovery import project_root
from torchlint.settings import KEYS, Key, Settings, quoted
from torchlint.torch_version import of_project
from torchlint.workspace import Overrides, Workspace, shown


def show_settings(workspace: Workspace, paths: Sequence[str]) -> int:
    """Print the settings of each path, as TOML; returns the exit code."""
    for number, path in enumerate(dict.fromkeys(os.path.abspath(path) for path in paths)):
        sys.stdout.write("\n" * bool(number))
        sys.stdout.writelines(line + "\n" for line in _lines(workspace, path))
    for problem in dict.fromkeys(workspace.problems):
        sys.stderr.write(f"torchlint: {problem}\n")
    return 2 if workspace.problems else 0


def _lines(workspace: Workspace, path: str) -> Iterator[str]:
    directory = path if os.path.isdir(path) else os.path.dirname(path)
    settings = workspace.settings(directory)
    yield f"# {shown(path) if path != os.getcwd() else path}"
    yield f"# configuration: {shown(settings.file) if settings.file else 'none'}"
    rows = [(_line(key, settings, workspace.overrides), _origin(key, settings, workspace.overrides)) for key in KEYS]
    width = min(max((len(line) for line, origin in rows if origin != "default"), default=0), 60)
    for line, origin in rows:
        yield f"{line:<{width}}  # {origin}"
    if settings.torch_version is None:
        root = project_root(os.path.join(directory, "_"), [directory])
        known = of_project(root)
        version = "not known" if known is None else f"{known.version[0]}.{known.version[1]}, from {shown(known.source)}"
        yield f"# torch of the project: {version}"
    rules = workspace.ruleset(settings)
    off = rules.off_in(path.replace(os.sep, "/")) if os.path.isfile(path) else frozenset()
    on = [f"{rule.code} {rule.name}" for rule in rules.selected if rule.code not in off]
    yield f"# {len(on)} rules are on:"
    yield from (f"#   {rule}" for rule in on)


def _line(key: Key, settings: Settings, asked: Overrides) -> str:
    value: Any = getattr(settings, key.field)
    if key.name == "select" and asked.select is not None:
        value = asked.select
    elif key.name in ("extend-select", "ignore"):
        given = getattr(asked, key.field)
        value = given if asked.select is not None else (*value, *given)
    if value is None:
        return f"# {key.name} is not set"
    if key.name == "torch-version":
        value = f"{value[0]}.{value[1]}"
    return f"{key.name} = {quoted(value)}"


def _origin(key: Key, settings: Settings, asked: Overrides) -> str:
    here = [settings.origin(key.name)]
    given = asked.select if key.name == "select" else getattr(asked, key.field, ())
    if asked.select is not None and key.name in ("select", "extend-select", "ignore"):
        here = ["--select"] if key.name == "select" else ["none besides --select"]
    if key.name in ("extend-select", "ignore", "per-file-ignores") and given:
        here.append(f"--{key.name}")
    return ", ".join(filter(None, here)) or "default"
