"""Where the bytes of an image are: in a file of its own, under a key of an LMDB, or inside a tar.

An LMDB's image is written as the path of its data file, `#`, and the key: `lup/data.mdb#00_03_0012_00000007`; reading
it needs the extra `lmdb`. A tar's is `pool/00003.tar#1536+8123/000031234.jpg`, see `resight.data.shards.members`. Such
paths can stand wherever a manifest holds the path of an image.
"""

import os
import re
import threading
from pathlib import Path
from typing import Any

from resight._optional import require
from resight.data.shards.members import member_place, read_member

INSIDE_MARK = r"(?i)\.(?:mdb|lmdb|tar)(#)"  # where the name of an image inside a file begins
_DATA_FILE = re.compile(r"(?i)\.(?:mdb|lmdb)(#)")

# LMDB allows one environment per file and process, and none may be used across a fork. So the workers of a loader open
# their own: all are closed just before a fork, while nobody reads.
_environments: dict[tuple[int, int], Any] = {}
_lock = threading.Lock()


def read_image(path: str | os.PathLike[str]) -> bytes:
    """The encoded bytes of an image.

    Raises:
        OSError: if there is no such file or key (FileNotFoundError), or it cannot be read.
        MissingExtraError: for an image in an LMDB without the package `lmdb`.
    """
    return _read_inside(path) if is_inside(path) else Path(path).read_bytes()


def has_image(path: str) -> bool:
    """Whether there is such a file, such a key in the LMDB, or such a member of the tar."""
    if not is_inside(path):
        return os.path.isfile(path)  # noqa: PTH113 (five times as fast)
    try:
        return bool(_read_inside(path))
    except OSError:
        return False


def is_inside(path: str | os.PathLike[str]) -> bool:
    """Whether the image is no file of its own, but lies in an LMDB or a tar."""
    return "#" in os.fspath(path) and (lmdb_place(path) is not None or member_place(path) is not None)


def lmdb_place(path: str | os.PathLike[str]) -> tuple[str, str] | None:
    """(data file, key) of an image in an LMDB; None for any other path."""
    text = os.fspath(path)
    mark = _DATA_FILE.search(text)
    return None if mark is None else (text[: mark.start(1)], text[mark.end(1) :].replace("\\", "/"))


def lmdb_keys(data_file: Path) -> list[str]:
    """All keys of an LMDB, ascending, without those that hold facts about it (`__len__`, `__keys__`).

    Raises:
        OSError: if the file is missing or no LMDB.
    """
    with _lock, _transaction(str(data_file)) as transaction:
        keys = [bytes(key).decode("utf-8") for key in transaction.cursor().iternext(keys=True, values=False)]
    return [key for key in keys if not key.startswith("__")]


def _read_inside(path: str | os.PathLike[str]) -> bytes:
    entry, member = lmdb_place(path), member_place(path)
    if entry is not None:
        return _read_entry(*entry)
    if member is not None:
        return read_member(member)
    raise FileNotFoundError(f"{path} leads into no LMDB and no tar")


def _read_entry(data_file: str, key: str) -> bytes:
    with _lock, _transaction(data_file) as transaction:
        value = transaction.get(key.encode("utf-8"))
    if value is None:
        raise FileNotFoundError(f"the LMDB {data_file} has no key {key!r}")
    return bytes(value)


def _transaction(data_file: str) -> Any:
    """A read transaction; the caller holds the lock."""
    lmdb = require("lmdb", extra="lmdb")
    facts = os.stat(data_file)  # noqa: PTH116 (it runs for every image)
    file = (facts.st_dev, facts.st_ino)  # several paths may lead to one file
    if file not in _environments:
        try:
            _environments[file] = lmdb.open(data_file, subdir=False, readonly=True, lock=False, readahead=False)
        except lmdb.Error as error:
            raise OSError(f"{data_file} cannot be opened as an LMDB: {error}") from error
    return _environments[file].begin()


def _before_fork() -> None:
    _lock.acquire()
    while _environments:
        _environments.popitem()[1].close()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release)
