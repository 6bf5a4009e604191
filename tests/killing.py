"""Runs of torchlint that are killed at a random moment while they write, and what is on disk afterwards.

`python tests/killing.py --times 500`: `--fix`, `baseline` and the cache, in turn. A file must be the old one or the new
one, whole; nothing may be lost; and a run without any cache must agree with one that finds what the killed run left.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from torchlint.cli import main  # noqa: E402

LOOP = """\
import torch

model = torch.nn.Linear(2, 2)
opt = torch.optim.SGD(model.parameters(), lr={rate})
for x, y in data:
{body}    loss = ((model(x) - y) ** 2).mean()
    loss.backward()
    opt.step()
"""
FILES = 12
_BESIDE = re.compile(r"\.torchlint-\d+$")  # the new file before it takes the place of the old one


class Job(NamedTuple):
    """A command that writes, and the files that it may change."""

    name: str
    words: tuple[str, ...]


JOBS = (
    Job("fix", ("check", "--fix", "--unsafe-fixes", "-q", "--no-cache")),
    Job("baseline", ("baseline", "-q")),
    Job("cache", ("check", "-q")),
)


def run() -> int:
    """Kill, look and report; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torchlint-kill-") as scratch:
        counts = kill(Path(scratch), arguments.times, arguments.seed)
    for name, count in sorted(counts.items()):
        print(f"{name}: {count}")
    return 1 if any(name.startswith("TROUBLE") for name in counts) else 0


def kill(scratch: Path, times: int, seed: int = 1) -> Counter[str]:
    """Kill so many runs; returns counts of what happened, those that begin with TROUBLE must not be."""
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    work = scratch / "work"
    old, new = texts("    pass\n"), texts("    opt.zero_grad()\n    pass\n")
    lasting = {job.name: duration(job, work, scratch, old) for job in JOBS}
    for number in range(times):
        job = JOBS[number % len(JOBS)]
        lay(work, old, keep=job.name == "cache")
        if job.name == "cache":
            (work / f"m{rng.randrange(FILES)}.py").write_text(LOOP.format(rate=rng.random(), body="    pass\n"))
        elif job.name == "baseline" and rng.random() < 0.5:
            _said(JOBS[1], work, scratch)
            (work / "m0.py").unlink()
        before = snapshot(work)
        process = start(job, work, scratch)
        time.sleep(lasting[job.name] * rng.uniform(0.5, 1.1))
        process.send_signal(signal.SIGKILL)
        counts[f"{job.name}: {'killed' if process.wait() == -signal.SIGKILL else 'ended before'}"] += 1
        for trouble in troubles(job, work, scratch, before, old, new):
            counts[f"TROUBLE: {job.name}: {trouble}"] += 1
    return counts


def texts(body: str) -> dict[str, str]:
    """The files of the project."""
    return {f"m{number}.py": LOOP.format(rate=number / 100, body=body) for number in range(FILES)}


def lay(work: Path, files: dict[str, str], *, keep: bool) -> None:
    """Make the project anew, or leave what is there."""
    if keep and work.is_dir():
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    (work / "pyproject.toml").write_text("[project]\nname = 'p'\n")
    for name, text in files.items():
        (work / name).write_text(text)


def start(job: Job, work: Path, scratch: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a run."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TORCHLINT_CACHE_DIR": str(scratch / "cache")}
    command = [sys.executable, "-m", "torchlint", *job.words, *more]
    return subprocess.Popen(command, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def duration(job: Job, work: Path, scratch: Path, files: dict[str, str]) -> float:
    """What a run takes, in seconds."""
    taken = []
    for _ in range(2):
        lay(work, files, keep=False)
        begin = time.perf_counter()
        start(job, work, scratch).communicate()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def snapshot(work: Path) -> dict[str, str]:
    """The files that count; what a killed run leaves beside them does not."""
    files = (path for path in work.iterdir() if path.is_file() and not _BESIDE.search(path.name))
    return {path.name: path.read_text() for path in files}


def troubles(
    job: Job, work: Path, scratch: Path, before: dict[str, str], old: dict[str, str], new: dict[str, str]
) -> Iterator[str]:
    """What is wrong after a killed run."""
    after = snapshot(work)
    if before.keys() - after.keys():
        yield "a file is gone"
    for name, text in after.items():
        if job.name == "fix" and name in old and text not in (old[name], new[name]):
            yield "a file is neither the old one nor the new one"
        elif job.name != "fix" and name in before and not name.startswith(".") and text != before[name]:
            yield "a file that is only read has changed"
    if job.name == "baseline":
        yield from _of_baseline(job, work, scratch, before)
    if job.name == "cache" and _said(job, work, scratch) != _said(job, work, scratch, "--no-cache"):
        yield "the cache gives another answer"
    if job.name == "fix":
        _said(job, work, scratch)
        if {name: text for name, text in snapshot(work).items() if name in new} != new:
            yield "a second run does not finish the work"


def _of_baseline(job: Job, work: Path, scratch: Path, before: dict[str, str]) -> Sequence[str]:
    path = work / ".torchlint-baseline.json"
    if not path.exists():
        return ["the baseline is gone"] if path.name in before else []
    text = path.read_text()
    _said(job, work, scratch)
    return (
        [] if text in (before.get(path.name), path.read_text()) else ["the baseline is neither the old nor the new one"]
    )


def _said(job: Job, work: Path, scratch: Path, *more: str) -> str:
    """What a run says that nobody kills; in this process, which is quicker."""
    os.environ["TORCHLINT_CACHE_DIR"] = str(scratch / "cache")
    here, out = os.getcwd(), io.StringIO()
    os.chdir(work)
    try:
        with contextlib.redirect_stdout(out):
            main([*job.words, *more])
    finally:
        os.chdir(here)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(run())
