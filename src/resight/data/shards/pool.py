"""A set of shards as a pool."""

import contextlib
import logging
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.data.manifest import Manifest
from resight.data.pool_source import Pool
from resight.data.shards.layout import ENTRY, INDEX, ROWS, Shard, ShardSet
from resight.data.shards.members import BLOCK, name_at
from resight.data.shards.open_files import OpenFiles
from resight.errors import DataError

_logger = logging.getLogger(__name__)


class ShardPool(Pool):
    """The images of a set of shards.

    In memory is one entry for each tar. Where an image is stands in the index, 12 bytes for each, which is mapped: all
    processes of a machine share it. A tar that is missing or cut short is named in a warning; the images that cannot be
    read raise `DataError`, the others can be used.

    Args:
        folder: of a complete set.

    Raises:
        DataError: if there is no complete set, its index is damaged, or not one tar is whole.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).expanduser()
        self.shards = ShardSet.read(self.folder)
        self._index = read_index(self.folder, self.shards)
        self._ends = list(accumulate(shard.rows for shard in self.shards.shards))
        self._files = OpenFiles()
        self._missing = {shard.name for shard in self.shards.shards if self._looked_at(shard) == 0}
        if len(self._missing) == len(self.shards.shards):
            raise DataError(f"{self.folder}: not one of its {len(self._missing):,} shards is there; copy them again")

    def __len__(self) -> int:
        return self.shards.rows

    def __reduce__(self) -> tuple[Any, ...]:
        return ShardPool, (self.folder,)

    def __repr__(self) -> str:
        return f"ShardPool({len(self):,} images in {len(self.shards.shards):,} shards, {self.folder})"

    def key(self, row: int) -> str:
        shard, block, _, _ = self._place(row)
        name = name_at(self._bytes(shard, (block - 1) * BLOCK, BLOCK))
        if not name:
            raise DataError(f"{self.folder / shard.name}: row {row} has a damaged header; copy the shard again")
        return name.rpartition(".")[0]

    def read(self, row: int) -> bytes:
        shard, block, size, crc = self._place(row)
        path, data = self.folder / shard.name, self._bytes(shard, block * BLOCK, size)
        hint = f"copy the shard again (resight data shard {self.folder} --check looks at all)"
        if len(data) < size:  # one message for all of its rows, so that a log names it once
            raise DataError(f"{path} is cut short: images at its end cannot be read; {hint}")
        if zlib.crc32(data) != crc:
            raise DataError(f"{path}: the image of row {row} is damaged: its checksum is wrong; {hint}")
        return data

    def announce(self, rows: Sequence[int]) -> None:
        for row in rows:
            shard, block, size, _ = self._place(row)
            with contextlib.suppress(OSError):  # reading says what is wrong
                self._files.announce(self.folder / shard.name, block * BLOCK, size)

    def manifest(self) -> Manifest:
        return Manifest.read(self.folder / ROWS)

    def _place(self, row: int) -> tuple[Shard, int, int, int]:
        """(shard, first block, bytes, CRC-32) of an image."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a pool of {len(self):,} images")
        return self.shards.shards[bisect_right(self._ends, row)], *self._index[row].item()

    def _bytes(self, shard: Shard, offset: int, size: int) -> bytes:
        path = self.folder / shard.name
        try:
            if shard.name in self._missing:
                raise FileNotFoundError("there is no such file")
            return self._files.read(path, offset, size)
        except OSError as error:  # one message for all of its rows, so that a log names it once
            raise DataError(f"{path}: none of its {shard.rows:,} images can be read: {error}; copy it again") from error

    def _looked_at(self, shard: Shard) -> int:
        """Length of the tar, 0 if there is none; warns if it is not the one written."""
        path = self.folder / shard.name
        try:
            size = path.stat().st_size
        except OSError as error:
            _logger.warning("%s: %s; its %s images are left out", path, error.strerror, f"{shard.rows:,}")
            return 0
        if size != shard.bytes:
            _logger.warning(
                "%s has %s bytes, expected %s; images that are not whole are left out",
                path,
                f"{size:,}",
                f"{shard.bytes:,}",
            )
        return size


def read_index(folder: Path, shards: ShardSet) -> npt.NDArray[np.void]:
    """The index of a set, (N,) `ENTRY`, mapped.

    Raises:
        DataError: if it is missing, damaged, or not that of the set.
    """
    path = folder / INDEX
    try:
        index: npt.NDArray[np.void] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is missing or damaged: {error}; copy it again, or pack the set anew") from error
    if index.dtype != ENTRY or index.shape != (shards.rows,):
        raise DataError(f"{path}: expected an index of {shards.rows:,} images, came {index.dtype} {index.shape}")
    return index
