"""One process at a time in a folder."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from resight.errors import ResightError

if sys.platform != "win32":
    import fcntl

LOCK = ".lock"  # a file of the folder, there while somebody holds it


@contextmanager
def hold_folder(folder: Path, doing: str, error: type[ResightError]) -> Iterator[None]:
    """Keeps other processes out of a folder; a kill releases it. Windows has no such locks: all may enter.

    Args:
        folder: is made.
        doing: what keeps the others out, for the message: "training".
        error: what to raise.

    Raises:
        ResightError: of that kind, if another process holds the folder, or it is or lies under a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as cause:
        raise error(f"{folder} is or lies under a file, not a folder; choose another folder") from cause
    if sys.platform == "win32":
        yield
        return
    path = folder / LOCK
    try:
        file = _locked(path)
    except BlockingIOError as cause:
        raise error(
            f"another process is {doing} in {folder}; wait for it or end it, or choose another folder"
        ) from cause
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_UN)  # a worker that was forked meanwhile has the file open too
        file.close()


def _locked(path: Path) -> IO[bytes]:
    while True:
        file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise
        except OSError:  # a file system without locks
            return file
        if _is_at(path, file):
            return file
        file.close()  # its holder has just deleted it


def _is_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
