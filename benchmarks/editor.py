"""How fast the language server answers: `python benchmarks/editor.py [keys] [start] [workspace]`.

Everything is measured at the client, over a pipe, as an editor has it; each number stands beside what it is a multiple
of, measured in the same run. The bars are printed beside the numbers, and nothing fails because of the clock.
"""

from __future__ import annotations

import ast
import gc
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

import corpus  # noqa: E402
from linear import HEAD, LAYER, LOOP  # noqa: E402

from tests.lsp.client import Client  # noqa: E402
from torchlint.lsp.options import DEBOUNCE  # noqa: E402

TYPED = "{indent}note = loss * 2 + step\n{indent}pair = [note, (1, 2)]  # what is noted\n{indent}del note, pair\n"
WARM = 5  # key presses that are not counted
ANSWERS = 7
FILES = 500


class Keys(NamedTuple):
    """What one key press costs, in seconds: from the press to the diagnostics of its text without the debounce, and the
    CPU time of the server; those of `ast.parse` beside them. `broken` are the texts that do not parse."""

    lines: int
    wall: list[float]
    cpu: list[float]
    broken: list[float]
    parse: float
    parse_cpu: float


def main() -> int:
    """Run the measurements that are named, or all; always 0."""
    wanted = sys.argv[1:] or ["keys", "start", "workspace"]
    gc.disable()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n")
    if "keys" in wanted:
        keys()
    if "start" in wanted:
        start()
    if "workspace" in wanted:
        workspace()
    return 0


# from a key press to new diagnostics


def keys() -> None:
    """Latency while typing, in files of 1,000 and 5,000 lines."""
    print(
        "| file | lines | measured | ast.parse ms | median ms | bar ms | p95 / median | bar | not parsing: median ms |"
    )
    print("|---|--:|---|--:|--:|--:|--:|--:|--:|")
    for name, text in texts():
        found = typed(text)
        rows = (("wall", found.wall, found.parse), ("CPU of the server", found.cpu, found.parse_cpu))
        for measured, times, parse in rows:
            median = statistics.median(times)
            p95 = sorted(times)[int(len(times) * 0.95)]
            bar = 3 * parse + 0.010 if found.lines < 3000 else 4 * parse
            broken = f"{statistics.median(found.broken) * 1e3:.0f}" if found.broken and measured != "wall" else ""
            print(
                f"| {name} | {found.lines:,} | {measured} | {parse * 1e3:.1f} | {median * 1e3:.1f} | {bar * 1e3:.1f} "
                f"| {p95 / median:.2f} | 2.00 | {broken} |",
                flush=True,
            )


def texts() -> Iterator[tuple[str, str]]:
    """Training programs: generated ones, and real ones where the ecosystem set is present."""
    for lines in (1000, 5000):
        yield f"generated {lines}", program(lines)
    folder = Path(os.environ.get("TORCHLINT_ECOSYSTEM", ""))
    for name in ("torchtune/recipes/lora_finetune_distributed.py", "flair/flair/trainers/trainer.py"):
        path = folder / name
        if path.is_file():
            yield path.name, path.read_text(encoding="utf-8")


