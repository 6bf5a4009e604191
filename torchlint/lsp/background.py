"""Checking a whole workspace while the editor is answered: in a process of its own, which is `worker`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from lsprotocol import types

from torchlint.lsp.session import Problem
from torchlint.lsp.worker import Answer, Job

if TYPE_CHECKING:
    from torchlint.lsp.core import Server

_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from torchlint.lsp.worker import main; main()"
)
_TOKEN = "torchlint-workspace"


async def check(ls: Server) -> set[str]:
    """Check all files of the folders that want it, as they are on disk, and publish the findings in those that are not
    open; the paths of those that have to do with torch."""
    jobs = [Job(overrides, folders) for overrides, folders in ls.session.whole()]
    if not jobs:
        return set()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-c", _START),  # not from the user's folder, whatever its modules are called
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(pickle.dumps(sys.path) + pickle.dumps(jobs))
        await _begin(ls)
        return await _published(ls, process)
    finally:
        if process.returncode is None:
            _end(process)


async def _published(ls: Server, process: asyncio.subprocess.Process) -> set[str]:
    """Publish what the process finds until it ends; the paths that it has found something out about."""
    checked: set[str] = set()
    problems: list[Problem] = []
    done = count = 0
    assert process.stdout is not None
    try:
        async for answer in _answers(process.stdout):
            for path, outcome in answer.outcomes:
                checked.add(path)
                await ls.show_closed(path, outcome)
            problems += answer.problems
            count += answer.listed
            done += answer.done
            _report(ls, done, count)
        if await process.wait():
            ls.tell(f"checking the workspace ended after {done} of {count} files", types.MessageType.Error)
        ls.tell_problems(_TOKEN, problems)
    finally:
        if ls.shows.progress:
            ls.work_done_progress.end(_TOKEN, types.WorkDoneProgressEnd(message=f"{count} files"))
    return checked


async def _begin(ls: Server) -> None:
    """Tell a client that shows progress of its beginning."""
    if ls.shows.progress:
        if _TOKEN not in ls.work_done_progress.tokens:
            await ls.work_done_progress.create_async(_TOKEN)
        ls.work_done_progress.begin(_TOKEN, types.WorkDoneProgressBegin(title="torchlint", percentage=0))


def _report(ls: Server, done: int, count: int) -> None:
    if ls.shows.progress and count:
        percent = min(100 * done // count, 100)
        message = f"{done} of {count} files"
        ls.work_done_progress.report(_TOKEN, types.WorkDoneProgressReport(message=message, percentage=percent))


def _end(process: asyncio.subprocess.Process) -> None:
    """End the process and those that it has started."""
    with contextlib.suppress(OSError, AttributeError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()  # one that has not got as far as having a group


async def _answers(stream: asyncio.StreamReader) -> AsyncIterator[Answer]:
    while True:
        try:
            size = int.from_bytes(await stream.readexactly(8), "little")
            yield pickle.loads(await stream.readexactly(size))
        except asyncio.IncompleteReadError:
            return
