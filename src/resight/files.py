"""Files that are either whole or not there, and one process at a time in a folder."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place beside `path` to write to, moved to `path` in one step when the block ends without an error.

    A kill, a full disk or a power cut leaves what was there before. What a kill leaves beside it is written over the
    next time.

        with whole_file(path) as temporary:
            temporary.write_text(text)

    Args:
        path: of the file; its folder is made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.touch()
    mode = temporary.stat().st_mode  # as the umask has it; some writers (safetensors) make a file for one user only
    try:
        yield temporary
        if temporary.stat().st_mode != mode:
            temporary.chmod(mode)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file, which is read once from start to end."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def held_lock(path: Path) -> Iterator[None]:
    """Keeps other processes from holding the same lock; a kill releases it. Windows has no such locks: all may enter.

    Args:
        path: of a file that is made, and deleted in the end; its folder exists.

    Raises:
        BlockingIOError: if another process holds it.
    """
    if sys.platform == "win32":
        yield
        return
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
