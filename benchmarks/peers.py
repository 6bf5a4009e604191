"""The tools that torchlint is compared with, each in an environment of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Peer(NamedTuple):
    """A tool: pinned requirement, executable and arguments; `slow` ones run on the small corpus only."""

    label: str
    requirement: str
    command: tuple[str, ...]
    slow: bool = False
    parallel: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The distribution's name."""
        return self.requirement.partition("==")[0]

    @property
    def environment(self) -> Path:
        """Where the tool's virtual environment lies."""
        base = os.environ.get("TORCHLINT_PEERS") or "~/.cache/torchlint-peers"
        return Path(base).expanduser() / f"peers-{self.name}"

    @property
    def executable(self) -> Path:
        """The tool's script."""
        return self.environment / "bin" / self.command[0]


PEERS = (
    Peer(
        "ruff (E9, F; one thread)", "ruff==0.17.5", ("ruff", "check", "--isolated", "--no-cache", "--select=E9,F", ".")
    ),
    Peer(
        "ruff (all its rules; one thread)",
        "ruff==0.17.5",
        ("ruff", "check", "--isolated", "--no-cache", "--select=ALL", "."),
    ),
    Peer("hotpath-ai", "hotpath-ai==0.1.0", ("hotpath", "analyze", ".")),
    Peer("flake8", "flake8==7.5.0", ("flake8", "--isolated", "-j1", "."), slow=True),
    Peer("TorchFix", "torchfix==0.7.0", ("torchfix", "-j1", "--select=ALL", "."), slow=True),
    Peer(
        "torch-preflight", "torch-preflight==0.5.0", ("torch-preflight", "check", "-j1", "--no-color", "."), slow=True
    ),
)


def install(peer: Peer) -> str | None:
    """Make the tool's environment unless it is there; returns why it cannot be had, else `None`."""
    if peer.executable.exists():
        return None
    pip = [str(peer.environment / "bin" / "python"), "-m", "pip", "install", "--quiet", peer.requirement]
    for command in ([sys.executable, "-m", "venv", str(peer.environment)], pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["unknown reason"])[-1]
    return None if peer.executable.exists() else f"{peer.requirement} brings no command {peer.command[0]}"
