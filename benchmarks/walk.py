"""The floor of a warm run: walk a directory and ask for the times of every Python file, nothing else."""

import os
import sys


def walk(directory: str) -> None:
    """List a directory in order, and what is below it."""
    with os.scandir(directory) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir():
            walk(entry.path)
        elif entry.name.endswith((".py", ".pyw", ".ipynb")):
            os.stat(entry.path)


walk(sys.argv[1])
