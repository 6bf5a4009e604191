"""What must be true of every rule of every pack: `torchlint test-pack` and the tests of the built-in pack ask here.

A law is a generator that yields a sentence for each breach. The examples in a rule's docstring are its specification:
they become small projects in memory, which are checked and fixed as a user's files would be.
"""

from __future__ import annotations

import ast
import io
import random
import re
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from torchlint import engine, hygiene
from torchlint.docs import Doc, Example, doc_of
from torchlint.findings import Finding, Safety
from torchlint.fixes import apply, compatible, edits_of
from torchlint.model import Module, Project
from torchlint.rule import Rule
from torchlint.selection import Ruleset

ROOT = "/project"
"""Where the files of an example lie."""

Files = tuple[tuple[str, str], ...]
"""A small project: names relative to its root, and texts."""

LONGEST_TITLE = 90
LONGEST_EXAMPLE = 30
LONGEST_MESSAGE = 140
_ROUNDS = 10
_ODD = ("", "\n", "# torch\n", "import torch", "import torch\n\x0c\n", "torch = (\n", '"""torch', "\x00torch")


class Breach(NamedTuple):
    """A law that a rule breaks: the law's name, the line of the rule's file, and what is wrong."""

    law: str
    line: int
    reason: str


class Bench:
    """One rule among all rules that are loaded, with its examples and what is found in them."""

    def __init__(self, rule: Rule, rules: Sequence[Rule]) -> None:
        self.rule = rule
        self.rules = tuple(rules)
        self.page: Doc = doc_of(rule)
        self.every = ruleset(rules)
        self.alone = ruleset([rule])
        self._found: dict[Files, list[Finding]] = {}

    def examples(self, *words: str) -> list[Example]:
        """The examples of some words, in the order of the page."""
        return [example for example in self.page.examples if example.word in words]

    def findings(self, files: Files) -> list[Finding]:
        """What all rules together find in a project."""
        if files not in self._found:
            self._found[files] = check(files, self.every)
        return self._found[files]

    def own(self, files: Files) -> list[Finding]:
        """What the rule finds in a project when all rules run."""
        return [finding for finding in self.findings(files) if finding.code == self.rule.code]

    def pairs(self) -> list[tuple[Example, Example]]:
        """The bad examples with what the fix is said to make of them."""
        return list(zip(self.page.of("bad"), self.page.of("fixed"), strict=False))

    @cached_property
    def said(self) -> list[tuple[Example, Finding]]:
        """The rule's findings in its bad examples."""
        return [(example, finding) for example in self.page.of("bad") for finding in self.own(files_of(example))]


Said = str | tuple[Example, str]
Law = Callable[[Bench], Iterator[Said]]
"""Yields what is wrong with a rule, together with the example in which it shows."""


def breaches(rule: Rule, rules: Sequence[Rule], laws: Iterable[Law] | None = None) -> Iterator[Breach]:
    """All that is wrong with a rule. A law that fails with an exception is broken, too.

    Args:
        rule: the rule in question.
        rules: all rules that are loaded with it, itself included.
        laws: the laws to apply; all, if not given.
    """
    bench = Bench(rule, rules)
    text = _text(rule)
    for law in LAWS if laws is None else laws:
        name = law.__name__.replace("_", " ")
        try:
            for said in law(bench):
                example, reason = (None, said) if isinstance(said, str) else said
                yield Breach(name, _line(text, example), reason)
        except Exception as error:
            yield Breach(name, 1, f"{type(error).__name__}: {' '.join(str(error).split())}")


# The page.


def the_title_says_what_happens(bench: Bench) -> Iterator[Said]:
    title = bench.page.title
    if not title.endswith("."):
        yield "the first line of the docstring is one sentence that ends in a full stop"
    if len(title) > LONGEST_TITLE:
        yield f"the title has {len(title)} characters, {LONGEST_TITLE} are enough"
    if title.startswith(("This rule", "Checks", "Detects", "Finds")):
        yield f"the title says what happens in the code, not what the rule does: {title!r}"
    if bench.rule.doc.strip("\n").splitlines()[1:2] not in ([""], []):
        yield "an empty line follows the title"


