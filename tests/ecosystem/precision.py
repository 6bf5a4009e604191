"""Precision per rule from the verdicts, and the bars that it is held to."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from ecosystem import verdicts
from ecosystem.checking import Found, Run
from ecosystem.places import Place
from ecosystem.projects import MAIN, Split
from ecosystem.verdicts import Verdict
from torchlint.findings import Category
from torchlint.rule import Rule

PRECISION = Path(__file__).resolve().parents[2] / "torchlint" / "precision.json"
SAMPLE = 25
BAR = {Category.CORRECTNESS: 1.0}
BAR_OF_OTHERS = 0.95
LINES_PER_FALSE = 10_000


class Record(NamedTuple):
    """What the verdicts say of one rule.

    `true`, `false`, `unclear` count over the judged beginning of the draw (all findings of a `correctness` rule);
    `findings` is the number of findings, `known_false` counts the false ones anywhere, `lost` the findings once judged true
    that are no longer reported, `repaired` those once judged false.
    """

    rule: Rule
    findings: int
    true: int
    false: int
    unclear: int
    known_false: int
    unjudged: int
    lost: int
    repaired: int

    @property
    def precision(self) -> float | None:
        """True / (true + false); `None` before anything is judged."""
        judged = self.true + self.false
        return self.true / judged if judged else None

    @property
    def expected_false(self) -> float:
        """The false findings known, and those to be expected among the findings that nobody has judged."""
        judged = self.true + self.false
        rate = self.false / judged if judged else 0.0
        return self.known_false + rate * self.unjudged

    @property
    def needed(self) -> int:
        """How many findings more have to be judged."""
        done = self.true + self.false + self.unclear
        wanted = self.findings if self.rule.category is Category.CORRECTNESS else min(SAMPLE, self.findings)
        return max(0, wanted - done)


def drawn(found: Iterable[Found]) -> list[Found]:
    """Findings in the order of the draw, one for each place."""
    by_id = {f.id: f for f in found}
    return [by_id[key] for key in sorted(by_id)]


def record(rule: Rule, found: Iterable[Found], judged: Mapping[Place, Verdict]) -> Record:
    """Count a rule's verdicts."""
    order = drawn(found)
    words = [judged[f.place].word if f.place in judged else None for f in order]
    whole = rule.category is Category.CORRECTNESS
    end = len(words) if whole else next((i for i, word in enumerate(words) if word is None), len(words))
    count, everywhere = Counter(words[:end]), Counter(words)
    places = {f.place for f in order}
    gone = Counter(v.word for v in judged.values() if v.place not in places)
    return Record(
        rule,
        len(order),
        count["true"],
        count["false"],
        count["unclear"],
        everywhere["false"],
        everywhere[None],
        gone["true"],
        gone["false"],
    )


def records(rules: Iterable[Rule], run: Run, split: Split = MAIN) -> list[Record]:
    """The records of all rules."""
    by_code: dict[str, list[Found]] = defaultdict(list)
    for found in run.found:
        by_code[found.code].append(found)
    return [record(rule, by_code[rule.code], verdicts.read(rule.name, split)) for rule in rules]


def shortfalls(all_records: Iterable[Record], torch_lines: int) -> list[str]:
    """What misses the bars, one sentence each; rules in preview make no promise."""
    missing = []
    promised = [r for r in all_records if not r.rule.preview]
    for r in promised:
        label = f"{r.rule.code} {r.rule.name}"
        if r.needed:
            missing.append(f"{label}: {r.needed} of {r.findings} findings still to be judged")
        bar = BAR.get(r.rule.category, BAR_OF_OTHERS)
        if r.precision is not None and r.precision < bar:
            missing.append(f"{label}: precision {r.precision:.1%} is under {bar:.0%} ({r.false} false)")
        elif r.rule.category is Category.CORRECTNESS and r.known_false:
            missing.append(f"{label}: {r.known_false} false")
    expected = sum(r.expected_false for r in promised if r.rule.default)
    allowed = torch_lines / LINES_PER_FALSE
    if expected > allowed:
        missing.append(
            f"{expected:.0f} false findings expected in {torch_lines:,} lines of torch code, {allowed:.0f} allowed"
        )
    return missing


def write(all_records: Iterable[Record], run: Run) -> None:
    """Write the table that `torchlint rules` shows."""
    rules = {
        r.rule.code: {
            "precision": None if r.precision is None else round(r.precision, 4),
            "judged": r.true + r.false,
            "true": r.true,
            "false": r.false,
            "unclear": r.unclear,
            "findings": r.findings,
        }
        for r in all_records
    }
    head = {"projects": len(run.sizes), "torch_lines": sum(size.lines for size in run.sizes.values())}
    body = ",\n".join(f"  {json.dumps(code)}: {json.dumps(entry)}" for code, entry in sorted(rules.items()))
    text = "".join(f"{json.dumps(key)}: {value},\n" for key, value in head.items())
    PRECISION.write_text("{\n" + text + '"rules": {\n' + body + "\n}\n}\n", encoding="utf-8")
