"""The ecosystem set from the command line: `python tests/ecosystem/run.py --help`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ecosystem import projects  # noqa: E402


def main() -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="ecosystem", description="Real projects, and what torchlint finds in them.")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="download, verify and unpack the pinned projects")
    fetch.add_argument("names", nargs="*")
    fetch.add_argument("--small", action="store_true", help="only those of continuous integration")
    pin = commands.add_parser("pin", help="pin projects: NAME==VERSION, sdist where there is one")
    pin.add_argument("requirements", nargs="+")
    pin.add_argument("--wheel", action="store_true")
    arguments = parser.parse_args()
    if arguments.command == "fetch":
        return fetch_all(projects.pinned(arguments.names, small=arguments.small))
    return pin_all(arguments.requirements, wheel=arguments.wheel)


def fetch_all(chosen: list[projects.Project]) -> int:
    """Fetch what is missing, two at a time; the exit code tells whether everything is there."""

    def one(project: projects.Project) -> str | None:
        try:
            projects.fetch(project)
        except RuntimeError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(2) as pool:
        failures = [failure for failure in pool.map(one, chosen) if failure]
    print(*failures, sep="\n", end="\n" if failures else "")
    print(f"{len(chosen) - len(failures)} of {len(chosen)} projects in {projects.cache()}")
    return 1 if failures else 0


def pin_all(requirements: list[str], *, wheel: bool) -> int:
    """Download, unpack and pin; a source distribution is preferred, for its examples and tests."""
    failed = 0
    for requirement in requirements:
        name, _, version = requirement.partition("==")
        for kind in ("wheel",) if wheel else ("sdist", "wheel"):
            try:
                with tempfile.TemporaryDirectory() as scratch:
                    archive = projects.download(name, version, kind, Path(scratch))
                    sha256, size = projects.hash_of(archive), archive.stat().st_size
                    project = projects.Project(name, version, kind, sha256, size)
                    projects.unpack(archive, project.root, sha256)
            except RuntimeError as error:
                print(f"{kind}: {error}", flush=True)
                continue
            projects.write_pins([p for p in projects.pinned() if p.name != name] + [project])
            print(f"{name} {version}: {kind}, {size / 1e6:.1f} MB", flush=True)
            break
        else:
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
