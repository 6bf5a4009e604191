"""Readers of reports, written from what their consumers document and not from what torchlint writes.

`READERS` gives for each format a function from the text of a report to the findings that a consumer sees in it; those
of formats with fixes also give the text that the consumer would have after applying the first fix.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree


class Read(NamedTuple):
    """A finding as a consumer sees it; `column` is `None` where the format or the place gives none.

    In a notebook `path` may end in `:cell 3`, with the line in that cell; else the line is that of the file.
    """

    path: str
    line: int
    column: int | None
    code: str
    message: str


class Edit(NamedTuple):
    """A replacement: lines and columns from 1, the columns in whatever unit the format counts."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


_LINE = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?P<column>\d+): (?P<code>[A-Z]+\d+) (?P<name>\S+) (?P<message>.*)")


def _concise(text: str) -> Iterable[Read]:
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        assert found, line
        message = found["message"].removeprefix("[*] ")
        yield Read(found["path"], int(found["line"]), int(found["column"]), found["code"], message)


def _full(text: str) -> Iterable[Read]:
    lines = text.splitlines()
    for head, place in pairwise(lines):
        if place.startswith("  --> "):
            code, _, message = head.split(" ", 2)
            path, line, column = place.removeprefix("  --> ").rsplit(":", 2)
            yield Read(path, int(line), int(column), code, message.removeprefix("[*] "))


def _grouped(text: str) -> Iterable[Read]:
    path = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            path = line
        elif line:
            found = re.fullmatch(r"  (cell \d+:)?(\d+):(\d+) +(\S+) \S+ +(.*)", line)
            assert found, line
            where = f"{path}:{found[1][:-1]}" if found[1] else path
            yield Read(where, int(found[2]), int(found[3]), found[4], found[5].removeprefix("[*] "))


def _objects(found: Iterable[dict[str, Any]]) -> Iterable[Read]:
    for each in found:
        at = each["location"]
        cell = f":cell {each['cell']}" if each["cell"] else ""
        yield Read(
            each["filename"].removeprefix("/project/") + cell, at["row"], at["column"], each["code"], each["message"]
        )


