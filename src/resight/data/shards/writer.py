"""One shard: its rows are read, written to a tar, and what came of it is kept beside until the set is complete."""

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from resight.data.shards.layout import ENTRY, UNFINISHED, Shard
from resight.data.shards.members import BLOCK, end_of_tar, member_bytes
from resight.data.shards.plan import Plan
from resight.data.shards.source import packed_image
from resight.errors import DataError
from resight.files import whole_file


@dataclass(frozen=True)
class Part:
    """A finished shard.

    Attributes:
        name: of the tar.
        bytes: of the tar; 0 if there is none, since not one image could be read.
        sha256: of the tar.
        rows: (n,) rows of the manifest that are in it.
        names: (n,) of the members.
        entries: (n,) `ENTRY`.
        skipped: (m,) rows whose image could not be read.
        reasons: (m,) why.
    """

    name: str
    bytes: int
    sha256: str
    rows: npt.NDArray[np.int64]
    names: npt.NDArray[np.str_]
    entries: npt.NDArray[np.void]
    skipped: npt.NDArray[np.int64]
    reasons: npt.NDArray[np.str_]

    @property
    def shard(self) -> Shard:
        """What the description of the set says of it."""
        return Shard(self.name, len(self.rows), self.bytes, self.sha256)


def write_shard(folder: Path, plan: Plan, number: int, on_row: Callable[[], None]) -> Part:
    """Write a shard and its `Part`; both appear whole or not at all.

    Args:
        folder: of the set.
        plan: what to pack.
        number: of the shard.
        on_row: called after each row; what it raises ends the writing.

    Raises:
        OSError: if the disk is full or cannot be written.
    """
    name = plan.shard_name(number)
    rows, names, entries, skipped = [], [], [], {}
    digest, size = hashlib.sha256(), 0
    with whole_file(folder / name) as temporary, temporary.open("wb", buffering=1 << 20) as file:

        def write(data: bytes) -> None:
            nonlocal size
            digest.update(data)
            size += file.write(data)

        for row in plan.rows(number):
            try:
                data, kind = packed_image(plan.manifest.image_path(row), plan.manifest.box(row))
            except DataError as error:
                skipped[row] = str(error)
            else:
                rows.append(row)
                names.append(f"{plan.key(row)}.{kind}")
                entries.append((size // BLOCK + 1, len(data), zlib.crc32(data)))
                write(member_bytes(names[-1], data))
            on_row()
        write(end_of_tar(size))
    if not rows:
        (folder / name).unlink()
    part = Part(
        name=name,
        bytes=size if rows else 0,
        sha256=digest.hexdigest(),
        rows=np.array(rows, dtype=np.int64),
        names=np.array(names, dtype=np.str_),
        entries=np.array(entries, dtype=ENTRY),
        skipped=np.array(list(skipped), dtype=np.int64),
        reasons=np.array(list(skipped.values()), dtype=np.str_),
    )
    _save(part, folder)
    return part


def finished_part(folder: Path, plan: Plan, number: int) -> Part | None:
    """What an earlier run left of a shard; None if it has to be written (again)."""
    name = plan.shard_name(number)
    try:
        with np.load(_place(folder, name), allow_pickle=False) as stored:
            fields = {key: stored[key] for key in stored.files}
        part = Part(**{key: value.item() if value.ndim == 0 else value for key, value in fields.items()})
        return part if len(part.rows) and (folder / name).stat().st_size == part.bytes else None
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return None


def _save(part: Part, folder: Path) -> None:
    with whole_file(_place(folder, part.name)) as temporary, temporary.open("wb") as file:
        np.savez(file, **asdict(part))


def _place(folder: Path, name: str) -> Path:
    return folder / UNFINISHED / f"{name}.npz"
