"""What is true of every rule of the built-in pack: a new rule brings its tests with it.

What is true of every rule of any pack stands in `torchlint.laws`, where `torchlint test-pack` asks for it, too.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from harness import CODES, ERRORS, EVERY, RULES, doc, rendered

from torchlint import laws, packs
from torchlint.docs import index
from torchlint.laws import Bench, Law, files_of
from torchlint.rule import Rule

HERE = Path(__file__).resolve().parent
SNAPSHOTS = HERE / "snapshots"

every_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])


@functools.cache
def bench(name: str) -> Bench:
    return Bench(next(rule for rule in RULES if rule.name == name), RULES)


@every_rule
@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
def test_law(rule: Rule, law: Law) -> None:
    assert list(law(bench(rule.name))) == []


# The pack.


def test_every_file_of_the_pack_is_a_rule() -> None:
    assert [str(error) for error in ERRORS] == []
    assert RULES


@every_rule
def test_the_declaration_can_be_read_without_executing_the_file(rule: Rule) -> None:
    declared = packs._declared(rule.file)
    assert declared == rule.check.__torchlint_rule__, "the decorator holds plain values"  # type: ignore[attr-defined]


def test_codes_and_names_are_unique() -> None:
    words = [word for rule in RULES for word in (rule.code, rule.name, *rule.formerly)]
    assert [word for word, count in Counter(words).items() if count > 1] == []


def test_the_index_is_up_to_date() -> None:
    """`python -m torchlint.docs` writes it."""
    path = Path(packs.builtin()) / "README.md"
    assert path.read_text(encoding="utf-8") == index(RULES, packs.builtin())


# Words.


@every_rule
def test_name(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+){0,4}", rule.name), "kebab-case, at most five words"
    assert not re.match(r"(no|avoid|use|prefer|dont|bad|never)-", rule.name), "the name is the pattern, not the remedy"
    assert not rule.name.endswith("-check")
    assert Path(rule.file).name == rule.name.replace("-", "_") + ".py"
    assert packs.SUBJECTS[Path(rule.file).parent.name] == rule.code[:3]


@every_rule
def test_sections(rule: Rule) -> None:
    page = doc(rule.name)
    assert page.body, "prose says what happens and why nobody notices"
    assert "When it is fine" in page.sections
    assert "Not seen" in page.sections
    assert all(page.sections.values()), "no section is empty"
    assert set(page.sections) <= {"When it is fine", "Not seen", "Fix safety", "References", "Options"}


# The file.


@every_rule
def test_imports(rule: Rule) -> None:
    tree = ast.parse(Path(rule.file).read_text(encoding="utf-8"))
    evidence = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "evidence"), None)
    inside = {id(node) for node in ast.walk(evidence)} if evidence else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            allowed = module == "torchlint.api" or module.partition(".")[0] in sys.stdlib_module_names
            if id(node) in inside:
                allowed = allowed or module.partition(".")[0] in ("torch", "numpy")
            assert allowed, f"imports {module}"


@every_rule
def test_check_is_a_generator(rule: Rule) -> None:
    assert inspect.isgeneratorfunction(rule.check)
    assert callable(rule.evidence), "every claim has its experiment"
    assert (rule.evidence.__doc__ or "").strip(), "the experiment says what is run"


@pytest.mark.evidence
@every_rule
def test_evidence_holds(rule: Rule) -> None:
    pytest.importorskip("torch")
    from torchlint.witness import prove

    start = time.process_time()
    proof = prove(rule)
    assert time.process_time() - start < 10
    evidence = proof.evidence
    assert evidence.holds, f"{evidence.claim}: {evidence.measured}"
    assert evidence.measured
    assert re.match(r"[`\w]", evidence.claim) and not evidence.claim.endswith("."), evidence.claim
    for measured in evidence.measured:
        assert isinstance(measured.bad, (int, float)) and isinstance(measured.good, (int, float)), measured


# How it looks.


@every_rule
def test_snapshot(rule: Rule, accept: bool) -> None:
    files = [files_of(bad) for bad in doc(rule.name).of("bad")]
    parts = [rendered(project, bench(rule.name).own(project)) for project in files]
    shown = ("\n" + "-" * 100 + "\n\n").join(part.strip("\n") + "\n" for part in parts)
    path = SNAPSHOTS / f"{rule.name}.txt"
    if accept:
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert path.exists(), "`pytest --accept` writes it"
    assert path.read_text(encoding="utf-8") == shown, "`pytest --accept` writes it; read it as a user would"


def test_no_snapshot_is_left_over() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.txt")} <= {rule.name for rule in RULES}


def test_all_rules_are_tested() -> None:
    assert EVERY.codes == set(CODES)
