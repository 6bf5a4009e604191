"""The floor: read every Python file below a directory and parse it with `ast`, nothing else."""

import ast
import os
import sys


def parse_all(root: str) -> None:
    """Parse what parses."""
    for directory, _, names in os.walk(root):
        for name in names:
            if name.endswith(".py"):
                with open(os.path.join(directory, name), "rb") as stream:
                    source = stream.read()
                try:
                    ast.parse(source)
                except (SyntaxError, ValueError):
                    continue


parse_all(sys.argv[1])