def the_examples_are_complete(bench: Bench) -> Iterator[Said]:
    bad, fixed, good = (bench.page.of(word) for word in ("bad", "fixed", "good"))
    if not bad:
        yield "there is no bad example (a block that starts with ```py bad)"
    if len(good) < len(bad):
        yield f"{len(bad)} bad examples and {len(good)} good ones: show at least as much code that is fine"
    if len(fixed) > len(bad):
        yield f"{len(fixed)} fixed examples for {len(bad)} bad ones"
    for example in bench.page.examples:
        for name, text in example.files:
            lines = len(text.splitlines())
            if lines >= LONGEST_EXAMPLE:
                yield example, f"{name} has {lines} lines, fewer than {LONGEST_EXAMPLE} are readable"
        codes = {code for _, _, code in example.marks}
        if codes != ({bench.rule.code} if example.word == "bad" else set()):
            marks = f"`# {bench.rule.code}` marks" if example.word == "bad" else "no mark stands on"
            yield example, f"in a {example.word} example {marks} the reported lines"
    for one, other in bench.pairs():
        if [file.name for file in one.files] != [file.name for file in other.files]:
            yield other, "a fixed example has the files of its bad one"


def the_examples_parse(bench: Bench) -> Iterator[Said]:
    for example in bench.page.examples:
        for name, text in example.files:
            try:
                ast.parse(text)
            except SyntaxError as error:
                yield example, f"{name}:{error.lineno} does not parse: {error.msg}"


# What is found.


def bad_is_reported_at_the_marks(bench: Bench) -> Iterator[Said]:
    for example in bench.page.of("bad"):
        found = bench.findings(files_of(example))
        if places(found) != sorted(example.marks):
            yield example, f"expected {_listed(example.marks)}, found {told(found) or 'nothing'}"


def good_and_fixed_are_silent(bench: Bench) -> Iterator[Said]:
    for example in bench.examples("good", "fixed"):
        found = bench.findings(files_of(example))
        if found:
            yield example, f"a {example.word} example is reported: {told(found)}"


def verdicts_do_not_depend_on_other_rules(bench: Bench) -> Iterator[Said]:
    shuffled = list(bench.rules)
    random.Random(bench.rule.code).shuffle(shuffled)
    for example in bench.page.of("bad"):
        files = files_of(example)
        expected = bench.own(files)
        if check(files, bench.alone) != expected:
            yield example, "the findings are others when the rule runs alone"
        if [f for f in check(files, ruleset(shuffled)) if f.code == bench.rule.code] != expected:
            yield example, "the findings are others when the rules run in another order"


def the_tree_is_left_alone(bench: Bench) -> Iterator[Said]:
    for example in bench.page.of("bad"):
        project = project_of(dict(files_of(example)))
        for name, text in files_of(example):
            tree = ast.parse(text)
            before = ast.dump(tree, include_attributes=True)
            module = Module.build(f"{ROOT}/{name}", text, project, tree)
            module.options = dict(bench.rule.options)
            list(bench.rule.check(module))
            if ast.dump(tree, include_attributes=True) != before:
                yield example, f"the check changes the syntax tree of {name}, which other rules read"
            module.dispose()


def messages_are_facts(bench: Bench) -> Iterator[Said]:
    for example, finding in bench.said:
        said = finding.message
        if not re.match(r"[`a-z0-9]", said) or said.endswith(".") or "\n" in said:
            yield f"a message is one line that starts lower-case or with code, without a full stop: {said!r}"
        if len(said) > LONGEST_MESSAGE:
            yield f"a message of {len(said)} characters, {LONGEST_MESSAGE} are enough: {said!r}"
        if word := re.search(r"\b(please|should|must|consider|potential(ly)?)\b", said):
            yield f"a message states a fact and gives no advice ({word[0]!r}): {said!r}"
        if said.count("`") % 2:
            yield f"a backquote is left open: {said!r}"
        names = {name for span in re.findall(r"`([^`]+)`", said) for name in re.findall(r"[^\W\d]\w*", span)}
        text = " ".join(file.text for file in example.files)
        if not any(re.search(rf"\b{name}\b", text) for name in names):
            yield f"a message names something of the user's code in backquotes: {said!r}"
        for related in finding.related:
            if not related.message:
                yield f"a related place says why it is shown: {said!r}"
            if related.place.path not in {f"{ROOT}/{name}" for name, _ in files_of(example)}:
                yield f"a related place lies in the project: {related.place.path}"


# Fixes.


def fix_titles_say_the_effect(bench: Bench) -> Iterator[Said]:
    for _, finding in bench.said:
        for fix in finding.fixes:
            if not re.match(r"[A-Z`]", fix.title) or fix.title.endswith("."):
                yield f"a fix's title starts with a capital and has no full stop: {fix.title!r}"
            if fix.safety is Safety.UNSAFE and not re.search(r"which|so that|chang|[(,;]", fix.title):
                yield f"the title of an unsafe fix says what it changes: {fix.title!r}"


def unsafe_fixes_are_explained(bench: Bench) -> Iterator[Said]:
    unsafe = any(fix.safety is Safety.UNSAFE for _, finding in bench.said for fix in finding.fixes)
    if unsafe and "Fix safety" not in bench.page.sections:
        yield "an unsafe fix needs a section `## Fix safety`"


