"""No crash, no hang, no traceback: every file whole, cut off at a random place, and with random lines missing."""

from __future__ import annotations

import argparse
from typing import Any


def add_arguments(commands: Any) -> None:
    """Declare the commands `robust` and `oracle`."""


def main(arguments: argparse.Namespace) -> int:
    """Run one of them; returns the exit code."""
    return 0
