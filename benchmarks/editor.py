"""How fast the language server answers: `python benchmarks/editor.py [keys] [start] [workspace]`.

Everything is measured at the client, over a pipe, as an editor has it; each number stands beside what it is a multiple
of, measured in the same run. The bars are printed beside the numbers, and nothing fails because of the clock.
"""

from __future__ import annotations

import ast
import gc
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(Path(__file__).resolve().parent), str(ROOT)]

import corpus  # noqa: E402
from linear import HEAD, LAYER, LOOP  # noqa: E402

from tests.lsp.client import Client  # noqa: E402
from torchlint.lsp.options import DEBOUNCE  # noqa: E402

TYPED = "{indent}note = loss * 2 + step\n{indent}pair = [note, (1, 2)]  # what is noted\n{indent}del note, pair\n"
WARM = 5  # key presses that are not counted
ANSWERS = 7
FILES = (500, 2000)
ROUNDS = 3


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


class Whole(NamedTuple):
    """What the check of a whole workspace takes: seconds, those of CPU time of all processes, and MiB of the server."""

    wall: float
    cpu: float
    memory: float = 0.0


def workspace() -> None:
    """All files of workspaces of 500 and 2,000 torch files, beside the command line; edits meanwhile."""
    print(
        "\n| files | command line s | server, from its start s | ratio | bar | CPU: command line s | server s | ratio "
        "| again, from the cache: command line s | server s | memory of the server MiB | bar |"
    )
    print("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    busy: list[tuple[float, float]] = []
    for files in FILES:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "files"
            count = fill(folder, files)
            rounds = [one_round(folder, Path(place) / f"cache{number}") for number in range(ROUNDS)]
            if files == max(FILES):
                busy = edits(folder, Path(place) / "other", "workspace")
        line, whole, line_again, again = (
            Whole._make(statistics.median(column) for column in zip(*kind, strict=True))
            for kind in zip(*rounds, strict=True)
        )
        wall, cpu = (statistics.median(w[i] / c[i] for c, w, _, _ in rounds) for i in (0, 1))
        print(
            f"| {count:,} | {line.wall:.2f} | {whole.wall:.2f} | {wall:.2f} | 1.50 | {line.cpu:.2f} | {whole.cpu:.2f} "
            f"| {cpu:.2f} | {line_again.wall:.2f} | {again.wall:.2f} | {again.memory:.0f} | 250 |",
            flush=True,
        )
    with tempfile.TemporaryDirectory() as place:
        alone = edits(Path(place), Path(place) / "cache", "openFilesOnly", len(busy))
    print("\n| edits in 1,000 lines | number | median ms | p95 ms | CPU of the server ms |\n|---|--:|--:|--:|--:|")
    for name, found in ((f"while {max(FILES):,} files are checked", busy), ("otherwise", alone)):
        wall_ms, cpu_ms = (sorted(1e3 * value for value in values) for values in zip(*found, strict=True))
        median, p95, cpu = statistics.median(wall_ms), wall_ms[int(len(wall_ms) * 0.95)], statistics.median(cpu_ms)
        print(f"| {name} | {len(found)} | {median:.0f} | {p95:.0f} | {cpu:.0f} |", flush=True)


def one_round(folder: Path, cache: Path) -> tuple[Whole, Whole, Whole, Whole]:
    """The command line without a cache, the server without and with one, the command line with it."""
    line = on_the_command_line(folder, "--no-cache")
    whole, again = served(folder, cache), served(folder, cache)
    return line, whole, on_the_command_line(folder, "--cache-dir", str(cache)), again


def on_the_command_line(folder: Path, *options: str) -> Whole:
    """What the command line takes for a folder."""
    command = [sys.executable, "-m", "torchlint", "check", "-q", "--output-format", "concise", "--exit-zero", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    begin, spent = time.perf_counter(), of_children()
    subprocess.run([*command, "."], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return Whole(time.perf_counter() - begin, of_children() - spent)


def of_children() -> float:
    """Seconds of CPU time of all processes that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def fill(folder: Path, files: int) -> int:
    """Put so many files that import torch into a folder, whole projects of the ecosystem set; how many there are."""
    wanted = corpus.whole_projects(corpus.torch_code(), 800 * files)[:files]
    corpus.lay(wanted, folder)
    return len(wanted)


def served(folder: Path, cache: Path) -> Whole:
    """What the server takes for all of a folder, from its start."""
    begin, spent = time.perf_counter(), of_children()
    client = opened(folder, cache, "workspace")
    client.until(lambda: bool(client.ended), "the end of the workspace check")
    took, memory = time.perf_counter() - begin, resident(client.process.pid)
    client.close()
    return Whole(took, of_children() - spent, memory)


def opened(folder: Path, cache: Path, mode: str) -> Client:
    """A client whose server checks what is open, or the workspace."""
    return Client(
        folder,
        {"window": {"workDoneProgress": True}},
        environment={"TORCHLINT_CACHE_DIR": str(cache)},
        initializationOptions={"settings": {"diagnosticMode": mode}},
    )


def edits(folder: Path, cache: Path, mode: str, number: int = 0) -> list[tuple[float, float]]:
    """The latency of edits and the CPU time of the server for each, in seconds: of so many edits, or of as many as are
    answered while the workspace is checked."""
    client = opened(folder, cache, mode)
    uri = client.open("typed.py", program(1000))
    client.wait(uri, 1)
    found: list[tuple[float, float]] = []
    version = 1
    while len(found) < WARM + number if number else not client.ended:
        version += 1
        pressed, spent = time.perf_counter(), cpu_of(client.process.pid)
        client.insert(uri, version, {"line": 0, "character": 0}, "#" if version == 2 else "-")
        client.wait(uri, version)
        found.append((time.perf_counter() - pressed - DEBOUNCE, cpu_of(client.process.pid) - spent))
    client.close()
    return found[WARM:] if number else found[WARM:-1]


def resident(process: int) -> float:
    """MiB that a process holds."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
