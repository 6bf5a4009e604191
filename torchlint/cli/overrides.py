"""What the options of the command line say about the configuration."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable

from torchlint.settings import SettingsError, glob
from torchlint.workspace import Overrides


def overrides_of(options: argparse.Namespace) -> Overrides:
    """The overrides of a parsed command line; options that a command does not have count as not given.

    Raises:
        SettingsError: for `--config` words that are neither a file nor `KEY=VALUE`, and for wrong patterns.
    """
    config, assignments = _config(options.config)
    if options.isolated and config:
        raise SettingsError("", "`--isolated` reads no configuration file, but `--config` names one")
    select = getattr(options, "select", None)
    return Overrides(
        isolated=options.isolated,
        config=config,
        assignments=(*assignments, *_assignments(options)),
        select=None if select is None else tuple(select),
        extend_select=tuple(getattr(options, "extend_select", ())),
        ignore=tuple(getattr(options, "ignore", ())),
        per_file_ignores=tuple(_ignores(getattr(options, "per_file_ignores", ()))),
    )


def _config(words: Iterable[str]) -> tuple[str | None, list[str]]:
    config, assignments = None, []
    for word in words:
        if os.path.isfile(word):
            config = word
        elif "=" in word:
            assignments.append(word)
        else:
            raise SettingsError("--config", f"`{word}` is neither a file nor KEY=VALUE")
    return config, assignments


def _assignments(options: argparse.Namespace) -> Iterable[str]:
    for key in ("exclude", "extend_exclude"):
        patterns = getattr(options, key, None)
        if patterns is not None:
            words = ", ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in patterns)
            yield f"{key.replace('_', '-')}=[{words}]"
    if getattr(options, "fail_on", None) is not None:
        yield f"fail-on={options.fail_on}"
    if getattr(options, "no_respect_gitignore", False):
        yield "respect-gitignore=false"


def _ignores(words: Iterable[str]) -> Iterable[tuple[str, tuple[str, ...]]]:
    for word in words:
        pattern, colon, selector = word.rpartition(":")
        if not colon or not pattern or not selector:
            raise SettingsError("--per-file-ignores", f"`{word}` is not PATTERN:RULE")
        try:
            glob(pattern)
        except ValueError as error:
            raise SettingsError("--per-file-ignores", f"patterns must be {error}") from None
        yield pattern, (selector,)