def _sarif(text: str) -> Iterable[Read]:
    (run,) = json.loads(text)["runs"]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        (location,) = result["locations"]
        where = location["physicalLocation"]
        assert where["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        region, path = where["region"], unquote(where["artifactLocation"]["uri"])
        yield Read(path, region["startLine"], region.get("startColumn"), result["ruleId"], result["message"]["text"])


_COMMAND = re.compile(r"::(?P<command>[a-z-]+)(?: (?P<properties>[^:]*))?::(?P<data>.*)")


def workflow_commands(text: str) -> Iterable[tuple[str, dict[str, str], str]]:
    """The workflow commands in the output of a step, as the runner reads them: the name, the properties, the message."""
    for line in text.splitlines():
        found = _COMMAND.fullmatch(line)
        assert found, line
        pairs = (pair.split("=", 1) for pair in (found["properties"] or "").split(",") if pair)
        properties = {key.strip(): _unescaped(value, {"%3A": ":", "%2C": ","}) for key, value in pairs}
        yield found["command"], properties, _unescaped(found["data"], {})


def _unescaped(text: str, more: dict[str, str]) -> str:
    for code, sign in {"%0D": "\r", "%0A": "\n", **more, "%25": "%"}.items():
        text = text.replace(code, sign)
    return text


def _github(text: str) -> Iterable[Read]:
    for command, properties, message in workflow_commands(text):
        assert command in ("error", "warning", "notice")
        assert set(properties) <= {"title", "file", "line", "endLine", "col", "endColumn"}
        if not properties["file"].endswith(".ipynb"):
            assert ("col" in properties) == (properties["line"] == properties["endLine"])
        column = int(properties["col"]) if "col" in properties else None
        _, code, _ = properties["title"].split(" ")
        said = message.split("\n")[0].split(f" {code} ", 1)[1].split(" ", 1)[1]
        yield Read(properties["file"], int(properties["line"]), column, code, said)


def _gitlab(text: str) -> Iterable[Read]:
    for issue in json.loads(text):
        begin = issue["location"]["positions"]["begin"]
        code, message = re.sub(r"^cell \d+:\d+:\d+: ", "", issue["description"]).split(" ", 1)
        assert code == issue["check_name"].split(" ")[0]
        yield Read(issue["location"]["path"], begin["line"], begin["column"], code, message.split(": ", 1)[1])


def _junit(text: str) -> Iterable[Read]:
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites"
    assert int(root.attrib["tests"]) == len(root.findall("testsuite/testcase"))
    for case in root.findall("testsuite/testcase"):
        for failure in case.findall("failure"):
            code, _, place = case.attrib["name"].split(" ", 2)
            line, column = case.attrib["line"], place.strip("()").split(":")[-1]
            yield Read(case.attrib["file"], int(line), int(column), code, failure.attrib["message"])


def _rdjson(text: str) -> Iterable[Read]:
    result = json.loads(text)
    _only(result, "source", "diagnostics")
    for each in result["diagnostics"]:
        _only(each, "message", "location", "severity", "code", "suggestions")
        _only(each["location"], "path", "range")
        assert each["severity"] in ("ERROR", "WARNING", "INFO")
        start = each["location"]["range"]["start"]
        code = each["code"]["value"].split(" ")[0]
        yield Read(each["location"]["path"], start["line"], start.get("column"), code, each["message"].split("\n")[0])


def _only(value: dict[str, Any], *fields: str) -> None:
    """reviewdog refuses a report with a field that it does not know."""
    assert set(value) <= set(fields)


def _markdown(text: str) -> Iterable[Read]:
    for line in text.splitlines():
        if not line.startswith(("| error", "| warning", "| info")):
            continue
        _, place, rule, message = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        path, row = place.strip("`").rsplit(":", 1)
        found = re.match(r"\[?([A-Z]+\d+)", rule)
        assert found
        message = message.removeprefix("`[*]` ").replace("\\|", "|").replace("&lt;", "<")
        yield Read(path, int(row), None, found[1], message)


_AGENT = re.compile(r"(.+?):(\d+):(\d+): (?:error|warning|info) ([A-Z]+\d+) \S+: (.*)")


def _agent(text: str) -> Iterable[Read]:
    inside = False
    for line in text.splitlines():
        inside = inside != line.startswith("```")
        found = _AGENT.fullmatch(line)
        if found and not inside:
            yield Read(found[1], int(found[2]), int(found[3]), found[4], found[5])


READERS: dict[str, Callable[[str], Iterable[Read]]] = {
    "full": _full,
    "concise": _concise,
    "grouped": _grouped,
    "json": lambda text: _objects(json.loads(text)),
    "json-lines": lambda text: _objects(map(json.loads, text.splitlines())),
    "sarif": _sarif,
    "github": _github,
    "gitlab": _gitlab,
    "junit": _junit,
    "rdjson": _rdjson,
    "markdown": _markdown,
    "agent": _agent,
}

UNITS = {"sarif": "utf-16-le", "rdjson": "utf-8", "github": "utf-32-le"}
"""What the columns of a format count, where it is not code points."""


def json_edits(text: str) -> list[list[Edit]]:
    """The edits of the first fix of each finding."""
    return [
        [
            Edit(*_point(edit["location"]), *_point(edit["end_location"]), edit["content"])
            for edit in (each["fix"] or {"edits": []})["edits"]
        ]
        for each in json.loads(text)
    ]


def _point(at: dict[str, int]) -> tuple[int, int]:
    return at["row"], at["column"]


def sarif_edits(text: str) -> list[list[Edit]]:
    """The edits of the first fix of each finding."""
    found = []
    for result in json.loads(text)["runs"][0]["results"]:
        changes = result.get("fixes", [{"artifactChanges": []}])[0]["artifactChanges"]
        found.append(
            [
                Edit(*(region[key] for key in _REGION), replacement.get("insertedContent", {"text": ""})["text"])
                for change in changes
                for replacement in change["replacements"]
                for region in (replacement["deletedRegion"],)
            ]
        )
    return found


_REGION = ("startLine", "startColumn", "endLine", "endColumn")


def rdjson_edits(text: str) -> list[list[Edit]]:
    """The suggestion of each finding."""
    return [
        [
            Edit(*(at["range"][end][key] for end in ("start", "end") for key in ("line", "column")), at["text"])
            for at in each["suggestions"]
        ]
        for each in json.loads(text)["diagnostics"]
    ]


def edited(text: str, edits: Sequence[Edit], encoding: str) -> str:
    """The text after edits whose columns count units of an encoding."""
    unit = len("a".encode(encoding))
    lines = text.encode(encoding).split("\n".encode(encoding))
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + unit)
    data = text.encode(encoding)
    for edit in sorted(edits, reverse=True):
        start = starts[edit.line - 1] + (edit.column - 1) * unit
        end = starts[edit.end_line - 1] + (edit.end_column - 1) * unit
        data = data[:start] + edit.text.encode(encoding) + data[end:]
    return data.decode(encoding)


def agent_hunks(text: str) -> list[list[str]]:
    """The lines of the first diff of each finding, empty where it has none."""
    found: list[list[str]] = []
    helps = inside = 0
    for line in text.splitlines():
        if inside:
            inside = line != "```"
            if inside and helps == 1:
                found[-1].append(line)
        elif line == "```diff":
            inside = 1
        elif line.startswith("  help: "):
            helps += 1
        elif _AGENT.fullmatch(line):
            found.append([])
            helps = 0
    return found


def patched(lines: list[str], hunks: Sequence[str]) -> list[str]:
    """Lines after the hunks of a diff without context; `AssertionError` where it does not fit."""
    moved = 0
    at, out = 0, list(lines)
    for line in hunks:
        if line.startswith("@@"):
            found = re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line)
            assert found
            at = int(found[1]) - 1 + moved + (found[2] == "0")
            assert at + 1 == int(found[3]) + (found[4] == "0"), line
        elif line.startswith("-"):
            assert out.pop(at) == line[1:]
            moved -= 1
        else:
            out.insert(at, line[1:])
            at += 1
            moved += 1
    return out
