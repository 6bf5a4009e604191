"""Running a command and measuring it: CPU time, wall time, peak memory."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """What one run took: `cpu` is user and system time with all children, in seconds as `wall`; `peak` is in MiB."""

    cpu: float
    wall: float
    peak: float


class TooSlow(Exception):
    """The command ran past its limit and was ended."""


def run(
    command: Sequence[str],
    cwd: Path,
    *,
    limit: float = 300.0,
    environment: Mapping[str, str] | None = None,
    codes: tuple[int, ...] = (0,),
) -> Cost:
    """Run a command to its end, its output thrown away.

    Raises:
        TooSlow: if it took longer than `limit` seconds.
        OSError: if it cannot be started, was killed, or ended with another exit code than `codes`.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    with Path(os.devnull).open("wb") as nothing:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=nothing,
            stderr=nothing,
            env=environment,
            start_new_session=True,
        )
        try:
            code, peak = wait(process, limit)
        except TooSlow:
            os.killpg(process.pid, 9)
            process.wait()
            raise
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code not in codes:
        raise OSError(f"exit {code}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, wall, peak)


def wait(process: subprocess.Popen[bytes], limit: float) -> tuple[int, float]:
    """Wait for a process; its exit code and its peak memory in MiB.

    The kernel counts the memory of the process that forked it too, so the peak is asked for while it runs; the answer
    of the kernel holds where it is larger than our own peak.
    """
    end = time.monotonic() + limit
    seen = 0.0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            counted = usage.ru_maxrss / 1024
            mine = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            return process.returncode, counted if counted > mine or not seen else seen
        if time.monotonic() > end:
            raise TooSlow
        seen = max(seen, high_water_mark(process.pid))
        time.sleep(0.005)


def high_water_mark(pid: int) -> float:
    """The peak memory of a running process so far in MiB; 0 where the system does not tell."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) / 1024
