"""A rule's docstring as a value: the manual, the hover, the help of reports and the examples that tests run.

`python -m torchlint.docs` writes `rules/README.md`, the index of the built-in pack; `--check` only compares it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import NamedTuple

from torchlint.rule import Rule


class SourceFile(NamedTuple):
    """One file of an example: its name (`example.py` where the fence gives none) and its text, ending in a newline."""

    name: str
    text: str


class Example(NamedTuple):
    """One example: `word` is `bad`, `fixed` or `good`; several files form one project."""

    word: str
    files: tuple[SourceFile, ...]

    @property
    def text(self) -> str:
        """The text of the first file."""
        return self.files[0].text

    @property
    def plain(self) -> Example:
        """The same example without the marks of expected findings."""
        return self._replace(files=tuple(SourceFile(name, without_marks(text)) for name, text in self.files))

    @property
    def marks(self) -> set[tuple[str, int, str]]:
        """The expected findings: file name, line from 1, code."""
        return {(name, line, mark.code) for name, text in self.files for line, mark in marks_of(text)}


class Mark(NamedTuple):
    """An expected finding in a comment: `# TL101`, with `?` (missed so far) or `!` (reported, but wrong)."""

    code: str
    doubt: str


class Doc(NamedTuple):
    """A parsed docstring: one sentence, prose in Markdown, examples, and the sections by heading in their order.

    `story` is the prose in front of the sections and the examples, in the order in which they are written.
    """

    title: str
    body: str
    examples: tuple[Example, ...]
    sections: dict[str, str]
    story: tuple[str | Example, ...]

    def of(self, word: str) -> list[Example]:
        """The examples of one word, in order; the first `fixed` one belongs to the first `bad` one, and so on."""
        return [example for example in self.examples if example.word == word]

    @property
    def markdown(self) -> str:
        """The whole page as Markdown: prose and examples as they are written, sections."""
        parts = [part if isinstance(part, str) else _fenced(part) for part in self.story]
        sections = [f"## {heading}\n\n{text}" for heading, text in self.sections.items() if text]
        return "\n\n".join((f"**{self.title}**", *parts, *sections)) + "\n"

    @property
    def brief(self) -> str:
        """What a hover has room for, as Markdown: the prose up to the first example, the first bad and fixed one."""
        prose = takewhile(lambda part: isinstance(part, str), self.story)
        examples = [_fenced(example) for word in ("bad", "fixed") for example in self.of(word)[:1]]
        return "\n\n".join((f"**{self.title}**", *map(str, prose), *examples)) + "\n"


WORDS = ("bad", "fixed", "good")
DEFAULT_FILE = "example.py"

_FENCE = re.compile(r"(`{3,})\s*(\S*)\s*(.*?)\s*$")
_MARK = re.compile(r"[ \t]*#[ \t]*([A-Z]{2,}\d{3})([?!]?)[ \t]*$")


def parse(docstring: str) -> Doc:
    """Parse a rule's docstring; anything missing is empty, nothing raises."""
    lines = docstring.strip("\n").splitlines()
    title = lines[0].strip() if lines else ""
    prose: dict[str, list[str]] = {"": []}
    examples: list[Example] = []
    told: list[list[str] | int] = [[]]  # paragraphs, and numbers of examples
    heading, open_project = "", False
    rest = iter(lines[1:])
    for line in rest:
        fence = _FENCE.match(line)
        if fence and _word_of(fence):
            example = Example(_word_of(fence), (SourceFile(_file_of(fence), _block(rest, fence[1])),))
            if open_project and _continues(examples[-1], example, fence):
                examples[-1] = examples[-1]._replace(files=examples[-1].files + example.files)
            else:
                told += [len(examples), []]
                examples.append(example)
            open_project = "file=" in fence[3]
            continue
        if fence:
            written = [line, *_block(rest, fence[1]).splitlines(), fence[1]]
        elif line.startswith("## "):
            heading, written = line[3:].strip(), []
            prose.setdefault(heading, [])
        else:
            written = [line]
        prose[heading] += written
        if not heading and isinstance(told[-1], list):
            told[-1] += written
        open_project = open_project and not line.strip()
    texts = {key: _tidy(value) for key, value in prose.items()}
    story = [examples[part] if isinstance(part, int) else _tidy(part) for part in told]
    return Doc(title, texts.pop(""), tuple(examples), texts, tuple(part for part in story if part))


