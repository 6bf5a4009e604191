"""The numbers that a rule's claim rests on, as returned by the `evidence()` of its file.

Only plain numbers and strings live here, so that a check never needs torch to read them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Measured(NamedTuple):
    """One quantity, measured for the bad and for the good form.

    `unit` is empty for pure numbers. `bad_curve` and `good_curve` may hold the same quantity over time (for example the
    loss of each step); `over` names their horizontal axis.
    """

    quantity: str
    bad: float
    good: float
    unit: str = ""
    bad_curve: Sequence[float] = ()
    good_curve: Sequence[float] = ()
    over: str = "step"


class Evidence(NamedTuple):
    """What an experiment showed: a factual sentence, the quantities, and whether the claim holds here.

    `holds` is computed from the numbers by the experiment itself; it is what the test suite asserts.
    """

    claim: str
    measured: tuple[Measured, ...]
    holds: bool
