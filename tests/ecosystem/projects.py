"""The pinned projects of the ecosystem set: how they are fetched, verified and unpacked.

Archives come from pip without dependencies. No code of an archive is imported or run: where pip would ask a source
distribution's build backend for metadata, `hooks/sitecustomize.py` answers in its place.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

HERE = Path(__file__).resolve().parent
HOOKS = HERE / "hooks"
STAMP = ".sha256"
KEPT_BESIDE_PYTHON = re.compile(r"(pyproject\.toml|setup\.cfg|requirements[\w.-]*\.txt)")
WHEEL_TARGET = (
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux2014_x86_64",
    "--platform=any",
    "--python-version=3.11",
    "--implementation=cp",
)


class Split(NamedTuple):
    """A part of the set, with pins, committed findings and verdicts of its own in `home`."""

    name: str
    home: Path

    @property
    def pins(self) -> Path:
        """The pinned archives."""
        return self.home / "projects.json"


MAIN = Split("main", HERE)
HELDOUT = Split("heldout", HERE / "heldout")
SPLITS = {split.name: split for split in (MAIN, HELDOUT)}


class Project(NamedTuple):
    """One pinned archive: `kind` is `sdist` or `wheel`, `sha256` that of the archive, `size` its bytes.

    `small` marks the few that continuous integration fetches.
    """

    name: str
    version: str
    kind: str
    sha256: str
    size: int
    small: bool = False
    earlier: bool = False  # a release before the pinned one, for `run.py baseline`

    @property
    def root(self) -> Path:
        """Where the project is unpacked."""
        return cache() / "earlier" / self.name if self.earlier else cache() / self.name

    @property
    def is_there(self) -> bool:
        """Whether the unpacked project is that of the pinned archive."""
        stamp = self.root / STAMP
        return stamp.is_file() and stamp.read_text().strip() == self.sha256


def cache() -> Path:
    """The directory that holds the unpacked projects."""
    return Path(os.environ.get("TORCHLINT_ECOSYSTEM") or "~/.cache/torchlint-ecosystem").expanduser()


def pinned(names: Iterable[str] = (), *, small: bool = False, split: Split = MAIN) -> list[Project]:
    """The pinned projects in order of name, all or the named ones; `KeyError` for a name that is not pinned."""
    entries = json.loads(split.pins.read_text()) if split.pins.exists() else []
    known = {entry["name"]: Project(**entry) for entry in entries}
    chosen = [known[name] for name in names] or list(known.values())
    return sorted(project for project in chosen if project.small or not small)


def write_pins(projects: Iterable[Project], split: Split = MAIN) -> None:
    """Write the pins, one project a line."""
    lines = (
        json.dumps({k: v for k, v in p._asdict().items() if k not in ("small", "earlier") or v})
        for p in sorted(projects)
    )
    split.pins.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def fetch(project: Project) -> None:
    """Download, verify and unpack; `RuntimeError` says in one line why that failed."""
    if project.is_there:
        return
    with tempfile.TemporaryDirectory(prefix="torchlint-") as scratch:
        archive = download(project.name, project.version, project.kind, Path(scratch), sha256=project.sha256)
        unpack(archive, project.root, project.sha256)


def download(name: str, version: str, kind: str, to: Path, *, sha256: str | None = None) -> Path:
    """Let pip download one archive of a project, by hash where it is known; returns the archive's path."""
    requirement = to / "requirement.txt"
    requirement.write_text(f"{name}=={version}" + (f" --hash=sha256:{sha256}" if sha256 else "") + "\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--quiet",
        "--dest",
        str(to),
        "-r",
        str(requirement),
    ]
    if kind == "sdist":
        command += ["--no-binary=:all:", "--no-build-isolation", "--use-pep517", "--ignore-requires-python"]
    else:
        command += ["--only-binary=:all:", *WHEEL_TARGET]
    environment = os.environ | {
        "PYTHONPATH": str(HOOKS),
        "TORCHLINT_STUB_NAME": name,
        "TORCHLINT_STUB_VERSION": version,
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    archives = [path for path in to.iterdir() if path != requirement]
    if done.returncode or len(archives) != 1:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines() or ["?"]
        raise RuntimeError(f"{name} {version}: {lines[-1].strip()}")
    if sha256 and hash_of(archives[0]) != sha256:
        raise RuntimeError(f"{name} {version}: the archive has another hash than the pin")
    return archives[0]


def hash_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def unpack(archive: Path, root: Path, sha256: str) -> None:
    """Lay the archive's Python files (and what names its dependencies) under `root`, replacing what was there."""
    fresh = root.with_name(f"{root.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for inside, stream in members(archive):
        target = fresh / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        with stream, target.open("wb") as out:
            shutil.copyfileobj(stream, out)
    (fresh / STAMP).write_text(sha256 + "\n")
    shutil.rmtree(root, ignore_errors=True)
    fresh.rename(root)


def members(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """The wanted members of a wheel, zip or tar archive; the single top directory of a source archive is dropped."""
    if archive.name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                inside = wanted(info.filename, is_wheel=archive.name.endswith(".whl"))
                if inside and not info.is_dir():
                    yield inside, opened.open(info)
        return
    with tarfile.open(archive) as opened_tar:
        for member in opened_tar:
            inside = wanted(member.name, is_wheel=False)
            stream = opened_tar.extractfile(member) if inside and member.isfile() else None
            if inside and stream:
                yield inside, stream


def wanted(name: str, *, is_wheel: bool) -> PurePosixPath | None:
    """The path below the project's root of a member that is kept, else `None`."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        return None
    inside = path if is_wheel else PurePosixPath(*path.parts[1:])
    if path.suffix == ".py" and inside.parts:
        return inside
    return inside if len(inside.parts) == 1 and KEPT_BESIDE_PYTHON.fullmatch(inside.name) else None
