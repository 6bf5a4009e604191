"""The fields of dataclasses and other records: what a constructor was given, never a default that was overridden."""

from __future__ import annotations

import pytest

from tests.model.programs import described, module, probe

HEAD = """import torch
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar, NamedTuple
@dataclass
class C:
    k: ClassVar[int] = 5
    d: int
    p: float = 0.1
    q: float = field(default=0.2)
    r: list = field(default_factory=list)
"""

RECORDS: list[tuple[str, str]] = [
    ("probe(C(d=3).d)", "3"),
    ("probe(C(3).p)", "0.1"),
    ("probe(C(3, 0.5).p)", "0.5"),
    ("probe(C(3, p=0.5).p)", "0.5"),
    ("probe(C(3).q)", "0.2"),
    ("probe(C(3).k)", "5"),
    ("probe(C.p)", "0.1"),
    ("probe(C(3).r)", "attribute r of instance C"),
    ("probe(C(**x).p)", "attribute p of instance C"),
    ("probe(C(*x).p)", "attribute p of instance C"),
    ("c = C(3)\nc.p = 2\nprobe(c.p)", "2"),
    ("c = C(3)\nif x:\n    c.p = 2\ndef f():\n    probe(c.p)", "0.1 | unknown"),
    ("def f(c: C):\n    probe(c.p)", "attribute p of instance C"),
    ("@dataclass\nclass E(C):\n    p: float = 0.9\n    z: int = 1\nprobe(E(3).p)", "0.9"),
    ("@dataclass\nclass E(C):\n    p: float = 0.9\n    z: int = 1\nprobe(E(3, 4, 5, 6, 7).z)", "7"),
    ("@dataclass\nclass E(Unknown):\n    z: int = 1\nprobe(E(3).z)", "attribute z of instance E"),
    ("@dataclass\nclass E(Unknown):\n    z: int = 1\nprobe(E(z=3).z)", "3"),
    ("@dataclass\nclass E:\n    a: int\n    _: KW_ONLY\n    z: int = 1\nprobe(E(3, z=4).z)", "4"),
    ("@dataclass\nclass E:\n    z: int = 1\n    def f(self):\n        probe(self.z)", "attribute z of instance E"),
    ("@dataclass\nclass E:\n    z: int = 1\n    def __post_init__(self):\n        self.z = 2\nprobe(E().z)", "1 | 2"),
    ("class N(NamedTuple):\n    d: int\n    p: float = 0.1\nprobe(N(3, 4).p)", "4"),
    ("class Plain:\n    p: float = 0.1\nprobe(Plain().p)", "0.1"),
]


@pytest.mark.parametrize(("program", "expected"), RECORDS)
def test_field(program: str, expected: str) -> None:
    assert described(probe(module(HEAD + program))) == expected
