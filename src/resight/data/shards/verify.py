"""A look at a set of shards: is every tar there, and as it was written?"""

import os
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from resight.data.finding import Finding
from resight.data.manifest import Manifest
from resight.data.shards.layout import INDEX, ROWS, Shard, ShardSet
from resight.data.shards.members import BLOCK
from resight.data.shards.plan import KEY
from resight.data.shards.pool import read_index
from resight.data.validation import Progress
from resight.errors import DataError
from resight.files import file_sha256

_SHOWN = 5


def verify(
    folder: str | Path, *, workers: int | None = None, progress: Progress | None = None
) -> tuple[ShardSet, list[Finding]]:
    """The set, and everything about it that is not as it was packed; no finding if all is well.

    Every byte is read. Where a tar has another checksum than it had, its images are checked one by one.

    Args:
        folder: of a complete set.
        workers: threads; one for each processor if None.
        progress: called with (shards looked at, their number).

    Raises:
        DataError: if there is no complete set.
    """
    folder = Path(folder).expanduser()
    shards = ShardSet.read(folder)
    findings = list(_tables(folder, shards))
    index = None if any(finding.check == "index" for finding in findings) else read_index(folder, shards)
    first = [0, *np.cumsum([shard.rows for shard in shards.shards]).tolist()]

    def look(number: int) -> list[Finding]:
        entries = None if index is None else index[first[number] : first[number + 1]]
        return list(_shard(folder, shards.shards[number], first[number], entries))

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for done, found in enumerate(pool.map(look, range(len(shards.shards))), start=1):
            findings += found
            if progress:
                progress(done, len(shards.shards))
    known = {shard.name for shard in shards.shards}
    strange = sorted(path.name for path in folder.glob("*.tar") if path.name not in known)
    if strange:
        message = "tars do not belong to the set; move them away"
        findings.append(Finding("strange_tar", "warning", message, len(strange), tuple(strange[:_SHOWN])))
    return shards, findings


def _tables(folder: Path, shards: ShardSet) -> Iterator[Finding]:
    """The index and the manifest beside the tars."""
    try:
        read_index(folder, shards)
        if _is_changed(folder, shards, INDEX):
            yield Finding("index", "error", "damaged index (other bytes than were written); copy it again", 1, (INDEX,))
    except DataError as error:
        yield Finding("index", "error", f"damaged index: {error}", 1, (INDEX,))
    try:
        manifest = Manifest.read(folder / ROWS)
    except DataError as error:
        yield Finding("rows", "error", f"damaged manifest: {error}", 1, (ROWS,))
        return
    keys = pc.count_distinct(manifest.table.column(KEY)).as_py() if KEY in manifest.table.column_names else 0
    if len(manifest) != shards.rows or keys != shards.rows:
        message = f"manifest with {len(manifest):,} rows and {keys:,} keys, expected {shards.rows:,}; copy it again"
        yield Finding("rows", "error", message, 1, (ROWS,))
    elif _is_changed(folder, shards, ROWS):
        message = "manifest with other bytes than were written; if nobody changed it, copy it again"
        yield Finding("rows", "warning", message, 1, (ROWS,))


def _is_changed(folder: Path, shards: ShardSet, name: str) -> bool:
    return name in shards.tables and file_sha256(folder / name) != shards.tables[name]


def _shard(folder: Path, shard: Shard, first: int, entries: npt.NDArray[np.void] | None) -> Iterator[Finding]:
    path = folder / shard.name
    try:
        size = path.stat().st_size
        sound = size == shard.bytes and file_sha256(path) == shard.sha256
    except OSError as error:
        reason = "missing" if isinstance(error, FileNotFoundError) else f"unreadable ({error})"
        yield Finding("shard", "error", f"{reason} shard; copy it again", 1, (shard.name,))
        return
    if sound:
        return
    what = f"{size:,} bytes, expected {shard.bytes:,}" if size != shard.bytes else "other bytes than were written"
    yield Finding("shard", "error", f"damaged shard ({what}); copy it again", 1, (shard.name,))
    bad = [] if entries is None else _damaged(path, entries)
    if bad:
        shown = tuple(f"row {first + place}" for place in bad[:_SHOWN])
        message = f"damaged images in {shard.name}; the others of it can be read"
        yield Finding("image", "error", message, len(bad), shown)


def _damaged(path: Path, entries: npt.NDArray[np.void]) -> list[int]:
    bad = []
    with path.open("rb") as file:
        for place, (block, size, crc) in enumerate(entries.tolist()):
            file.seek(block * BLOCK)
            data = file.read(size)
            if len(data) < size or zlib.crc32(data) != crc:
                bad.append(place)
    return bad
