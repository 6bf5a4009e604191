"""Checking a whole workspace while the editor is answered: what the other process finds is published here."""

from __future__ import annotations

import asyncio
import pickle
from subprocess import Popen
from typing import TYPE_CHECKING

from lsprotocol import types

from torchlint.lsp import worker
from torchlint.lsp.session import Problem

if TYPE_CHECKING:
    from torchlint.lsp.core import Server

_TOKEN = "torchlint-workspace"


async def check(ls: Server) -> set[str]:
    """Check all files of the folders that want it, as they are on disk, and publish the findings in those that are not
    open; the paths of those that have to do with torch."""
    jobs = worker.jobs(ls.session)
    begun, ls.begun = ls.begun, None
    if begun is not None and begun.jobs != jobs:
        worker.end(begun.process)
        begun = None
    if not jobs:
        return set()
    process = begun.process if begun is not None else worker.start(jobs)
    try:
        await _begin(ls)
        return await _published(ls, process)
    finally:
        worker.end(process)


async def _begin(ls: Server) -> None:
    """Tell a client that shows progress of the beginning."""
    if ls.shows.progress:
        if _TOKEN not in ls.work_done_progress.tokens:
            await ls.work_done_progress.create_async(_TOKEN)
        ls.work_done_progress.begin(_TOKEN, types.WorkDoneProgressBegin(title="torchlint", percentage=0))


async def _published(ls: Server, process: Popen[bytes]) -> set[str]:
    """Publish what the process finds until it ends; the paths that it has found something out about."""
    checked: set[str] = set()
    problems: list[Problem] = []
    done = count = 0
    try:
        while (answer := await asyncio.to_thread(_next, process)) is not None:
            for path, outcome in answer.outcomes:
                checked.add(path)
                await ls.show_closed(path, outcome)
            problems += answer.problems
            count += answer.listed
            done += answer.done
            if ls.shows.progress and count:
                percent, message = min(100 * done // count, 100), f"{done} of {count} files"
                ls.work_done_progress.report(_TOKEN, types.WorkDoneProgressReport(message=message, percentage=percent))
        if await asyncio.to_thread(process.wait):
            ls.tell(f"checking the workspace ended after {done} of {count} files", types.MessageType.Error)
        ls.tell_problems(_TOKEN, problems)
    finally:
        if ls.shows.progress:
            ls.work_done_progress.end(_TOKEN, types.WorkDoneProgressEnd(message=f"{count} files"))
    return checked


def _next(process: Popen[bytes]) -> worker.Answer | None:
    """What the process says next; `None` when it has ended."""
    assert process.stdout is not None
    try:
        answer: worker.Answer = pickle.load(process.stdout)
    except (EOFError, pickle.UnpicklingError):
        return None
    return answer
