"""Benchmarks of torchlint against the floor and its peers, as Markdown: `python benchmarks/run.py --help`.

Ratios of CPU time, taken in interleaved rounds over the same files; the numbers are medians over the rounds. Every
tool runs in a process of its own, without a cache, with the Python that runs this script.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

import corpus
import measure
import peers
from measure import Cost

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FLOOR = "ast.parse alone"
OURS = "torchlint (all rules)"
ONE_LINE = "torchlint (all rules, one line a finding)"  # as the peers print; the default also works out the fixes
ALL_CORES = "torchlint (all rules, all cores)"
TORCHLINT = (
    sys.executable,
    "-m",
    "torchlint",
    "check",
    "--isolated",
    "--config=preview=true",
    "--select=ALL",
    "--exit-zero",
    "--no-cache",
)


class Tool(NamedTuple):
    """A label and the command that checks the current directory."""

    label: str
    command: tuple[str, ...]
    codes: tuple[int, ...] = (0,)


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lines", type=int, default=400_000, help="lines of whole projects for the fast tools")
    parser.add_argument("--slow-lines", type=int, default=60_000, help="lines of single files for the slow tools")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1200, help="no new round is begun after that time")
    parser.add_argument("--files", type=int, default=5_000, help="files of the run that shows peak memory")
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    end = time.monotonic() + arguments.seconds
    code = corpus.torch_code()
    if not code:
        print("the ecosystem set is not there: python tests/ecosystem/run.py fetch", file=sys.stderr)
        return 2
    known = () if arguments.no_peers else installed()
    with tempfile.TemporaryDirectory(prefix="torchlint-bench-") as scratch:
        start_up(corpus.single_files(code, 10_000), Path(scratch), arguments.rounds)
        small = corpus.single_files(code, arguments.slow_lines)
        root = corpus.lay(small, Path(scratch) / "small")
        slow = [Tool(p.label, (str(p.executable), *p.command[1:]), (0, 1)) for p in known if p.slow]
        table(
            f"{len(small)} files, {corpus.lines_in(small):,} lines, chosen at random",
            [*ours(root), *slow],
            root,
            1,
            end,
        )
        large = corpus.whole_projects(code, arguments.lines)
        root = corpus.lay(large, Path(scratch) / "large")
        fast = [Tool(p.label, (str(p.executable), *p.command[1:]), (0, 1)) for p in known if not p.slow]
        names = len({path.parts[0] for path in large})
        title = f"{names} whole projects: {len(large)} files, {corpus.lines_in(large):,} lines"
        table(title, [*ours(root), Tool(ALL_CORES, (*TORCHLINT, ".")), *fast], root, arguments.rounds, end)
        memory(code[: arguments.files] if len(code) < arguments.files else spread(code, arguments.files), Path(scratch))
    return 0


def installed() -> tuple[peers.Peer, ...]:
    """The peers that are there or can be installed; says which are not."""
    there = []
    for peer in peers.PEERS:
        reason = peers.install(peer)
        if reason is None:
            there.append(peer)
        else:
            print(f"not measured: {peer.requirement} ({reason})")
    return tuple(there)


def ours(root: Path) -> list[Tool]:
    """The floor, and torchlint in one process with its default output and with one line for each finding."""
    return [
        Tool(FLOOR, (sys.executable, str(HERE / "floor.py"), str(root))),
        Tool(OURS, (*TORCHLINT, "-j1", ".")),
        Tool(ONE_LINE, (*TORCHLINT, "--output-format=concise", "-j1", ".")),
    ]


def table(title: str, tools: Sequence[Tool], root: Path, rounds: int, end: float) -> None:
    """Run the tools in interleaved rounds and print what they took."""
    costs: dict[str, list[Cost]] = {tool.label: [] for tool in tools}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        if costs[FLOOR] and time.monotonic() > end:
            break
        for tool in tools:
            if tool.label in failed:
                continue
            try:
                costs[tool.label].append(timed(tool, root, limit=max(30.0, end - time.monotonic())))
            except measure.TooSlow:
                failed[tool.label] = "not ended in the time given"
            except OSError as error:
                failed[tool.label] = str(error)
    print(f"\n### {title}; {len(costs[FLOOR])} rounds\n")
    print("| tool | CPU s | wall s | x ast.parse (CPU) | x torchlint (CPU) | peak MiB |\n|---|--:|--:|--:|--:|--:|")
    for tool in tools:
        taken = costs[tool.label]
        if not taken:
            print(f"| {tool.label} | {failed[tool.label]} | | | | |")
            continue
        floor, own = ratio(taken, costs[FLOOR]), ratio(taken, costs[OURS])
        cpu, wall = statistics.median(c.cpu for c in taken), statistics.median(c.wall for c in taken)
        print(f"| {tool.label} | {cpu:.2f} | {wall:.2f} | {floor:.2f} | {own:.2f} | {max(c.peak for c in taken):.0f} |")
    sys.stdout.flush()


def ratio(taken: Sequence[Cost], other: Sequence[Cost]) -> float:
    """The median over the rounds of the ratio of CPU times."""
    if not other:
        return float("nan")
    return statistics.median(a.cpu / b.cpu for a, b in zip(taken, other, strict=False))


def timed(tool: Tool, root: Path, limit: float = 120.0) -> Cost:
    """Run a tool over a directory, with this checkout importable and one thread where a tool would take more."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "RAYON_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed tools run from byte-code
    return measure.run(tool.command, root, limit=limit, environment=environment, codes=tool.codes)


