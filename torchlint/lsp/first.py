"""What a client says first, looked at before the library of the protocol is loaded.

Loading it takes as long as the check of hundreds of files. Where the client asks for its whole workspace, that check
begins meanwhile, in its own process; it goes on if the client's settings turn out to be what they seemed to be.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from subprocess import Popen
from typing import Any, BinaryIO, NamedTuple

from pygls.uris import to_fs_path

from torchlint.lsp import worker
from torchlint.lsp.options import given, scoped
from torchlint.lsp.session import Session, on_disk


class Begun(NamedTuple):
    """A process, and the jobs that it does."""

    jobs: Sequence[worker.Job]
    process: Popen[bytes]


class Input:
    """A stream of messages of which the first is known; it is read like any other all the same."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        head, length = b"", 0
        for line in iter(stream.readline, b""):
            head += line
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length" and value.strip().isdigit():
                length = int(value)
            if not line.strip():
                break
        self.first = stream.read(length)
        self._again = io.BytesIO(head + self.first)

    def readline(self) -> bytes:
        """The next line, with its end; empty at the end."""
        return self._again.readline() or self._stream.readline()

    def read(self, size: int) -> bytes:
        """So many bytes more, fewer at the end."""
        return self._again.read(size) or self._stream.read(size)


def begin(message: bytes) -> Begun | None:
    """Begin what a first message asks to be checked, if it does."""
    try:
        said = json.loads(message)["params"]
        uris = [folder["uri"] for folder in said.get("workspaceFolders") or [{"uri": said["rootUri"]}]]
        settings = given(said["initializationOptions"])
        if isinstance(settings, dict) and len(uris) > 1:
            return None  # what holds for each folder is asked first
        session = Session([on_disk(path) for uri in uris if (path := _path(uri))], scoped(settings, _path))
        jobs = worker.jobs(session)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    return Begun(jobs, worker.start(jobs)) if jobs else None


def _path(uri: Any) -> str:
    return (to_fs_path(uri) or "").replace(os.sep, "/")
