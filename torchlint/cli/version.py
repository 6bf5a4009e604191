"""`torchlint version`."""

from __future__ import annotations

import argparse
import os
import sys

import torchlint
from torchlint import hygiene


def version(options: argparse.Namespace) -> int:
    """Print the version; with `--verbose` also what a bug report needs. Returns the exit code."""
    sys.stdout.write(f"torchlint {torchlint.__version__}\n")
    if not getattr(options, "verbose", False):
        return 0
    from torchlint.cache import directory_of
    from torchlint.discovery import project_root
    from torchlint.torch_version import of_project
    from torchlint.workspace import Workspace

    workspace = Workspace(checked=[os.getcwd()])
    settings = workspace.settings(os.getcwd())
    root = project_root(os.path.join(os.getcwd(), "_"), [os.getcwd()])
    known = of_project(root)
    configured = settings.torch_version
    torch = "not known"
    if configured is not None:
        torch = f"{configured[0]}.{configured[1]}, from the configuration"
    elif known is not None:
        torch = f"{known.version[0]}.{known.version[1]}, from {known.source}"
    rules = workspace.rules(settings)
    lines = {
        "python": f"{sys.version.split()[0]} ({sys.executable})",
        "platform": sys.platform,
        "installed": os.path.dirname(os.path.abspath(torchlint.__file__)),
        "project": root,
        "configuration": settings.file or "none",
        "torch": torch,
        "rules": f"{len(rules) + len(hygiene.RULES)}, {len(workspace.ruleset(settings).selected)} of them on here",
        "cache": directory_of() or "none",
        "packs": ", ".join(settings.packs) or "none besides the built-in one",
    }
    for name, value in lines.items():
        sys.stdout.write(f"{name + ':':<15}{value}\n")
    for problem in workspace.problems:
        sys.stderr.write(f"torchlint: {problem}\n")
    return 2 if workspace.problems else 0
