"""Options and shared state of the tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from surface import Cli

CASES = pytest.StashKey[dict[str, int]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="write the snapshots instead of comparing them")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "evidence: runs the experiment behind a rule with torch")
    config.stash[CASES] = {}
    config.pluginmanager.register(Workers())


@pytest.fixture(autouse=True, scope="session")
def cache_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep caches of checks out of the user's directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHLINT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """Whether snapshots are written instead of compared."""
    return bool(request.config.getoption("--accept"))


@pytest.fixture
def case_counts(request: pytest.FixtureRequest) -> dict[str, int]:
    """Counts of marks in the hard cases, shown after the run."""
    return request.config.stash[CASES]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """The command line in an empty directory, with the demonstration pack as the only rules besides `TL0`."""
    return Cli(tmp_path, monkeypatch, capfdbinary)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["cases"] = session.config.stash[CASES]


class Workers:
    """Adds up the counts of several test processes."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        counts = node.config.stash[CASES]
        for word, number in getattr(node, "workeroutput", {}).get("cases", {}).items():
            counts[word] = counts.get(word, 0) + number


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash.get(CASES, {})
    if counts:
        terminalreporter.write_line(
            f"hard cases: {counts.get('files', 0)} files, {counts.get('', 0)} findings as expected, "
            f"{counts.get('?', 0)} not seen yet, {counts.get('!', 0)} wrong so far"
        )