def start_up(paths: Sequence[Path], scratch: Path, rounds: int) -> None:
    """Print what one file costs from start to exit, beside an empty Python and the modules that any check needs."""
    chosen = min(paths, key=lambda path: abs(corpus.lines_in([path]) - 300))
    root = corpus.lay([chosen], scratch / "one")
    nothing = scratch / "nothing"
    nothing.mkdir()
    (nothing / "empty.py").write_text("import torch\n")
    python = (sys.executable, "-c")
    base = Tool("`python -c 'import ast, json, argparse'`", (*python, "import ast, json, argparse"))
    tools = [
        (Tool("`python -c pass`", (*python, "pass")), root),
        (base, root),
        (Tool("torchlint version", (sys.executable, "-m", "torchlint", "version")), root),
        (Tool("torchlint check, a file with one import", (*TORCHLINT, "-j1", ".")), nothing),
        (Tool(f"torchlint check, one file of {corpus.lines_in([chosen])} lines", (*TORCHLINT, "-j1", ".")), root),
    ]
    costs: dict[str, list[Cost]] = {tool.label: [] for tool, _ in tools}
    for tool, where in tools:
        timed(tool, where)
    for _ in range(max(7, 3 * rounds)):
        for tool, where in tools:
            costs[tool.label].append(timed(tool, where))
    print("### Start to exit\n\n| command | CPU ms | x the second | peak MiB |\n|---|--:|--:|--:|")
    for tool, _ in tools:
        cpu = statistics.median(c.cpu for c in costs[tool.label])
        share = ratio(costs[tool.label], costs[base.label])
        print(f"| {tool.label} | {1000 * cpu:.0f} | {share:.2f} | {max(c.peak for c in costs[tool.label]):.0f} |")
    sys.stdout.flush()


def spread(paths: Sequence[Path], number: int) -> list[Path]:
    """Evenly spread items of a list."""
    return [paths[i * len(paths) // number] for i in range(number)]


def memory(paths: Sequence[Path], scratch: Path) -> None:
    """Print the peak memory of one process over many files."""
    root = corpus.lay(paths, scratch / "many")
    cost = timed(Tool(OURS, (*TORCHLINT, "-j1", ".")), root, limit=600)
    print(f"\nOne process over {len(paths):,} files: {cost.peak:.0f} MiB at its peak, {cost.cpu:.1f} s of CPU time.")


if __name__ == "__main__":
    sys.exit(main())
