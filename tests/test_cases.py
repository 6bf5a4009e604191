"""Hard cases: real shapes of code, with the expected findings marked in comments.

`# TL101` at the end of a line: reported. `# TL101?`: should be reported and is not, yet. `# TL101!`: is reported and should not
be. A directory is a project. A mark that is no longer true fails.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import BY_NAME, CODES, check

from torchlint.docs import marks_of, without_marks
from torchlint.laws import name_of, told

CASES = Path(__file__).resolve().parent / "cases"


def cases() -> list[Path]:
    return sorted(
        path
        for folder in CASES.glob("*")
        for path in folder.iterdir()
        if path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")
    )


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.parent.name}/{case.name}")
def test_case(case: Path, case_counts: dict[str, int]) -> None:
    rule = BY_NAME[case.parent.name]
    paths = sorted(case.rglob("*.py")) if case.is_dir() else [case]
    root = case if case.is_dir() else case.parent
    texts = {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in paths}
    marks = {(name, line, mark.code): mark.doubt for name, text in texts.items() for line, mark in marks_of(text)}
    assert {code for _, _, code in marks} <= set(CODES), "a mark names no rule"
    codes = {rule.code} | {code for _, _, code in marks}
    found = check(tuple((name, without_marks(text)) for name, text in texts.items()))
    assert not [f for f in found if f.code == "TL002"], told(found)
    reported = {(name_of(f), f.place.span.line, f.code) for f in found if f.code in codes}
    missing = {place for place, doubt in marks.items() if doubt != "?"} - reported
    extra = reported - {place for place, doubt in marks.items() if doubt != "?"}
    fixed_now = {place for place in missing if marks[place] == "!"} | {place for place in extra if place in marks}
    assert not fixed_now, f"remove the mark: {sorted(fixed_now)}"
    assert not missing, f"not reported: {sorted(missing)}"
    assert not extra, f"reported: {told(f for f in found if (name_of(f), f.place.span.line, f.code) in extra)}"
    case_counts["files"] = case_counts.get("files", 0) + len(paths)
    for doubt in marks.values():
        case_counts[doubt] = case_counts.get(doubt, 0) + 1


def test_every_directory_is_a_rule() -> None:
    assert {path.name for path in CASES.iterdir() if path.is_dir()} <= set(BY_NAME)
