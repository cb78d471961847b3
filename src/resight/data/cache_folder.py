"""A folder of files that may be lost at any time, whose sizes together stay below a limit."""

import contextlib
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resight.files import whole_file

if sys.platform != "win32":
    import fcntl

_logger = logging.getLogger(__name__)


class CacheFolder:
    """Hands out files of a given length, and deletes those that were not used for longest to make room.

    A file that a process has open (`hold`) is never deleted. What a file system cannot lock is deleted all the same,
    which its users survive: they have it open.

    Args:
        folder: is made; None: `$RESIGHT_CACHE`, or `resight` in the user's cache folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or default_folder()
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def reserve(self, name: str, size: int, limit: float) -> Iterator[Path | None]:
        """A file of that length: the one that is there, or a new one of zeros that takes space as it is written.

        Until the block ends no other process makes or deletes files, so that it can be held.

        Args:
            name: of the file.
            size: in bytes.
            limit: bytes that all files of the folder with the same suffix may have together.

        Yields:
            Its path; None where there is no room for it, and a log line says why.
        """
        path = self.folder / name
        with self._alone():
            if path.is_file() and path.stat().st_size == size:
                os.utime(path)
                yield path
                return
            taken = self._make_room(path, limit - size)
            free = shutil.disk_usage(self.folder).free
            if taken + size > limit or free < size:
                _logger.warning(
                    "%s has no room for %d bytes: %d of %d are in use, and the disk has %d left",
                    *(self.folder, size, taken, limit, free),
                )
                yield None
                return
            with whole_file(path) as temporary:
                os.truncate(temporary, size)
            yield path

    def _make_room(self, keep: Path, limit: float) -> int:
        """Deletes the oldest files until the rest is below the limit; returns what the rest takes, in bytes."""
        files = [(path.stat(), path) for path in self.folder.glob(f"*{keep.suffix}") if path != keep]
        taken = sum(facts.st_size for facts, _ in files)
        for facts, path in sorted(files, key=lambda file: file[0].st_mtime):
            if taken > limit and _delete(path):
                _logger.info("deleted %s, which was not used for longest", path)
                taken -= facts.st_size
        return taken

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps other processes from making and deleting files meanwhile; a kill lets them in."""
        with (self.folder / ".lock").open("ab") as file:
            if sys.platform != "win32":
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(file, fcntl.LOCK_EX)
            yield


def default_folder() -> Path:
    """`$RESIGHT_CACHE`, or `resight` in the user's cache folder."""
    given = os.environ.get("RESIGHT_CACHE")
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "resight"


def hold(path: Path) -> int:
    """A descriptor of the file, for reading and writing; while it is open, `CacheFolder` does not delete the file.

    Raises:
        OSError: if it is not there.
    """
    file = os.open(path, os.O_RDWR)
    if sys.platform != "win32":
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return file


def _delete(path: Path) -> bool:
    """Whether it could be deleted: nobody has it open."""
    try:
        with path.open("rb") as file:
            if sys.platform != "win32":
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()
    except OSError:
        return False
    return True
