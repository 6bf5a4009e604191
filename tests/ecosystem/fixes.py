"""Every fix over the ecosystem set, made and judged: `python tests/ecosystem/run.py fixes`.

A safe fix must leave a file that parses and keeps its comments, without the finding, without any new finding, and with
nothing left to fix. An unsafe one must parse, keep its comments and take its finding away. Nothing is written.
"""

from __future__ import annotations

import argparse
import ast
import io
import tokenize
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ecosystem import checking, files, projects
from torchlint.discovery import Decoded, File, NotText, decode
from torchlint.engine import Outcome
from torchlint.findings import Finding, Fix, Safety
from torchlint.fixes import apply, edits_of
from torchlint.workspace import Overrides, Workspace

ROUNDS = 10


class Trouble(NamedTuple):
    """A fix that broke a promise: `kind` says which, `detail` what was seen."""

    path: str
    line: int
    code: str
    safety: Safety
    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.code} ({self.safety.value}) {self.kind}: {self.detail}"


def add_arguments(commands: Any) -> None:
    """The command `fixes`."""
    parser: argparse.ArgumentParser = commands.add_parser("fixes", help="make every fix over the set, and judge it")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--found", action="store_true", help="only files in which the last check found something")
    parser.add_argument("--rule", action="append", default=[], help="code or name; several are allowed")


def run(arguments: argparse.Namespace) -> int:
    """Make every fix, print what broke its promise and a table per rule; 1 if a fix broke one."""
    counts: Counter[tuple[str, str, str]] = Counter()
    broken = 0
    chosen = [project for project in projects.pinned(arguments.names, small=arguments.small) if project.is_there]
    found = {found.path for found in checking.last().found} if arguments.found else None
    for project in chosen:
        paths = [
            path
            for path in files.torch_files(project.root)
            if found is None or f"{project.name}/{path.relative_to(project.root).as_posix()}" in found
        ]
        for trouble in judged(project.root, paths, arguments.rule, counts):
            print(f"{project.name}/{trouble}", flush=True)
            broken += 1
    refused = sorted(key[:2] for key in counts if key[2] == "refused")
    print(*(f"{code} {where}: cannot be made here" for code, where in refused), sep="\n")
    for code, safety in sorted({key[:2] for key in counts if key[2] == "offered"}):
        offered, made = counts[code, safety, "offered"], counts[code, safety, "made"]
        print(f"{code}  {safety:<7}{made:>6} made of {offered} offered")
    print(f"{broken} fixes broke a promise")
    return int(broken > 0)


def judged(
    root: Path, paths: Iterable[Path], rules: Iterable[str], counts: Counter[tuple[str, str, str]]
) -> Iterator[Trouble]:
    """The fixes in some files under a directory that break a promise."""
    select = tuple(rules) or ("ALL",)
    workspace = Workspace(Overrides(isolated=True, assignments=("preview=true",), select=select), [str(root)])
    for path in paths:
        outcome = workspace.check(File(str(path), True))
        if outcome is None or not outcome.complete or not any(f.fixes for f in outcome.findings):
            continue
        try:
            decoded = decode(path.read_bytes())
        except NotText:
            continue
        name = str(path.relative_to(root))
        for trouble in _in_file(workspace, str(path), decoded, outcome, counts):
            yield trouble._replace(path=name)
        workspace.check(File(str(path), True))  # others that import the file see its own text again


def _in_file(
    workspace: Workspace, path: str, decoded: Decoded, outcome: Outcome, counts: Counter[tuple[str, str, str]]
) -> Iterator[Trouble]:
    text = decoded.text
    made: list[Finding] = []
    for finding in outcome.findings:
        for fix in finding.fixes:
            if not fix.verbs:
                continue
            counts[finding.code, fix.safety.value, "offered"] += 1
            new = _applied(text, fix)
            if new is None:
                counts[finding.code, f"{Path(path).name}:{finding.place.span.line}", "refused"] += 1
                continue
            counts[finding.code, fix.safety.value, "made"] += 1
            made.append(finding)
            for kind, detail in _broken_promises(workspace, path, decoded, outcome, finding, fix, new):
                yield Trouble(path, finding.place.span.line, finding.code, fix.safety, kind, detail)
    if any(fix.safety is Safety.SAFE for finding in made for fix in finding.fixes[:1]):
        yield from _settled(workspace, path, decoded, outcome)


def _applied(text: str, fix: Fix) -> str | None:
    edits = edits_of(text, fix)
    return apply(text, edits) if edits else None


def _broken_promises(
    workspace: Workspace, path: str, decoded: Decoded, before: Outcome, finding: Finding, fix: Fix, new: str
) -> Iterator[tuple[str, str]]:
    if not _parses(new):
        yield "does not parse", fix.title
        return
    if lost := _comments(decoded.text) - _comments(new):
        yield "loses comments", ", ".join(lost)
    if fix.safety is Safety.SHOWN:
        return
    after = workspace.check_text(path, decoded._replace(text=new))
    codes, new_codes = Counter(f.code for f in before.findings), Counter(f.code for f in after.findings)
    if new_codes[finding.code] >= codes[finding.code]:
        yield "is still there", finding.message
    more = new_codes - codes
    more.pop(finding.code, None)
    if fix.safety is Safety.SAFE and more:
        yield "brings a finding", "; ".join(f"{f.code} {f.message}" for f in after.findings if f.code in more)


def _settled(workspace: Workspace, path: str, decoded: Decoded, outcome: Outcome) -> Iterator[Trouble]:
    """All safe fixes of a file, until nothing changes."""
    from torchlint.cli.fixing import fix

    done = fix(path, decoded.text, outcome, lambda text: workspace.check_text(path, decoded._replace(text=text)), False)
    for failure in done.failures:
        yield Trouble(path, failure.place.span.line, failure.code, Safety.SAFE, "fails", failure.message)
    if not done.settled:
        yield Trouble(path, 1, "TL002", Safety.SAFE, "does not settle", f"after {len(done.made)} fixes")
    again = fix(
        path, done.text, done.outcome, lambda text: workspace.check_text(path, decoded._replace(text=text)), False
    )
    if again.text != done.text:
        yield Trouble(path, 1, "TL002", Safety.SAFE, "changes in a second run", f"{len(again.made)} fixes")


def _parses(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    try:
        return Counter(t.string.rstrip() for t in tokens if t.type == tokenize.COMMENT)
    except (tokenize.TokenError, SyntaxError):
        return Counter()
