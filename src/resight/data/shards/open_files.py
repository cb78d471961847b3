"""Tars that are open for reading at any place, by many threads and worker processes at once."""

import os
import threading
from collections import OrderedDict
from pathlib import Path

_MOST_OPEN = 256  # files that a process may have open are 1,024 on many systems


class _OpenFile:
    """Closed when nobody uses it any more."""

    def __init__(self, path: Path) -> None:
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        self._lock = threading.Lock()

    def read(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):  # needs no position, which threads and forked processes would share
            return os.pread(self.number, size, offset)
        with self._lock:  # Windows
            os.lseek(self.number, offset, os.SEEK_SET)
            return os.read(self.number, size)

    def __del__(self) -> None:
        if hasattr(self, "number"):
            os.close(self.number)


class OpenFiles:
    """The files that were used last stay open, up to 256 of them.

    Safe in threads, and after a fork: nothing depends on a position in a file.
    """

    def __init__(self) -> None:
        self._files: OrderedDict[Path, _OpenFile] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, path: Path, offset: int, size: int) -> bytes:
        """`size` bytes from `offset` on; fewer where the file ends before.

        Raises:
            OSError: if the file is missing or cannot be read.
        """
        return self._file(path).read(offset, size)

    def announce(self, path: Path, offset: int, size: int) -> None:
        """Have the system fetch these bytes soon, where it can; returns at once."""
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._file(path).number, offset, size, os.POSIX_FADV_WILLNEED)

    def _file(self, path: Path) -> _OpenFile:
        with self._lock:
            file = self._files.get(path)
            if file is None:
                file = self._files[path] = _OpenFile(path)
                if len(self._files) > _MOST_OPEN:
                    self._files.popitem(last=False)  # a thread that reads from it keeps it until then
            else:
                self._files.move_to_end(path)
            return file