def bad_becomes_fixed(bench: Bench) -> Iterator[Said]:
    offered = any(_machine_made(finding) for _, finding in bench.said)
    if offered and not bench.page.of("fixed"):
        yield "a fix is offered, and no block ```py fixed shows it"
    if bench.page.of("fixed") and not offered:
        yield "a fixed example is shown, and no fix is offered"
    for bad, fixed in bench.pairs():
        after, rounds = repaired(files_of(bad), bench.rule)
        if dict(after) != dict(files_of(fixed)):
            yield fixed, f"the fix makes something else of the bad example: {_difference(fixed, after)}"
        elif rounds != 1:
            yield fixed, "a second run of the fix changes something again"


def fixes_keep_the_form(bench: Bench) -> Iterator[Said]:
    for bad, fixed in bench.pairs():
        for change in (windows, tabs):
            after, _ = repaired(tuple((name, change(text)) for name, text in files_of(bad)), bench.rule)
            if dict(after) != {name: change(text) for name, text in files_of(fixed)}:
                what = "line ends" if change is windows else "tabs"
                yield fixed, f"the fix does not keep the {what} of the file"


def fixes_are_faithful(bench: Bench) -> Iterator[Said]:
    for example in bench.page.of("bad"):
        before = files_of(example)
        texts = dict(before)
        for finding in bench.own(before):
            for fix in finding.fixes:
                if fix.verbs and not edits_of(texts[name_of(finding)], fix):
                    yield example, f"the fix {fix.title!r} cannot be made in the example"
        after, _ = repaired(before, bench.rule)
        for (name, old), (_, new) in zip(before, after, strict=True):
            try:
                ast.parse(new)
            except SyntaxError as error:
                yield example, f"after the fix {name}:{error.lineno} does not parse: {error.msg}"
                return
            if lost := comments(old) - comments(new):
                yield example, f"the fix loses comments of {name}: {', '.join(lost)}"
        if after != before:
            found = check(after, bench.every)
            if Counter(f.code for f in found) - Counter(f.code for f in bench.findings(before)):
                yield example, f"the fix brings new findings: {told(found)}"


# Any input.


def any_text_is_survived(bench: Bench) -> Iterator[Said]:
    for text in _ODD:
        if found := [f for f in check((("a.py", text),), bench.alone) if f.code == bench.rule.code]:
            yield f"something is reported in {text!r}: {told(found)}"
    for example in bench.page.of("bad"):
        for name, text in files_of(example):
            rng = random.Random(len(text))
            others = [file for file in files_of(example) if file[0] != name]
            for cut in rng.sample(range(len(text)), min(6, len(text))):
                for broken in (text[:cut], text[cut:], text[:cut] + "(" + text[cut:]):
                    found = check(((name, broken), *others), bench.alone)
                    if crashed := [f for f in found if f.code == hygiene.RULE_CRASHED.code]:
                        yield example, f"the rule fails on a damaged copy of {name}: {told(crashed)}"
                        return


def form_does_not_matter(bench: Bench) -> Iterator[Said]:
    for example in bench.page.of("bad"):
        expected = places(bench.own(files_of(example)))
        for change in (windows, tabs, non_ascii):
            found = check(tuple((name, change(text)) for name, text in files_of(example)), bench.every)
            if places(f for f in found if f.code == bench.rule.code) != expected:
                what = {windows: "Windows line ends", tabs: "tabs", non_ascii: "signs that are not ASCII"}[change]
                yield example, f"with {what} other lines are reported"


def files_without_torch_are_not_read(bench: Bench) -> Iterator[Said]:
    if found := check((("a.py", "import os\n\nprint(os.getcwd())\n"),), bench.alone):
        yield f"a file that does not mention torch is reported: {told(found)}"


# The file.


def only_the_interface_is_imported(bench: Bench) -> Iterator[Said]:
    tree = ast.parse(_text(bench.rule))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            continue
        for module in modules:
            if module.partition(".")[0] == "torchlint" and module != "torchlint.api":
                yield f"line {node.lineno}: `{module}` may change with any version; import from `torchlint.api`"


LAWS: tuple[Law, ...] = (
    the_title_says_what_happens,
    the_examples_are_complete,
    the_examples_parse,
    bad_is_reported_at_the_marks,
    good_and_fixed_are_silent,
    verdicts_do_not_depend_on_other_rules,
    the_tree_is_left_alone,
    messages_are_facts,
    fix_titles_say_the_effect,
    unsafe_fixes_are_explained,
    bad_becomes_fixed,
    fixes_keep_the_form,
    fixes_are_faithful,
    any_text_is_survived,
    form_does_not_matter,
    files_without_torch_are_not_read,
    only_the_interface_is_imported,
)
"""Every law, in the order in which a rule author meets them."""


