"""Resolved names against libcst's `QualifiedNameProvider` on a random sample of the set's files.

Compared are the callees of all calls for which libcst gives exactly one qualified name, from an absolute import of
something outside the project. Where both know a name it has to be the same after `torch_api.canonical`.
"""

from __future__ import annotations

import argparse
import ast
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ecosystem import files, projects

SEED = 20260401
LONGEST = 1_500


class Answer(NamedTuple):
    """One callee and its names; `None` is "cannot tell"."""

    path: str
    line: int
    source: str
    ours: str | None
    theirs: str


def add_arguments(commands: Any) -> None:
    """Declare the command `oracle`."""
    parser = commands.add_parser("oracle", help="resolved names against libcst's on a random sample of files")
    parser.add_argument("--files", type=int, default=150)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--show", type=int, default=40, help="how many disagreements to print")


def main(arguments: argparse.Namespace) -> int:
    """Compare and count; exit code 1 if a name differs."""
    there = [project for project in projects.pinned() if project.is_there]
    everything = [(p.root, path) for p in there for path in files.torch_files(p.root)]
    random.Random(arguments.seed).shuffle(everything)
    short = (item for item in everything if files.lines_of(item[1]) <= LONGEST)
    counts: Counter[str] = Counter()
    differing, silent = [], []
    for _, (root, path) in zip(range(arguments.files), short, strict=False):
        for answer in answers(root, path):
            word = "silent" if answer.ours is None else "same" if same(answer) else "differs"
            counts[word] += 1
            if word != "same":
                (silent if word == "silent" else differing).append(answer)
    print(f"{counts['same']} names the same, {counts['differs']} differ, {counts['silent']} unknown to us")
    for title, some in (("differs", differing), ("unknown to us", silent)):
        for answer in some[: arguments.show]:
            print(f"{title}: {answer.path}:{answer.line}: {answer.source}: ours {answer.ours}, theirs {answer.theirs}")
    return 1 if differing else 0


def same(answer: Answer) -> bool:
    """Whether both names mean the same."""
    from torchlint.torch_api import canonical

    return answer.ours is not None and canonical(answer.ours) == canonical(answer.theirs)


def answers(root: Path, path: Path) -> Iterator[Answer]:
    """All comparable callees of a file."""
    from torchlint.model import Module, Project

    text = path.read_text(encoding="utf-8", errors="replace").removeprefix("\ufeff")
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    theirs = names_by_libcst(text)
    lines = text.split("\n")

    def read(other: str) -> bytes | None:
        try:
            return Path(other).read_bytes()
        except OSError:
            return None

    module = Module.build(str(path), text, Project(str(root), read), tree)
    local = {entry.stem for base in (root, root / "src", path.parent) for entry in base.glob("*")}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not is_dotted(call.func):
            continue
        column = len(lines[call.func.lineno - 1].encode()[: call.func.col_offset].decode(errors="replace"))
        name = theirs.get((call.func.lineno, column, call.func.end_lineno or 0))
        if name and name.partition(".")[0] not in local:
            shown = str(path.relative_to(projects.cache()))
            yield Answer(shown, call.lineno, ast.unparse(call.func)[:60], module.qualname(call.func), name)
    module.dispose()


def is_dotted(node: ast.expr) -> bool:
    """Whether an expression is a plain chain of names; libcst names the call for a method of a call's result."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def names_by_libcst(text: str) -> dict[tuple[int, int, int], str]:
    """The single imported name of each callee by its position (line from 1, column from 0 in code points, last line)."""
    import libcst
    from libcst.metadata import MetadataWrapper, PositionProvider, QualifiedNameProvider, QualifiedNameSource

    try:
        wrapper = MetadataWrapper(libcst.parse_module(text), unsafe_skip_copy=True)
    except libcst.ParserSyntaxError:
        return {}
    names = wrapper.resolve(QualifiedNameProvider)
    positions = wrapper.resolve(PositionProvider)
    found = {}
    for node in names:
        if not isinstance(node, libcst.Call):
            continue
        given = names.get(node.func, set())
        given = given() if callable(given) else given
        if len(given) != 1:
            continue
        (single,) = given
        if single.source is QualifiedNameSource.IMPORT and not single.name.startswith("."):
            where = positions[node.func]
            found[where.start.line, where.start.column, where.end.line] = single.name
    return found
