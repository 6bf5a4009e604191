"""What is true of every rule: a new rule brings its tests with it."""

from __future__ import annotations

import ast
import io
import random
import re
import sys
import time
import tokenize
from collections import Counter
from pathlib import Path

import pytest
from harness import (
    BY_NAME,
    CODES,
    ERRORS,
    EVERY,
    ROOT,
    RULES,
    Files,
    check,
    doc,
    files_of,
    findings,
    name_of,
    places,
    project_of,
    rendered,
    repaired,
    ruleset,
    told,
)

from torchlint import packs
from torchlint.docs import Example, index
from torchlint.findings import Finding, Safety
from torchlint.fixes import edits_of
from torchlint.model import Module
from torchlint.rule import Rule

HERE = Path(__file__).resolve().parent
SNAPSHOTS = HERE / "snapshots"

every_rule = pytest.mark.parametrize("rule", RULES, ids=[rule.name for rule in RULES])


def examples(rule: Rule, *words: str) -> list[Example]:
    return [example for example in doc(rule.name).examples if example.word in words]


def own(rule: Rule, found: tuple[Finding, ...] | list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.code == rule.code]


# The pack.


def test_every_file_of_the_pack_is_a_rule() -> None:
    assert [str(error) for error in ERRORS] == []
    assert RULES


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
def test_title(rule: Rule) -> None:
    title = doc(rule.name).title
    assert title.endswith(".")
    assert len(title) <= 90
    assert not title.startswith(("This rule", "Checks", "Detects"))
    assert rule.doc.strip("\n").splitlines()[1] == "", "an empty line follows the title"


@every_rule
def test_sections(rule: Rule) -> None:
    page = doc(rule.name)
    assert page.body, "prose says what happens and why nobody notices"
    assert "When it is fine" in page.sections
    assert "Not seen" in page.sections
    assert all(page.sections.values()), "no section is empty"
    assert set(page.sections) <= {"When it is fine", "Not seen", "Fix safety", "References", "Options"}


@every_rule
def test_examples(rule: Rule) -> None:
    page = doc(rule.name)
    bad, fixed, good = page.of("bad"), page.of("fixed"), page.of("good")
    assert bad
    assert len(good) >= len(bad), "at least as many good examples as bad ones"
    assert len(fixed) <= len(bad)
    for example in page.examples:
        for file in example.files:
            ast.parse(file.text)
            assert len(file.text.splitlines()) < 30, f"{file.name} is short enough to read"
        codes = {code for _, _, code in example.marks}
        assert codes == ({rule.code} if example.word == "bad" else set())
    for one, other in zip(bad, fixed, strict=False):
        assert [file.name for file in one.files] == [file.name for file in other.files]


# Verdicts.


@every_rule
def test_bad_reports_exactly_the_marked_lines(rule: Rule) -> None:
    for example in examples(rule, "bad"):
        found = findings(example)
        assert places(found) == sorted(example.marks), told(found) or "nothing found"


@every_rule
def test_good_and_fixed_are_silent_under_every_rule(rule: Rule) -> None:
    for example in examples(rule, "good", "fixed"):
        found = findings(example)
        assert not found, f"{told(found)}\nin\n{example.text}"


@every_rule
def test_verdicts_do_not_depend_on_other_rules(rule: Rule) -> None:
    shuffled = list(RULES)
    random.Random(rule.code).shuffle(shuffled)
    for example in examples(rule, "bad"):
        expected = own(rule, findings(example))
        assert own(rule, check(files_of(example), ruleset([rule]))) == expected
        assert own(rule, check(files_of(example), ruleset(shuffled))) == expected


@every_rule
def test_the_tree_is_left_alone(rule: Rule) -> None:
    for example in examples(rule, "bad"):
        project = project_of(dict(files_of(example)))
        for name, text in files_of(example):
            tree = ast.parse(text)
            before = ast.dump(tree, include_attributes=True)
            module = Module.build(f"{ROOT}/{name}", text, project, tree)
            module.options = dict(rule.options)
            list(rule.check(module))
            assert ast.dump(tree, include_attributes=True) == before
            module.dispose()


# Findings.


@every_rule
def test_messages(rule: Rule) -> None:
    for example in examples(rule, "bad"):
        for finding in own(rule, findings(example)):
            said = finding.message
            assert re.match(r"[`a-z0-9]", said), said
            assert not said.endswith("."), said
            assert "\n" not in said
            assert len(said) <= 140, f"{len(said)} characters: {said}"
            assert not re.search(r"\b(please|should|must|consider|potential(ly)?)\b", said), said
            spans = re.findall(r"`([^`]+)`", said)
            text = " ".join(file.text for file in example.files)
            names = {name for span in spans for name in re.findall(r"[^\W\d]\w*", span)}
            assert any(re.search(rf"\b{name}\b", text) for name in names), f"names something of the code: {said}"
            assert said.count("`") % 2 == 0, said
            for related in finding.related:
                assert related.message, said
                assert related.place.path in {f"{ROOT}/{name}" for name, _ in files_of(example)}


