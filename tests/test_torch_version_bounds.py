"""The upper end of the torch versions that a project allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlint.torch_version import below_of_project, upper_bounds


@pytest.mark.parametrize(
    ("line", "below"),
    [
        ('"torch>=2.1,<3"', [(3, 0)]),
        ("torch>=1.8", [None]),
        ("torch==2.1.0", [(2, 2)]),
        ("torch==2.1.*", [(2, 2)]),
        ("torch~=2.1", [(3, 0)]),
        ("torch~=2.1.0", [(2, 2)]),
        ("torch<=1.13.1", [(1, 14)]),
        ("torch<1.9", [(1, 9)]),
        ("torch>=1.4,!=1.5.0,<2.0.1", [(2, 1)]),
        ('torch = "^1.10"', [(2, 0)]),
        ("torchvision<0.10", []),
        ("# torch<1.9", []),
    ],
)
def test_upper_bounds(line: str, below: list[tuple[int, int] | None]) -> None:
    assert list(upper_bounds(line)) == below


def test_one_open_requirement_keeps_the_range_open(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("torch<2\n")
    assert below_of_project(str(tmp_path)) == (2, 0)
    (tmp_path / "setup.py").write_text('install_requires=["torch>=1.8"]\n')
    assert below_of_project(str(tmp_path)) is None
