"""Checking many files in several processes, where that pays; results come back in the order of the files."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, NoReturn

from torchlint.discovery import File
from torchlint.engine import Outcome
from torchlint.workspace import Workspace, shown

Done = Sequence[tuple[File, Outcome | None]]

_WORTH_IT = 1_500_000  # bytes of source below which one process is faster
_CHUNKS_EACH = 12  # per process: enough to share the work evenly, few enough to keep neighbouring files together
_TOKEN = 4
_GROWTH = 2_000_000  # objects more than there were, from which on it pays to look for unreachable ones


class _Worker(NamedTuple):
    process: int
    output: int


def outcomes(
    workspace: Workspace, files: Sequence[File], jobs: int | None, tell: Callable[[Done], None]
) -> Iterator[tuple[File, Outcome | None]]:
    """The outcome of each file, in order; `tell` hears at once, in any order, what more is done."""
    sizes = [_size(file.path) for file in files]
    processes = _processes(jobs, sum(sizes), len(files))
    if processes == 1:
        for file in files:
            done = file, workspace.check(file)
            tell([done])
            yield done
            _sweep()
        return
    results = _forked(workspace, files, _chunks(files, sizes, processes * _CHUNKS_EACH), processes, tell)
    for number, file in enumerate(files):
        yield file, results.get(number)


def _sweep() -> None:
    """Models free themselves; what one has missed must not pile up.

    Looking costs time for every object that is alive, and what is known of a large project is a million of them.
    """
    if gc.get_count()[0] > _GROWTH:
        gc.collect()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _processes(jobs: int | None, size: int, count: int) -> int:
    if not hasattr(os, "fork") or jobs == 1 or count < 2:
        return 1
    if jobs is not None and jobs > 1:
        return min(jobs, count)
    if size < _WORTH_IT:
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    available = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(available, size // (_WORTH_IT // 3), count))


def _chunks(files: Sequence[File], sizes: Sequence[int], count: int) -> list[range]:
    """Neighbouring files, with about as many bytes in each chunk."""
    share = sum(sizes) / count + 1
    chunks: list[range] = []
    start, held = 0, 0
    for number, size in enumerate(sizes):
        held += size
        if held >= share:
            chunks.append(range(start, number + 1))
            start, held = number + 1, 0
    if start < len(files):
        chunks.append(range(start, len(files)))
    return chunks


def _forked(
    workspace: Workspace, files: Sequence[File], chunks: list[range], processes: int, tell: Callable[[Done], None]
) -> dict[int, Outcome]:
    """Outcomes by the number of the file. Workers take chunk numbers from one pipe and answer through one each."""
    import pickle

    tokens, feed = os.pipe()
    os.write(feed, b"".join(number.to_bytes(_TOKEN, "little") for number in range(len(chunks))))
    workspace.prepare()
    sys.stdout.flush()
    sys.stderr.flush()
    workers: list[_Worker] = []
    results: dict[int, Outcome] = {}
    done: set[int] = set()
    try:
        for _ in range(processes):
            output, answers = os.pipe()
            process = os.fork()
            if process == 0:
                os.close(feed)
                os.close(output)
                _work(workspace, files, chunks, tokens, answers)
            os.close(answers)
            workers.append(_Worker(process, output))
        os.close(feed)
        feed = -1
        for answer in _answers(workers):
            chunk, found, problems, seen = pickle.loads(answer)
            if workspace.seen is not None:
                workspace.seen.merge(*seen)
            done.add(chunk)
            results.update(found)
            workspace.problems.extend(problem for problem in problems if problem not in workspace.problems)
            tell([(files[number], found.get(number)) for number in chunks[chunk]])
    finally:
        if feed >= 0:
            os.close(feed)
        os.close(tokens)
        _stop(workers)
    lost = [chunk for chunk in range(len(chunks)) if chunk not in done]
    for chunk in lost:
        first, count = files[chunks[chunk][0]], len(chunks[chunk])
        others = f" and {count - 1} more" if count > 1 else ""
        workspace.problems.append(f"{shown(first.path)}{others}: not checked: a process ended unexpectedly; try -j 1")
    return results


def _work(workspace: Workspace, files: Sequence[File], chunks: list[range], tokens: int, answers: int) -> NoReturn:
    """The life of a worker: it never returns, and leaves without the parent's clean-up."""
    import pickle

    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while True:
            token = os.read(tokens, _TOKEN)
            if len(token) < _TOKEN:
                break
            number = int.from_bytes(token, "little")
            found: dict[int, Outcome] = {}
            workspace.problems.clear()
            if workspace.seen is not None:
                workspace.seen.clear()
            for index in chunks[number]:
                outcome = workspace.check(files[index])
                if outcome is not None:
                    found[index] = outcome
                _sweep()
            seen = (workspace.seen.digests, workspace.seen.exists) if workspace.seen is not None else ({}, {})
            answer = (number, found, list(workspace.problems), seen)
            _send(answers, pickle.dumps(answer, pickle.HIGHEST_PROTOCOL))
        code = 0
    except BrokenPipeError:
        pass
    except BaseException as failure:
        sys.stderr.write(f"torchlint: {type(failure).__name__}: {failure}\n")
        sys.stderr.flush()
    finally:
        os._exit(code)


def _send(answers: int, data: bytes) -> None:
    view = memoryview(len(data).to_bytes(8, "little") + data)
    while view:
        view = view[os.write(answers, view) :]


def _answers(workers: Sequence[_Worker]) -> Iterator[bytes]:
    """Complete answers, from whichever worker has one."""
    import select

    buffers = {worker.output: bytearray() for worker in workers}
    while buffers:
        ready, _, _ = select.select(list(buffers), [], [])
        for output in ready:
            data = os.read(output, 1 << 16)
            buffer = buffers[output]
            if not data:
                del buffers[output]
                continue
            buffer += data
            while len(buffer) >= 8:
                end = 8 + int.from_bytes(buffer[:8], "little")
                if len(buffer) < end:
                    break
                yield bytes(buffer[8:end])
                del buffer[:end]


def _stop(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        os.close(worker.output)
        with contextlib.suppress(OSError):
            os.kill(worker.process, signal.SIGTERM)
        with contextlib.suppress(OSError):
            os.waitpid(worker.process, 0)
