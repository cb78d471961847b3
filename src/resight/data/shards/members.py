"""Images inside tar files: how one is written, where it is, and its bytes.

The path of such an image says where its bytes are: `pool/00003.tar#1536+8123/000031234.jpg` is the tar, `#`, the first
byte and the number of bytes, and the name of the member. It can stand wherever a manifest holds the path of an image.
"""

import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from resight.errors import DataError

BLOCK = tarfile.BLOCKSIZE  # 512 bytes: a header is one, and the data fill up whole ones
_MEMBER = re.compile(r"(?i)(.*\.tar)#(\d+)\+(\d+)[/\\](.+)", re.DOTALL)
_LONGEST_NAME = 100  # bytes that a plain header has for it


class Member(NamedTuple):
    """A file in a tar: the tar's path, the member's name, the place of its first byte, and its bytes' number."""

    tar: str
    name: str
    offset: int
    size: int

    @property
    def path(self) -> str:
        """The path of the image."""
        return f"{self.tar}#{self.offset}+{self.size}/{self.name}"


def member_place(path: str | os.PathLike[str]) -> Member | None:
    """Where the image of that path is; None for a path that leads into no tar."""
    text = os.fspath(path)
    found = _MEMBER.fullmatch(text) if "#" in text else None
    return None if found is None else Member(found[1], found[4].replace("\\", "/"), int(found[2]), int(found[3]))


def member_bytes(name: str, data: bytes) -> bytes:
    """Header, data and padding, as they stand in the tar. The same for the same data: it holds no time and no owner.

    Raises:
        ValueError: if the name is longer than 100 bytes of UTF-8, and has no slash at which it can be parted.
    """
    info = tarfile.TarInfo(name)
    info.size = len(data)
    return info.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % BLOCK)


def end_of_tar(size: int) -> bytes:
    """What has to follow the members, which fill `size` bytes."""
    return bytes(2 * BLOCK + -(size + 2 * BLOCK) % tarfile.RECORDSIZE)


def read_member(member: Member) -> bytes:
    """The bytes of the member.

    Raises:
        OSError: if there is no such tar (FileNotFoundError), it is cut short, or another member stands at that place.
    """
    with open(member.tar, "rb", buffering=0) as file:  # noqa: PTH123 (it runs for every image)
        file.seek(max(member.offset - BLOCK, 0))
        found = file.read(BLOCK + member.size)
    if len(found) < BLOCK + member.size:
        raise OSError(f"{member.tar} is cut short: it ends before the end of {member.name!r}; copy it again")
    name, size = _name_and_size(found[:BLOCK])
    # In a tar of someone else a long name, or one that is not ASCII, stands before the header, which has a piece of it.
    is_whole = member.name.isascii() and len(member.name) <= _LONGEST_NAME
    if size != member.size or not name or (is_whole and name != member.name):
        raise OSError(
            f"{member.tar} does not hold {member.name!r} at byte {member.offset}; the manifest belongs to another tar: "
            "make it again"
        )
    return found[BLOCK:]


def name_at(header: bytes) -> str:
    """The name in a member's header of 512 bytes; empty if it is none."""
    return _name_and_size(header)[0]


def walk_tar(path: Path) -> Iterator[Member]:
    """The files in a tar, in order.

    Raises:
        DataError: if it is no tar, compressed, or cut short.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            for info in tar:
                if info.isreg():
                    yield Member(str(path), info.name.removeprefix("./"), info.offset_data, info.size)
                tar.members = []  # type: ignore[attr-defined]  # else it would keep all of them
    except (tarfile.TarError, EOFError, ValueError) as error:
        advice = "copy it again if it was cut short, unpack it if it is compressed"
        raise DataError(f"{path} cannot be read as a tar: {error}; {advice}") from error


def _name_and_size(header: bytes) -> tuple[str, int]:
    """Both of a header; an empty name if it is none. Far quicker than `tarfile`."""
    try:
        name = header[:_LONGEST_NAME].rstrip(b"\0").decode(errors="replace")
        prefix = header[345:500].rstrip(b"\0").decode(errors="replace") if header[257:263] == b"ustar\0" else ""
        size = int(header[124:136].strip(b"\0 "), 8)
    except ValueError:
        return "", 0
    return (f"{prefix}/{name}" if prefix else name).removeprefix("./"), size
