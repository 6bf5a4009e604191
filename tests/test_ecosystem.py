"""The ecosystem set: its pins, verdicts and committed findings, and torchlint on the few projects that are fetched for it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ecosystem import checking, places, precision, projects, recall, verdicts
from ecosystem.places import Place

from torchlint import packs
from torchlint.findings import Category
from torchlint.rule import Body, Rule

SPLITS = list(projects.SPLITS.values())
FINDING = re.compile(r"([\w.-]+)/\S.*:\d+: (TL\d{3}) \S.*")
SOURCE = """\
import torch


class Trainer:
    def fit(self, loader):
        for x in loader:
            self.optimizer.step()
            if x:
                self.optimizer.step()
            call(
                x,
                  1)
"""


def test_pins() -> None:
    pinned = projects.pinned()
    assert len(pinned) >= 40
    assert len({project.name for project in pinned}) == len(pinned)
    assert all(re.fullmatch(r"[0-9a-f]{64}", project.sha256) for project in pinned)
    assert 3 <= len(projects.pinned(small=True)) <= 6


def test_no_project_is_in_two_splits() -> None:
    names = [project.name for split in SPLITS for project in projects.pinned(split=split)]
    assert len(names) == len(set(names))


def test_members_outside_the_root_are_not_unpacked() -> None:
    assert projects.wanted("top/../../etc/x.py", is_wheel=False) is None
    assert projects.wanted("/etc/x.py", is_wheel=True) is None
    assert str(projects.wanted("top/package/x.py", is_wheel=False)) == "package/x.py"
    assert projects.wanted("top/package/data.bin", is_wheel=False) is None


def test_places_do_not_shift_with_lines(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(SOURCE)
    (tmp_path / "b.py").write_text("\n\n# moved\n" + SOURCE)
    for line, text in ((7, "self.optimizer.step()"), (9, "self.optimizer.step()"), (11, "call( x, 1)")):
        place = places.place_of(tmp_path, "a.py", line)
        assert place == places.place_of(tmp_path, "b.py", line + 3)._replace(path="a.py")
        assert (place.function, place.statement) == ("Trainer.fit", text)
    assert [places.place_of(tmp_path, "a.py", line).nth for line in (7, 9)] == [1, 2]
    assert places.place_of(tmp_path, "a.py", 1).function == "<module>"


def test_verdicts_are_read_as_they_are_written() -> None:
    place = Place("timm/train.py", "fit", 2, "a = b in c: d  # in e: f")
    verdict = verdicts.Verdict(place, "true", "Because.")
    assert verdicts.parse(str(verdict), "x") == {place: verdict}
    for wrong in ("maybe a.py in f: x\n    Reason.\n", "true a.py in f: x\n", "    Reason.\n", str(verdict) * 2):
        with pytest.raises(ValueError, match="x"):
            verdicts.parse(wrong, "x")


def a_rule(category: Category) -> Rule:
    options = {"severity": None, "triggers": (), "options": {}, "formerly": ()}
    values = {"code": "TL999", "name": "made-up", "category": category, "since": "0", "preview": False} | options
    return Rule(**values, file="", body=lambda: Body(lambda module: iter(())))  # type: ignore[arg-type]


def test_precision_counts_the_judged_beginning_of_the_draw() -> None:
    found = [
        checking.Found("p/a.py", n, "TL999", "made-up", "m", Place("p/a.py", "f", 1, f"x = {n}")) for n in range(40)
    ]
    order = precision.drawn(found)
    judged = {f.place: verdicts.Verdict(f.place, "true", "r") for f in order[:10]}
    judged[order[3].place] = verdicts.Verdict(order[3].place, "false", "r")
    judged[order[30].place] = verdicts.Verdict(order[30].place, "false", "r")
    gone = Place("p/a.py", "f", 1, "gone()")
    judged[gone] = verdicts.Verdict(gone, "true", "r")
    record = precision.record(a_rule(Category.SUSPICIOUS), found, judged)
    assert (record.true, record.false, record.known_false, record.needed, record.lost) == (9, 1, 2, 15, 1)
    assert record.precision == pytest.approx(0.9)
    certain = precision.record(a_rule(Category.CORRECTNESS), found, judged)
    assert (certain.true, certain.false, certain.needed) == (9, 2, 29)


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
def test_every_verdict_file_is_that_of_a_rule(split: projects.Split) -> None:
    names = {rule.name for rule in packs.load()}
    known = {project.name for project in projects.pinned(split=split)}
    for path in sorted((split.home / "verdicts").glob("*.txt")):
        assert path.stem in names, path.name
        for place in verdicts.read(path.stem, split):
            assert place.path.partition("/")[0] in known, f"{path.name}: {place}"


@pytest.mark.parametrize("split", SPLITS, ids=lambda split: split.name)
def test_committed_findings_are_well_formed(split: projects.Split) -> None:
    lines = checking.accepted(split)
    codes = {rule.code for rule in packs.load()} | {"TL000"}
    known = {project.name for project in projects.pinned(split=split)}
    assert lines == sorted(set(lines))
    for line in lines:
        parts = FINDING.fullmatch(line)
        assert parts, line
        assert parts[1] in known and parts[2] in codes, line


@pytest.mark.parametrize("project", projects.pinned(small=True), ids=lambda project: project.name)
def test_findings_in_real_projects_are_the_committed_ones(project: projects.Project) -> None:
    if not project.is_there:
        pytest.skip(f"{project.name} is not fetched: python tests/ecosystem/run.py fetch --small")
    run = next(checking.check([project]))
    assert not run.errors
    assert sorted({str(found) for found in run.found}) == [
        line for line in checking.accepted() if line.startswith(f"{project.name}/")
    ]


def test_bugs_of_the_recall_set_are_well_formed() -> None:
    names = {rule.name for rule in packs.load()}
    known = recall.bugs()
    assert len(known) >= 60 and len({(b.project, b.commit, b.file, b.rule) for b in known}) == len(known)
    for bug in known:
        assert re.fullmatch(r"[0-9a-f]{40}", bug.commit) and bug.rule in names and bug.lines, bug
        assert bug.confirmed in ("fixed", "acknowledged", "reported"), bug
        assert bug.result == "found" or (bug.result == "silent" and bug.why), bug
