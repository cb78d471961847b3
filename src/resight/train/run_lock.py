"""One process at a time in the folder of a run."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from resight.errors import TrainingError

if sys.platform != "win32":
    import fcntl

LOCK = ".lock"


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a run's folder; a kill releases it. Windows has no such locks: all may enter.

    Args:
        folder: of the run; is made.

    Raises:
        TrainingError: if another process holds it, or it is a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise TrainingError(f"{folder} is or lies under a file, not a folder; choose another folder") from error
    if sys.platform == "win32":
        yield
        return
    path = folder / LOCK
    file = _locked(path)
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
        except BlockingIOError as error:
            file.close()
            raise TrainingError(
                f"another process is training in {path.parent}; wait for it or end it, or choose another folder"
            ) from error
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
