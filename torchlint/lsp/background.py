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

from torchlint.discovery import NOTEBOOK, files
from torchlint.engine import Outcome
from torchlint.lsp.session import Problem, problem_of
from torchlint.settings import SettingsError
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
    """Folders that are to be checked under the same settings."""

    overrides: Overrides
    folders: Sequence[str]


class Listed(NamedTuple):
    """How many files there are in all folders of a job."""

    files: int


class Found(NamedTuple):
    """The outcomes of some files, how many files more are done with them, and what a person has to be told."""

    files: int
    outcomes: Sequence[tuple[str, Outcome]]
    problems: Sequence[Problem] = ()


async def check(ls: Server) -> set[str]:
    """Check all files of the folders that want it, as they are on disk, and publish the findings in those that are not
    open; the paths of those that have to do with torch."""
    jobs = [Job(overrides, folders) for overrides, folders in ls.session.whole()]
    checked: set[str] = set()
    if not jobs:
        return checked
    await _begin(ls)
    done = count = 0
    problems: list[Problem] = []
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
            if isinstance(answer, Listed):
                count += answer.files
                continue
            if isinstance(answer, Found):
                problems += answer.problems
                for path, outcome in answer.outcomes:
                    checked.add(path)
                    result = await ls.run(ls.session.take_over, path, outcome)
                    if result is not None:
                        await ls.show_closed(result)
            done += answer.files if isinstance(answer, Found) else answer
            _report(ls, done, count)
        if await process.wait():
            ls.tell(f"checking the workspace ended after {done} of {count} files", types.MessageType.Error)
        ls.tell_problems(_TOKEN, problems)
    finally:
        if process.returncode is None:
            _end(process)
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
    """Check what standard input asks for; an answer is `Listed`, `Found`, or a number of files more that are done."""
    import gc

    gc.disable()
    output = sys.stdout.buffer
    sys.stdout = sys.stderr
    with contextlib.suppress(AttributeError, OSError):
        os.nice(_NICE)
    with contextlib.suppress(BrokenPipeError):
        for job in pickle.load(sys.stdin.buffer):
            try:
                for answer in _checked(job, output):
                    _send(output, answer)
            except SettingsError as wrong:
                _send(output, Found(0, (), (problem_of(wrong),)))
    os._exit(0)


def _checked(job: Job, output: IO[bytes]) -> Iterator[Listed | Found]:
    """What the command line finds in the folders of a job, by its means: what earlier runs found, several processes."""
    from torchlint.cache import Cache, directory_of
    from torchlint.cli.parallel import outcomes

    workspace = Workspace(job.overrides, job.folders)
    directory = directory_of()
    cache = Cache(workspace, directory) if directory is not None else None
    workspace.listed = list(files(workspace.checked, workspace.settings, lambda _: None, tree=workspace.tree))
    listed = [file for file in workspace.listed if not file.path.endswith(NOTEBOOK)]
    yield Listed(len(listed))
    known = cache.known(listed) if cache is not None else {}
    yield Found(len(known), [(_posix(listed[n].path), outcome) for n, outcome in known.items() if outcome is not None])
    rest = [file for number, file in enumerate(listed) if number not in known]
    for first in range(0, len(rest), _AT_ONCE):
        found: list[tuple[str, Outcome]] = []
        for file, outcome in outcomes(workspace, rest[first : first + _AT_ONCE], None, lambda n: _send(output, n)):
            if cache is not None:
                cache.add(file, outcome)
            if outcome is not None:
                found.append((_posix(file.path), outcome))
        yield Found(0, found)
    if cache is not None:
        cache.save()
    yield Found(0, (), [Problem(line) for line in dict.fromkeys(workspace.problems)])


def _posix(path: str) -> str:
    return path.replace(os.sep, "/")


def _send(output: IO[bytes], answer: object) -> None:
    data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
    output.write(len(data).to_bytes(8, "little") + data)
    output.flush()
