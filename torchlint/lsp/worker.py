"""The process that checks a workspace beside the server, with the means of the command line; `background` starts it.

It takes what is to be checked from standard input, answers with pickled objects on standard output, and ends when
nobody reads them any more. Nothing of the protocol is imported here: that takes half as long as the check of hundreds
of files.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torchlint.cache import Cache, directory_of
from torchlint.cli.check import outcomes
from torchlint.cli.parallel import Done
from torchlint.discovery import NOTEBOOK, files
from torchlint.engine import Outcome
from torchlint.lsp.session import Problem, problem_of
from torchlint.settings import SettingsError
from torchlint.workspace import Overrides, Workspace

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


def main() -> None:
    """Check what standard input asks for."""
    import gc

    gc.disable()  # models free themselves
    output, sys.stdout = sys.stdout.buffer, sys.stderr
    with contextlib.suppress(AttributeError, OSError):
        os.setpgrp()  # no session of its own: niceness counts only within one
        os.nice(_NICE)

    def send(answer: Answer) -> None:
        data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        output.write(len(data).to_bytes(8, "little") + data)
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
