"""Real notebooks: read and written back, byte for byte; changed, and still what they were but for the change.

The notebooks come from the source distributions pinned in `notebooks.json`, which are fetched when they are not there.
"""

from __future__ import annotations

import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ecosystem import projects
from ecosystem.projects import Project
from torchlint.cli.fixing import fix
from torchlint.discovery import NotText, decode
from torchlint.source import notebook
from torchlint.source.notebook import cells_of
from torchlint.workspace import Overrides, Workspace

PINS = Path(__file__).with_name("notebooks.json")
ADDED = '# added by the test: é \\ "\n'


class Tally(NamedTuple):
    """What became of the notebooks; `troubles` are those for which something is wrong, with what."""

    notebooks: int
    cells: int
    fixed: int
    not_python: int
    not_notebooks: int
    troubles: list[str]


def add_arguments(commands: Any) -> None:
    """Declare the command `notebooks`."""
    parser = commands.add_parser(
        "notebooks", help="notebooks read and written back: no byte changes but those of fixes"
    )
    parser.add_argument("names", nargs="*")


def run(arguments: Any) -> int:
    """Fetch, try and report; returns the exit code."""
    tally = judge(paths(arguments.names))
    print(
        f"{tally.notebooks} notebooks with {tally.cells} code cells of Python; {tally.not_python} without any, ", end=""
    )
    print(f"{tally.not_notebooks} that are no notebooks; fixes made in {tally.fixed}")
    for trouble in tally.troubles:
        print(trouble)
    print(f"{len(tally.troubles)} troubles")
    return 1 if tally.troubles else 0


def pinned(names: list[str]) -> list[Project]:
    """The pinned distributions, all or the named ones."""
    every = [Project(**entry) for entry in json.loads(PINS.read_text())]
    return [project for project in every if not names or project.name in names]


def paths(names: list[str]) -> Iterator[Path]:
    """The notebooks of the distributions, fetched if they are not there."""
    for project in pinned(names):
        root = projects.cache() / "notebooks" / project.name
        if not (root / projects.STAMP).is_file() or (root / projects.STAMP).read_text().strip() != project.sha256:
            with tempfile.TemporaryDirectory(prefix="torchlint-") as scratch:
                archive = projects.download(
                    project.name, project.version, project.kind, Path(scratch), sha256=project.sha256
                )
                unpack(archive, root)
            (root / projects.STAMP).write_text(project.sha256 + "\n")
        yield from sorted(root.glob("*.ipynb"))


def unpack(archive: Path, root: Path) -> None:
    """Lay the notebooks of an archive side by side, with numbers in front of their names."""
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as opened:
        members = sorted((m for m in opened if m.isfile() and m.name.endswith(".ipynb")), key=lambda m: m.name)
        for number, member in enumerate(members):
            stream = opened.extractfile(member)
            if stream is not None:
                (root / f"{number:03}-{Path(member.name).name}").write_bytes(stream.read())


def judge(found: Iterator[Path]) -> Tally:
    """Try each notebook."""
    count = cells = fixed = empty = broken = 0
    troubles: list[str] = []
    workspace = Workspace(Overrides(isolated=True, select=("ALL",), assignments=("preview=true",)), [])
    for path in found:
        data = path.read_bytes()
        count += 1
        try:
            decoded = decode(data, str(path))
        except NotText:
            broken += 1
            continue
        inside = len(cells_of(decoded.text))
        empty += not inside
        cells += inside
        try:
            troubles += [f"{path}: {what}" for what in _troubles(data, decoded)]
            outcome = workspace.check_text(str(path), decoded)
            done = fix(
                str(path), decoded.text, outcome,
                lambda text, path=path, decoded=decoded: workspace.check_text(str(path), decoded._replace(text=text)),
                unsafe=True,
            )  # fmt: skip
            if done.made:
                fixed += 1
                troubles += [f"{path}: after fixes: {what}" for what in _differences(data, decoded.encoded(done.text))]
        except Exception as error:
            troubles.append(f"{path}: {type(error).__name__}: {error}")
    return Tally(count, cells, fixed, empty, broken, troubles)


def _troubles(data: bytes, decoded: Any) -> Iterator[str]:
    if decoded.encoded(decoded.text) != data:
        yield "is not the same after reading and writing"
    lines = decoded.text.splitlines(keepends=True)
    for cell in reversed(cells_of(decoded.text)):
        if not "".join(lines[cell.first - 1 : cell.last]).lstrip().startswith("#\ue07a%%"):
            lines.insert(cell.first - 1, ADDED)
    changed = decoded.encoded("".join(lines))
    if changed.decode().count("added by the test") != lines.count(ADDED):
        yield "does not have every change"
    yield from _differences(data, changed)


def _differences(before: bytes, after: bytes) -> Iterator[str]:
    """What is other than it was, besides the sources of changed cells; and whether it is valid as it was before."""
    import nbformat

    old, new = _parts(before), _parts(after)
    if old[0] != new[0]:
        yield "something else than sources changed"
    sources = zip(old[1], new[1], strict=True)
    if any(a != b and "".join(json.loads(a)) == "".join(json.loads(b)) for a, b in sources):
        yield "a source that was not changed has other bytes"
    if _valid(nbformat, before) and not _valid(nbformat, after):
        yield "is not valid any more"


def _parts(data: bytes) -> tuple[list[str], list[str]]:
    """The JSON between the sources of code cells, and that of the sources."""
    found = notebook.read(data.removeprefix(b"\xef\xbb\xbf"))
    between, sources, at = [], [], 0
    for source in found.sources:
        between.append(found.json[at : source.start])
        sources.append(found.json[source.start : source.end])
        at = source.end
    return [*between, found.json[at:]], sources


def _valid(nbformat: Any, data: bytes) -> bool:
    try:
        nbformat.validate(nbformat.reads(data.decode("utf-8-sig"), as_version=nbformat.NO_CONVERT))
    except Exception:
        return False
    return True
