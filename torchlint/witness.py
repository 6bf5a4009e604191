"""The experiments behind the rules, run with the user's own torch: the only importer of torch outside evidence."""

from __future__ import annotations

import math
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torchlint.evidence import Evidence, Measured
from torchlint.report import Style
from torchlint.rule import Rule


class Proof(NamedTuple):
    """What an experiment showed here, with which torch, and how many seconds it took."""

    rule: Rule
    evidence: Evidence
    torch_version: str
    seconds: float


class NoTorch(Exception):
    """torch cannot be imported; the message says how to install it."""


class NoEvidence(Exception):
    """The rule has no experiment."""


def prove(rule: Rule) -> Proof:
    """Run the experiment of a rule on the CPU with one thread and fixed seeds.

    Raises:
        NoTorch: if torch is missing.
        NoEvidence: if the rule has no experiment.
    """
    if rule.evidence is None:
        raise NoEvidence(f"{rule.name} ({rule.code}) has no experiment")
    try:
        import torch
    except ImportError as error:
        raise NoTorch("the experiments need torch: pip install 'torchlint[torch]'") from error
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    default_dtype, deterministic = torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    start = time.perf_counter()
    try:
        evidence = rule.evidence()
    finally:
        seconds = time.perf_counter() - start
        torch.set_num_threads(threads)
        torch.set_rng_state(state)
        torch.set_default_dtype(default_dtype)
        torch.use_deterministic_algorithms(deterministic)
    return Proof(rule, evidence, torch.__version__, seconds)


def shown(proof: Proof, style: Style, *, ascii_only: bool = False) -> str:
    """A proof for a terminal: what was run, bad and good side by side, curves where there are any, and the claim."""
    run = " ".join((getattr(proof.rule.evidence, "__doc__", None) or "").split())
    width = style.width or _WIDTH
    out = [style.bold("Evidence"), "", *_wrapped(run, width), ""]
    out += _table(proof.evidence.measured, style)
    for measured in proof.evidence.measured:
        if len(measured.bad_curve) > 1 or len(measured.good_curve) > 1:
            out += ["", *_plot(measured, style, min(width, _WIDTH), _ASCII if ascii_only else _BLOCKS)]
    verdict = "holds" if proof.evidence.holds else style.bold("does not hold")
    claim = proof.evidence.claim.rstrip(".")
    here = f"torch {proof.torch_version}, CPU, {proof.seconds:.1f} s: the claim {verdict} here."
    return "\n".join([*out, "", *_wrapped(f"{claim[:1].upper()}{claim[1:]}.", width), style.dim(here)]) + "\n"


_WIDTH = 88
_HEIGHT = 10


class _Signs(NamedTuple):
    bad: str
    good: str
    both: str
    vertical: str
    tick: str
    corner: str
    horizontal: str


_BLOCKS = _Signs("■", "□", "▣", "│", "┤", "└", "─")
_ASCII = _Signs("#", "o", "@", "|", "+", "+", "-")


def _table(measured: Sequence[Measured], style: Style) -> list[str]:
    rows = [(_label(item), number(item.bad), number(item.good)) for item in measured]
    first = max((len(label) for label, _, _ in rows), default=0)
    columns = [max([len(head), *(len(row[i]) for row in rows)]) for i, head in ((1, "bad"), (2, "good"))]
    head = f"{'':<{first}}  {'bad':>{columns[0]}}  {'good':>{columns[1]}}"
    return [
        style.dim(head),
        *(f"{label:<{first}}  {bad:>{columns[0]}}  {good:>{columns[1]}}" for label, bad, good in rows),
    ]


def _label(measured: Measured) -> str:
    return f"{measured.quantity} ({measured.unit})" if measured.unit else measured.quantity


def number(value: float) -> str:
    """A number with at most four significant digits."""
    if value == int(value) if math.isfinite(value) else False:
        return f"{int(value):,}" if abs(value) < 1e7 else f"{value:.3g}"
    return f"{value:.4g}" if math.isfinite(value) else str(value)


def _plot(measured: Measured, style: Style, width: int, signs: _Signs) -> list[str]:
    finite = [y for y in (*measured.bad_curve, *measured.good_curve) if math.isfinite(y)]
    if not finite:
        return []
    low, high = min(finite), max(finite)
    logarithmic = low > 0 and high / low > 100
    scale = math.log10 if logarithmic else float
    labels = [number(high), number(low)]
    margin = max(len(label) for label in labels)
    length = max(len(measured.bad_curve), len(measured.good_curve))
    columns = max(2, min(width - margin - 4, length if length > 30 else 2 * length))
    bad, good = (
        [_row(y, scale, low, high) for y in _stretched(curve, length, columns)]
        for curve in (measured.bad_curve, measured.good_curve)
    )
    lines = [f"{style.bold(_label(measured))}{' (logarithmic)' if logarithmic else ''}"]
    for row in range(_HEIGHT):
        label = labels[0] if row == 0 else labels[1] if row == _HEIGHT - 1 else ""
        axis = signs.tick if label else signs.vertical
        cells = "".join(_sign(bad[i] == row, good[i] == row, signs) for i in range(columns)).rstrip()
        lines.append(f"{label:>{margin}} {axis}{cells}")
    last = f"{measured.over} {length}"
    lines.append(f"{'':>{margin}} {signs.corner}{signs.horizontal * columns}")
    lines.append(f"{'':>{margin}}  1{last:>{max(columns - 1, len(last) + 1)}}")
    lines.append(style.dim(f"{'':>{margin}}  {signs.bad} bad   {signs.good} good   {signs.both} both"))
    return lines


def _stretched(curve: Sequence[float], length: int, columns: int) -> list[float]:
    """One value for each column; a shorter curve ends earlier."""
    values = [curve[index] if index < len(curve) else math.nan for index in range(length)]
    return [values[min(length - 1, round(column * (length - 1) / (columns - 1)))] for column in range(columns)]


def _row(value: float, scale: Callable[[float], float], low: float, high: float) -> int:
    """The row of a value, 0 on top; -1 for none."""
    if math.isnan(value) or value == -math.inf:
        return -1
    if value == math.inf or high == low:
        return 0 if value == math.inf else _HEIGHT // 2
    part = (scale(value) - scale(low)) / (scale(high) - scale(low))
    return round((1 - part) * (_HEIGHT - 1))


def _sign(bad: bool, good: bool, signs: _Signs) -> str:
    return signs.both if bad and good else signs.bad if bad else signs.good if good else " "


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, min(width, 100), break_long_words=False, break_on_hyphens=False)
