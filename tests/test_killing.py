"""A few of the runs of `tests/killing.py`, which kills five hundred when asked to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from killing import kill


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are killed by a signal")
def test_a_killed_run_leaves_whole_files(tmp_path: Path) -> None:
    counts = kill(tmp_path, 9, seed=5)
    assert not [name for name in counts if name.startswith("TROUBLE")]
    assert sum(counts.values()) == 9
