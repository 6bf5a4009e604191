"""What runs over many files cost, cold and warm, as Markdown: `python benchmarks/scale.py --help`.

All runs are over the same files in the same minutes, so that their ratios count and not the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import corpus
import measure
from measure import Cost

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CHECK = (sys.executable, "-m", "torchlint", "check", "--isolated", "--exit-zero", "--output-format=concise")


def main() -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=7, help="of the warm runs; cold ones are run once")
    parser.add_argument("--no-cold", action="store_true", help="only one cold run, for the cache")
    arguments = parser.parse_args()
    code = corpus.torch_code()
    if not code:
        print("the ecosystem set is not there: python tests/ecosystem/run.py fetch", file=sys.stderr)
        return 2
    number = min(arguments.files, len(code))
    chosen = [code[i * len(code) // number] for i in range(number)]
    with tempfile.TemporaryDirectory(prefix="torchlint-scale-") as scratch:
        root = corpus.lay(chosen, Path(scratch) / "files")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        print(f"### {len(chosen):,} files, {corpus.lines_in(chosen):,} lines, {cores} cores\n")
        cold(root, Path(scratch), cores, arguments.no_cold)
        warm(root, Path(scratch), root / chosen[len(chosen) // 2], arguments.rounds)
    return 0


def run(words: Sequence[str], root: Path, scratch: Path) -> Cost:
    """Run a command in the directory of the files, with a cache of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TORCHLINT_CACHE_DIR": str(scratch / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed torchlint runs from byte-code
    return measure.run(words, root, limit=1800, environment=environment)


def cold(root: Path, scratch: Path, cores: int, once: bool) -> None:
    """Print what runs take that know nothing yet."""
    print("| cold run | CPU s | wall s | speed-up |\n|---|--:|--:|--:|")
    alone = None if once else run((*CHECK, "--no-cache", "-j1", "."), root, scratch)
    if alone is not None:
        print(f"| one process | {alone.cpu:.1f} | {alone.wall:.1f} | 1.00 |")
    all_cores = run((*CHECK, "."), root, scratch)
    gain = f"{alone.wall / all_cores.wall:.2f}" if alone is not None else ""
    print(f"| all {cores} cores, and the cache written | {all_cores.cpu:.1f} | {all_cores.wall:.1f} | {gain} |\n")
    sys.stdout.flush()


def warm(root: Path, scratch: Path, changed: Path, rounds: int) -> None:
    """Print what runs take that find everything in the cache, or everything but one file."""
    floor = (sys.executable, str(HERE / "walk.py"), str(root))
    labels = ("walk and stat", "warm, nothing changed", "the same, findings not printed", "warm, one file changed",
              "that file alone, no cache")  # fmt: skip
    costs: dict[str, list[Cost]] = {label: [] for label in labels}
    run((*CHECK, "."), root, scratch)
    for number in range(rounds):
        costs[labels[0]].append(run(floor, root, scratch))
        costs[labels[1]].append(run((*CHECK, "."), root, scratch))
        costs[labels[2]].append(run((*CHECK, "--silent", "."), root, scratch))
        with changed.open("a") as file:
            file.write(f"# {number}\n")
        costs[labels[3]].append(run((*CHECK, "."), root, scratch))
        costs[labels[4]].append(run((*CHECK, "--no-cache", str(changed)), root, scratch))
        run((*CHECK, "."), root, scratch)  # its times were too new to be believed
    print("| run | CPU ms | wall ms | x walk and stat (CPU) |\n|---|--:|--:|--:|")
    for label in labels:
        cpu, wall = (1000 * statistics.median(c[i] for c in costs[label]) for i in (0, 1))
        ratio = statistics.median(a.cpu / b.cpu for a, b in zip(costs[label], costs[labels[0]], strict=True))
        print(f"| {label} | {cpu:.0f} | {wall:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
