"""`torchlint clean`."""

from __future__ import annotations

import argparse
import sys

from torchlint import cache


def clean(options: argparse.Namespace) -> int:
    """Remove all caches; returns the exit code."""
    directory = cache.directory_of(options.cache_dir)
    count = cache.clean(directory) if directory is not None else 0
    what = "There was no cache" if not count else f"Removed {count} cache{'s' * (count > 1)}"
    sys.stdout.write(f"{what} in {directory}.\n" if directory is not None else "There is no place for a cache.\n")
    return 0
