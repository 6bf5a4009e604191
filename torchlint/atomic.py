"""Replacing a file at once: whoever reads it sees the old or the new content, also after a crash."""

from __future__ import annotations

import contextlib
import os


def write(path: str, data: bytes) -> None:
    """Replace or make a file. Links are followed, the mode of an existing file is kept.

    Raises:
        OSError: if the directory or the file cannot be written; the old file is untouched then.
    """
    target = os.path.realpath(path)
    beside = f"{target}.torchlint-{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(beside)  # of a killed process that had our number
    try:
        with open(beside, "xb") as file:
            with contextlib.suppress(FileNotFoundError):
                os.chmod(beside, os.stat(target).st_mode & 0o7777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