def program(lines: int) -> str:
    """A training program of about so many lines: models and loops, a finding every few functions."""
    block = LAYER + LOOP
    return HEAD + "".join(block.format(i=i) for i in range(max(1, lines // block.count("\n"))))


def typed(text: str) -> Keys:
    """Type a few statements into the middle of a text, one character at a time."""
    lines = text.split("\n")
    line = next(
        number for number, said in enumerate(lines) if number > len(lines) // 2 and re.match(r"\s+\w+ = \w", said)
    )
    indent = lines[line][: len(lines[line]) - len(lines[line].lstrip())]
    wall: list[float] = []
    cpu: list[float] = []
    broken: list[float] = []
    parse: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        client = Client(Path(folder))
        uri = client.open("train.py", text)
        client.wait(uri, 1)
        written, version = "", 1
        for letter in TYPED.format(indent=indent):
            at = {"line": line + written.count("\n"), "character": len(written.rpartition("\n")[2])}
            written += letter
            version += 1
            now = "\n".join(lines[:line]) + "\n" + written + "\n" + "\n".join(lines[line:])
            spent, begin = cpu_of(client.process.pid), time.perf_counter()
            client.insert(uri, version, at, letter if version > 2 else letter + "\n")
            client.wait(uri, version)
            took, spent = time.perf_counter() - begin - DEBOUNCE, cpu_of(client.process.pid) - spent
            begin, used = time.perf_counter(), time.thread_time()
            try:
                tree = ast.parse(now)
            except SyntaxError:
                broken.append(spent)
                continue
            parse.append((time.perf_counter() - begin, time.thread_time() - used))
            del tree
            if version > WARM:
                wall.append(took)
                cpu.append(spent)
        client.close()
    return Keys(
        len(lines),
        wall,
        cpu,
        broken,
        statistics.median(one for one, _ in parse),
        statistics.median(other for _, other in parse),
    )


def cpu_of(process: int) -> float:
    """Seconds that all threads of a process have run."""
    tasks = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


# the start


def start() -> None:
    """From the start of the process to the answer to `initialize`."""
    ready, imported = [], []
    for _ in range(ANSWERS):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import pygls.lsp.server"], check=True)
        imported.append(time.perf_counter() - begin)
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            client = Client(Path(folder))
            ready.append(time.perf_counter() - begin)
            client.close()
    low, high = statistics.median(imported), statistics.median(ready)
    print(f"\nserver ready: {high * 1e3:.0f} ms, import pygls.lsp.server: {low * 1e3:.0f} ms, ratio {high / low:.2f}")
    print("bar: 1.50", flush=True)


# a whole workspace


def workspace() -> None:
    """All files of a workspace of 500 torch files, beside the command line, with edits meanwhile."""
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "files", Path(place) / "cache"
        count = fill(folder)
        line = on_the_command_line(folder, "--no-cache")
        whole, _, memory = served(folder, cache, edits=False)
        again, _, _ = served(folder, cache, edits=False)
        cached = on_the_command_line(folder, "--cache-dir", str(cache))
        busy, latency, _ = served(folder, Path(place) / "other", edits=True)
    idle = typed(program(1000))
    print(
        f"\nworkspace of {count} torch files: command line {line:.1f} s, server {whole:.1f} s from its start, ", end=""
    )
    print(f"ratio {whole / line:.2f} (bar 1.50); with edits meanwhile {busy:.1f} s")
    print(f"once more, from the cache: command line {cached:.1f} s, server {again:.1f} s from its start")
    print(f"memory of the server afterwards: {memory:.0f} MiB (bar 250)")
    if latency:
        print(
            f"edits meanwhile, 1,000 lines: median {statistics.median(latency) * 1e3:.0f} ms of {len(latency)}, "
            f"otherwise {statistics.median(idle.wall) * 1e3:.0f} ms",
            flush=True,
        )


def on_the_command_line(folder: Path, *options: str) -> float:
    """Seconds that the command line takes for a folder."""
    command = [sys.executable, "-m", "torchlint", "check", "-q", "--output-format", "concise", "--exit-zero", *options]
    begin = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "."], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def fill(folder: Path) -> int:
    """Put 500 files that import torch into a folder, whole projects of the ecosystem set; how many there are."""
    wanted = corpus.whole_projects(corpus.torch_code(), 400_000)[:FILES]
    corpus.lay(wanted, folder)
    return len(wanted)


def served(folder: Path, cache: Path, *, edits: bool) -> tuple[float, list[float], float]:
    """Seconds until the whole workspace is checked, latency of edits meanwhile, MiB of the server afterwards."""
    capabilities: dict[str, Any] = {"window": {"workDoneProgress": True}}
    begin = time.perf_counter()
    client = Client(
        folder,
        capabilities,
        environment={"TORCHLINT_CACHE_DIR": str(cache)},
        initializationOptions={"settings": {"diagnosticMode": "workspace"}},
    )
    latency: list[float] = []
    if edits:
        text = program(1000)
        uri = client.open("typed.py", text)
        client.wait(uri, 1)
        version = 1
        while not client.ended:
            version += 1
            pressed = time.perf_counter()
            client.insert(uri, version, {"line": 0, "character": 0}, "#" if version == 2 else "-")
            client.wait(uri, version)
            if not client.ended:
                latency.append(time.perf_counter() - pressed - DEBOUNCE)
    client.until(lambda: bool(client.ended), "the end of the workspace check")
    took = time.perf_counter() - begin
    memory = resident(client.process.pid)
    client.close()
    return took, latency, memory


def resident(process: int) -> float:
    """MiB that a process holds."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