@every_rule
def test_fix_titles(rule: Rule) -> None:
    for example in examples(rule, "bad"):
        for fix in (fix for finding in own(rule, findings(example)) for fix in finding.fixes):
            assert re.match(r"[A-Z`]", fix.title), fix.title
            assert not fix.title.endswith("."), fix.title
            if fix.safety is Safety.UNSAFE:
                assert re.search(r"which|so that|chang|[(,;]", fix.title), f"says what it changes: {fix.title}"


# Fixes.


@every_rule
def test_bad_becomes_fixed(rule: Rule) -> None:
    page = doc(rule.name)
    offered = any(f.fixes for example in page.of("bad") for f in own(rule, findings(example)) if machine_made(f))
    assert bool(page.of("fixed")) == offered, "a rule with a fix shows it, and a rule that shows one has it"
    for bad, fixed in zip(page.of("bad"), page.of("fixed"), strict=False):
        after, rounds = repaired(files_of(bad), rule)
        assert dict(after) == dict(files_of(fixed))
        assert rounds == 1, "a second run changes nothing"


@every_rule
def test_fixes_keep_the_form(rule: Rule) -> None:
    page = doc(rule.name)
    for bad, fixed in zip(page.of("bad"), page.of("fixed"), strict=False):
        for change in (windows, tabs):
            after, _ = repaired(tuple((name, change(text)) for name, text in files_of(bad)), rule)
            assert dict(after) == {name: change(text) for name, text in files_of(fixed)}, change.__name__


@every_rule
def test_fixes_are_faithful(rule: Rule) -> None:
    for example in examples(rule, "bad"):
        found = own(rule, findings(example))
        texts = dict(files_of(example))
        for finding in found:
            for fix in finding.fixes:
                if fix.verbs:
                    assert edits_of(texts[name_of(finding)], fix), f"{fix.title} can be made here"
        before = files_of(example)
        after, _ = repaired(before, rule)
        for (name, old), (_, new) in zip(before, after, strict=True):
            ast.parse(new)
            assert not comments(old) - comments(new), f"comments of {name} are lost"
        if after != before:
            new_findings = Counter(f.code for f in check(after)) - Counter(f.code for f in findings(example))
            assert not new_findings, f"the fix brings new findings: {told(check(after))}"


@every_rule
def test_fix_safety_is_explained(rule: Rule) -> None:
    found = [f for example in examples(rule, "bad") for f in own(rule, findings(example))]
    if any(fix.safety is Safety.UNSAFE for finding in found for fix in finding.fixes):
        assert "Fix safety" in doc(rule.name).sections


def machine_made(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.safety is not Safety.SHOWN and bool(finding.fix.verbs)


def comments(text: str) -> Counter[str]:
    lines = io.StringIO(text).readline
    return Counter(t.string for t in tokenize.generate_tokens(lines) if t.type == tokenize.COMMENT)


# Any input.


@every_rule
def test_any_text_is_survived(rule: Rule) -> None:
    alone = ruleset([rule])
    for text in ("", "\n", "# torch\n", "import torch", "import torch\n\x0c\n", "torch = (\n", '"""torch', "\x00torch"):
        assert not own(rule, check((("a.py", text),), alone))
    for example in examples(rule, "bad"):
        for name, text in files_of(example):
            rng = random.Random(len(text))
            others = [file for file in files_of(example) if file[0] != name]
            for cut in rng.sample(range(len(text)), 6):
                for broken in (text[:cut], text[cut:], text[:cut] + "(" + text[cut:]):
                    found = check(((name, broken), *others), alone)
                    assert not [f for f in found if f.code == "TL002"], f"{told(found)}\nin\n{broken}"


@every_rule
def test_form_does_not_matter(rule: Rule) -> None:
    for example in examples(rule, "bad"):
        expected = places(own(rule, findings(example)))
        for change in (windows, tabs, non_ascii):
            files: Files = tuple((name, change(text)) for name, text in files_of(example))
            found = own(rule, check(files))
            assert places(found) == expected, change.__name__


def windows(text: str) -> str:
    return text.replace("\n", "\r\n")


def tabs(text: str) -> str:
    return re.sub(r"^( {4})+", lambda match: "\t" * (len(match[0]) // 4), text, flags=re.MULTILINE)


def non_ascii(text: str) -> str:
    return text.replace("\n", "  # ü €\n", 1) if not text.startswith('"""') else text


@every_rule
def test_files_without_torch_are_not_read(rule: Rule) -> None:
    assert not check((("a.py", "import os\n\nprint(os.getcwd())\n"),), ruleset([rule]))


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
    import inspect

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
    parts = [rendered(files_of(bad), own(rule, findings(bad))) for bad in examples(rule, "bad")]
    shown = ("\n" + "-" * 100 + "\n\n").join(part.strip("\n") + "\n" for part in parts)
    path = SNAPSHOTS / f"{rule.name}.txt"
    if accept:
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8")
    assert path.exists(), "`pytest --accept` writes it"
    assert path.read_text(encoding="utf-8") == shown, "`pytest --accept` writes it; read it as a user would"


def test_no_snapshot_is_left_over() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.txt")} <= set(BY_NAME)


def test_the_rules_know_each_other() -> None:
    """Names in the prose of a rule that look like rules are rules."""
    assert all(rule.code in CODES for rule in RULES)
    assert EVERY.codes == set(CODES)
