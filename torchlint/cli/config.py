"""`torchlint config`: every configuration key, or one in detail."""

from __future__ import annotations

import argparse
import sys

from torchlint.settings import KEYS, Key, SettingsError, nearest


def config(options: argparse.Namespace) -> int:
    """Print the keys, or type, default, meaning and example of one; returns the exit code."""
    if options.key is None:
        width = max(len(key.name) for key in KEYS)
        for key in KEYS:
            sys.stdout.write(f"{key.name:<{width}}  {key.doc.split('. ')[0].rstrip('.')}.\n")
        sys.stdout.write(
            "\n`torchlint config KEY` explains one. They stand in `[tool.torchlint]` of `pyproject.toml`,\n"
        )
        sys.stdout.write("or at the top of `torchlint.toml`.\n")
        return 0
    known = {key.name: key for key in KEYS}
    if options.key not in known:
        raise SettingsError("", f"`{options.key}` is no configuration key{nearest(options.key, known)}")
    sys.stdout.write(page(known[options.key]))
    return 0


def page(key: Key) -> str:
    """What there is to say about a key."""
    example = "\n".join("    " + line for line in key.example.splitlines())
    if not key.example.startswith("["):
        example = f"    [tool.torchlint]\n{example}"
    return f"{key.name}\n\n{key.doc}\n\nType: {key.type}\nDefault: {key.default}\n\nExample:\n\n{example}\n"
