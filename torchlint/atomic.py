"""Replacing a file at once: whoever reads it sees the old or the new content, also after a crash."""

from __future__ import annotations

import contextlib
import os


def write(path: str, data: bytes, *, durable: bool = True) -> None:
    """Replace or make a file. Links are followed, the mode of an existing file is kept.

    `durable` waits for the disk, so that the content also outlives a loss of power.

    Raises:
        OSError: if the directory or the file cannot be written; the old file is untouched then.
    """
    target = os.path.realpath(path)
    beside = f"{target}.torchlint-{os.getpid()}"
    _clear(target)
    try:
        with open(beside, "xb") as file:
            with contextlib.suppress(FileNotFoundError):
                os.chmod(beside, os.stat(target).st_mode & 0o7777)
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _clear(target: str) -> None:
    """Take away what processes that were killed while they wrote this file have left beside it."""
    directory, name = os.path.split(target)
    with contextlib.suppress(OSError):
        for other in os.listdir(directory):
            number = other.removeprefix(f"{name}.torchlint-")
            if other != number and number.isdigit() and not _is_alive(int(number)):
                os.unlink(os.path.join(directory, other))


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return False  # a process of the past with our number
    if os.name != "posix":
        return True  # there, asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