def doc_of(rule: Rule) -> Doc:
    """The parsed docstring of a rule."""
    return parse(rule.doc)


def marks_of(text: str) -> list[tuple[int, Mark]]:
    """The marks of expected findings in a text, with their lines; several may follow one another on a line."""
    found: list[tuple[int, Mark]] = []
    for number, line in enumerate(text.split("\n"), 1):
        while match := _MARK.search(line):
            found.append((number, Mark(match[1], match[2])))
            line = line[: match.start()]
    return found


def without_marks(text: str) -> str:
    """The text as a user would have it."""
    lines = text.split("\n")
    for index, line in enumerate(lines):
        while match := _MARK.search(line):
            line = line[: match.start()]
        lines[index] = line
    return "\n".join(lines)


def index(rules: Sequence[Rule], root: str) -> str:
    """`rules/README.md`: every rule with its promise and its first sentence, by subject, linked from `root`."""
    from torchlint.packs import SUBJECTS

    fixable = sum(bool(doc_of(rule).of("fixed")) for rule in rules)
    out = [
        "# Rules",
        "",
        f"{len(rules)} rules, {fixable} of them with a fix. Each is one file: its manual, its examples, its check and",
        "the experiment that proves its claim (`torchlint explain NAME --prove`).",
        "Written by `python -m torchlint.docs`.",
        "",
        "Fix: ● offered, empty: none. Default: ● on without configuration.",
    ]
    for subject, prefix in SUBJECTS.items():
        members = [rule for rule in rules if rule.code.startswith(prefix)]
        if members:
            out += [
                "",
                f"## {subject}",
                "",
                "| code | rule | category | default | fix | what happens |",
                "|---|---|---|---|---|---|",
            ]
            out += [_row(rule, root) for rule in members]
    return "\n".join(out) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the index of the built-in pack, or compare it with `--check`: 0 if it is up to date, else 1."""
    from torchlint.packs import builtin, load

    path = os.path.join(builtin(), "README.md")
    wanted = index(load(), builtin())
    if "--check" in arguments:
        return int(not os.path.exists(path) or open(path, encoding="utf-8").read() != wanted)
    with open(path, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(wanted)
    return 0


def _word_of(fence: re.Match[str]) -> str:
    words = [word for word in fence[3].split() if word in WORDS]
    return words[0] if fence[2] in ("py", "python") and words else ""


def _file_of(fence: re.Match[str]) -> str:
    named = re.search(r"\bfile=(\S+)", fence[3])
    return named[1] if named else DEFAULT_FILE


def _block(lines: Iterator[str], ticks: str) -> str:
    inside: list[str] = []
    for line in lines:
        if line.rstrip() == ticks:
            break
        inside.append(line)
    return "".join(f"{line}\n" for line in inside)


def _continues(project: Example, example: Example, fence: re.Match[str]) -> bool:
    known = {file.name for file in project.files}
    return project.word == example.word and "file=" in fence[3] and example.files[0].name not in known


def _tidy(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _fenced(example: Example) -> str:
    blocks = []
    for name, text in example.plain.files:
        header = f"# {name}\n" if len(example.files) > 1 else ""
        blocks.append(f"```python\n{header}{text}```")
    return "\n\n".join((f"{example.word.capitalize()}:", *blocks))


def _row(rule: Rule, root: str) -> str:
    doc = doc_of(rule)
    link = os.path.relpath(rule.file, root).replace(os.sep, "/")
    title = doc.title.replace("|", "\\|")
    stage = "preview" if rule.preview else "●" if rule.default else ""
    fix = "●" if doc.of("fixed") else ""
    return f"| {rule.code} | [{rule.name}]({link}) | {rule.category.value} | {stage} | {fix} | {title} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