# Projects in memory.


def ruleset(rules: Sequence[Rule]) -> Ruleset:
    """Rules that are all on, with nothing configured."""
    known = {word: rule for rule in (*hygiene.RULES, *rules) for word in (rule.code, rule.name)}
    return Ruleset(known=known, selected=tuple(rules), severities={})


def project_of(files: Mapping[str, str]) -> Project:
    """A project of files that exist in memory only, under `ROOT`."""
    contents = {f"{ROOT}/{name}": text.encode() for name, text in files.items()}
    folders = {path.rpartition("/")[0] for path in contents}
    return Project(
        ROOT,
        contents.get,
        exists=lambda path: path in contents or any((f + "/").startswith(path.rstrip("/") + "/") for f in folders),
        files=lambda: list(contents),
    )


def check(files: Files, rules: Ruleset) -> list[Finding]:
    """The findings in all files of a project in memory."""
    found: list[Finding] = []
    named = dict(files)
    project = project_of(named)
    for name, text in files:
        found += engine.check_module(f"{ROOT}/{name}", text, project, rules)
    return found


def files_of(example: Example) -> Files:
    """The files of an example as a user would have them, without the marks."""
    return tuple((name, text) for name, text in example.plain.files)


def repaired(files: Files, rule: Rule) -> tuple[Files, int]:
    """The project after all machine-made fixes of one rule, and the number of rounds that changed something."""
    alone = ruleset([rule])
    for number in range(_ROUNDS):
        found = check(files, alone)
        changed = tuple((name, _once(text, [f for f in found if name_of(f) == name])) for name, text in files)
        if changed == files:
            return files, number
        files = changed
    return files, _ROUNDS


def _once(text: str, found: Sequence[Finding]) -> str:
    fixes = [f.fix for f in found if f.fix is not None and f.fix.safety is not Safety.SHOWN]
    edits, _ = compatible([edits_of(text, fix) for fix in fixes])
    return apply(text, edits)


def places(found: Iterable[Finding]) -> list[tuple[str, int, str]]:
    """File name, line and code of findings, sorted."""
    return sorted((name_of(f), f.place.span.line, f.code) for f in found)


def name_of(finding: Finding) -> str:
    """The name of a finding's file in the project."""
    return finding.place.path.removeprefix(f"{ROOT}/")


def told(found: Iterable[Finding]) -> str:
    """Findings in one line."""
    return "; ".join(f"{name_of(f)}:{f.place.span.line}: {f.code} {f.name} {f.message}" for f in found)


def comments(text: str) -> Counter[str]:
    """The comments in a text."""
    lines = io.StringIO(text).readline
    return Counter(t.string for t in tokenize.generate_tokens(lines) if t.type == tokenize.COMMENT)


def windows(text: str) -> str:
    """The text with Windows line ends."""
    return text.replace("\n", "\r\n")


def tabs(text: str) -> str:
    """The text indented by tabs."""
    return re.sub(r"^( {4})+", lambda match: "\t" * (len(match[0]) // 4), text, flags=re.MULTILINE)


def non_ascii(text: str) -> str:
    """The text with signs beyond ASCII in its first line."""
    return text.replace("\n", "  # ü €\n", 1) if not text.startswith('"""') else text


def _machine_made(finding: Finding) -> bool:
    return finding.fix is not None and finding.fix.safety is not Safety.SHOWN and bool(finding.fix.verbs)


def _listed(marks: Iterable[tuple[str, int, str]]) -> str:
    return "; ".join(f"{name}:{line}: {code}" for name, line, code in sorted(marks)) or "nothing"


def _difference(fixed: Example, after: Files) -> str:
    for (name, wanted), (_, made) in zip(files_of(fixed), after, strict=True):
        lines, other = wanted.split("\n"), made.split("\n")
        for number in range(max(len(lines), len(other))):
            one = lines[number] if number < len(lines) else None
            two = other[number] if number < len(other) else None
            if one != two:
                return f"line {number + 1} of {name} is {two!r}, not {one!r}"
    return "other files"


def _text(rule: Rule) -> str:
    with open(rule.file, encoding="utf-8") as file:
        return file.read()


def _line(text: str, example: Example | None) -> int:
    """The line of a rule's file on which an example starts; 1 if it cannot be found there literally."""
    start = text.find(example.text) if example is not None and example.text else -1
    return text.count("\n", 0, start) + 1 if start >= 0 else 1
