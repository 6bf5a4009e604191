"""The process that checks a workspace beside the server, with the means of the command line; `background` has it run.

It takes what is to be checked from standard input, answers with pickled objects on standard output, and ends when
nobody reads them any more. Nothing of the protocol is imported here: that takes half as long as the check of hundreds
of files.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from torchlint.engine import Outcome
from torchlint.lsp.session import Problem, Session, problem_of
from torchlint.settings import SettingsError
from torchlint.workspace import Overrides, Workspace

if TYPE_CHECKING:
    from subprocess import Popen

    from torchlint.cli.parallel import Done

_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from torchlint.lsp.worker import main; main()"
)
_NICE = 10  # edits go first


class Job(NamedTuple):
    """Folders that are to be checked under the same settings."""

    overrides: Overrides
    folders: Sequence[str]


class Answer(NamedTuple):
    """How many files more there are, how many more are done, the outcomes of those of them that have to do with torch,
    and what a person has to be told."""

    listed: int = 0
    done: int = 0
    outcomes: Sequence[tuple[str, Outcome]] = ()
    problems: Sequence[Problem] = ()


def jobs(session: Session) -> list[Job]:
    """What is to be checked in a session."""
    return [Job(overrides, folders) for overrides, folders in session.whole()]


def start(jobs: Sequence[Job]) -> Popen[bytes]:
    """A process that does some jobs."""
    from subprocess import DEVNULL, PIPE, Popen

    process = Popen(
        [sys.executable, "-I", "-c", _START],  # not from the user's folder, whatever its modules are called
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError), process.stdin as said:
        said.write(pickle.dumps(sys.path) + pickle.dumps(list(jobs)))
    return process


def end(process: Popen[bytes]) -> None:
    """End a process, if it is still there, and those that it has started."""
    if process.poll() is None:
        with contextlib.suppress(OSError, AttributeError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()  # one that has not got as far as having a group
        process.wait()


# in the other process


def main() -> None:
    """Do what standard input asks for."""
    import gc

    gc.disable()  # models free themselves
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    with contextlib.suppress(AttributeError, OSError):
        os.setpgrp()  # no session of its own: niceness counts only within one
        os.nice(_NICE)

    def send(answer: Answer) -> None:
        pickle.dump(answer, output, pickle.HIGHEST_PROTOCOL)
        output.flush()

    with contextlib.suppress(BrokenPipeError):
        for job in pickle.load(sys.stdin.buffer):
            try:
                _check(job, send)
            except SettingsError as wrong:
                send(Answer(problems=[problem_of(wrong)]))
    os._exit(0)


def _check(job: Job, send: Callable[[Answer], None]) -> None:
    """Send what the command line finds in the folders of a job."""
    from torchlint.cache import Cache, directory_of
    from torchlint.cli.check import outcomes
    from torchlint.discovery import NOTEBOOK, files

    workspace = Workspace(job.overrides, job.folders)
    directory = directory_of()
    cache = Cache(workspace, directory) if directory is not None else None
    workspace.listed = list(files(workspace.checked, workspace.settings, lambda _: None, tree=workspace.tree))
    listed = [file for file in workspace.listed if not file.path.endswith(NOTEBOOK)]
    send(Answer(listed=len(listed)))

    def tell(done: Done) -> None:
        found = [(file.path.replace(os.sep, "/"), outcome) for file, outcome in done if outcome is not None]
        send(Answer(done=len(done), outcomes=found))

    for _ in outcomes(workspace, listed, None, tell, cache, job.folders[0]):
        pass
    send(Answer(problems=[Problem(line) for line in dict.fromkeys(workspace.problems)]))
