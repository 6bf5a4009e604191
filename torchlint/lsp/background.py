"""Checking a whole workspace while the editor is answered: in a process of its own, with the command line's means.

The process takes what is to be checked from standard input, answers with pickled objects on standard output, and ends
with its parent's interest in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from lsprotocol import types

from torchlint.discovery import File
from torchlint.engine import Outcome
from torchlint.workspace import Overrides, Workspace

if TYPE_CHECKING:
    from torchlint.lsp.core import Server

_AT_ONCE = 400  # files that one round of processes checks before its findings are shown
_NICE = 5  # edits go first
_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from torchlint.lsp.background import main; main()"
)
_TOKEN = "torchlint-workspace"


class Job(NamedTuple):
    """Files that are to be checked under the same settings."""

    overrides: Overrides
    folders: Sequence[str]
    files: Sequence[File]
    unsaved: dict[str, bytes]


async def check(ls: Server) -> None:
    """Check all files of the folders that want it, and publish the findings in those that are not open."""
    jobs = await ls.run(_jobs, ls)
    count = sum(len(job.files) for job in jobs)
    if not count:
        return
    progress = await _begin(ls, count)
    done = 0
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", _START),  # not from the user's folder, whatever its modules are called
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(pickle.dumps(sys.path) + pickle.dumps(jobs))
        await process.stdin.drain()
        async for answer in _answers(process.stdout):
            if isinstance(answer, int):
                done += answer
                if progress:
                    percent = int(100 * done / count)
                    ls.work_done_progress.report(
                        _TOKEN, types.WorkDoneProgressReport(message=f"{done} of {count} files", percentage=percent)
                    )
                continue
            for path, outcome in answer:
                result = await ls.run(ls.session.take_over, path, outcome)
                if result is not None:
                    await ls.show_closed(result)
    finally:
        if process.returncode is None:
            _end(process)
        if progress:
            ls.work_done_progress.end(_TOKEN, types.WorkDoneProgressEnd(message=f"{done} files"))
    if await process.wait() and done < count:
        ls.tell(f"checking the workspace ended after {done} of {count} files", types.MessageType.Error)


def _jobs(ls: Server) -> list[Job]:
    session = ls.session
    return [Job(overrides, session.folders, files, dict(session.unsaved)) for overrides, files in session.files()]


async def _begin(ls: Server, count: int) -> bool:
    """Whether the client shows progress, and has been told of its beginning."""
    if not ls.shows.progress:
        return False
    if _TOKEN not in ls.work_done_progress.tokens:
        await ls.work_done_progress.create_async(_TOKEN)
    ls.work_done_progress.begin(
        _TOKEN, types.WorkDoneProgressBegin(title="torchlint", message=f"{count} files", percentage=0)
    )
    return True


def _end(process: asyncio.subprocess.Process) -> None:
    """End the process and those that it has started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


async def _answers(stream: asyncio.StreamReader) -> Any:
    while True:
        try:
            size = int.from_bytes(await stream.readexactly(8), "little")
            yield pickle.loads(await stream.readexactly(size))
        except asyncio.IncompleteReadError:
            return


# in the other process


def main() -> None:
    """Check what standard input asks for; every answer is a number of files or a list of paths with outcomes."""
    import gc

    gc.disable()
    output = sys.stdout.buffer
    sys.stdout = sys.stderr
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICE)
    with contextlib.suppress(BrokenPipeError):
        for job in pickle.load(sys.stdin.buffer):
            for answer in _checked(job, output):
                _send(output, answer)
    os._exit(0)


def _checked(job: Job, output: IO[bytes]) -> Iterator[list[tuple[str, Outcome]]]:
    from torchlint.cli.parallel import outcomes

    workspace = Workspace(job.overrides, job.folders, job.unsaved)
    for first in range(0, len(job.files), _AT_ONCE):
        files = job.files[first : first + _AT_ONCE]
        found = outcomes(workspace, files, None, lambda count: _send(output, count))
        yield [(file.path.replace(os.sep, "/"), outcome) for file, outcome in found if outcome is not None]


def _send(output: IO[bytes], answer: object) -> None:
    data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    output.write(len(data).to_bytes(8, "little") + data)
    output.flush()
