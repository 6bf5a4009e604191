"""Evidence on the terminal."""

from __future__ import annotations

import math

import pytest

from torchlint.evidence import Evidence, Measured
from torchlint.findings import Category
from torchlint.report import Style
from torchlint.rule import SEVERITY_OF, Body, Rule
from torchlint.witness import NoEvidence, Proof, number, prove, shown


def made(evidence: object = None) -> Rule:
    category = Category.CORRECTNESS
    return Rule(
        "TL101",
        "a-rule",
        category,
        "0.1",
        False,
        SEVERITY_OF[category],
        (),
        {},
        (),
        "a_rule.py",
        lambda: Body(lambda module: iter(()), "", evidence),
    )  # type: ignore[arg-type]


def experiment() -> Evidence:
    """Two curves of three
    steps."""
    return Evidence(
        "the bad one grows",
        (Measured("loss", 4.0, 1.0, "nats", bad_curve=(1.0, 2.0, 4.0), good_curve=(1.0, math.inf, math.nan)),),
        holds=True,
    )


PAGE = """\
Evidence

Two curves of three steps.

             bad  good
loss (nats)    4     1

loss (nats)
4 ┤  □□■■
  │
  │
  │
  │
  │
  │  ■■
  │
  │
1 ┤▣▣
  └──────
   1 step 3
   ■ bad   □ good   ▣ both

The bad one grows.
torch 2.13.0, CPU, 0.5 s: the claim holds here.
"""


def test_the_page() -> None:
    rule = made(experiment)
    page = shown(Proof(rule, experiment(), "2.13.0", 0.5), Style())
    assert [line.rstrip() for line in page.splitlines()] == [line.rstrip() for line in PAGE.splitlines()]


def test_terminals_without_blocks() -> None:
    page = shown(Proof(made(experiment), experiment(), "2.13.0", 0.5), Style(), ascii_only=True)
    assert page.isascii()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (0.123456, "0.1235"),
        (1234567, "1,234,567"),
        (2e9, "2e+09"),
        (1e-7, "1e-07"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


def test_a_rule_without_evidence_is_named() -> None:
    with pytest.raises(NoEvidence, match="a-rule"):
        prove(made())
