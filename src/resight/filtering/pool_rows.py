"""What is known of a pool's images, in parts: the whole table of millions of rows is never made for it."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from resight.data.columns import BOX_COLUMNS, IMAGE, conform, is_text, plain_text
from resight.data.image_paths import rebase
from resight.data.pool import Pool, ShardPool
from resight.data.row_hash import text_hashes
from resight.data.shards.layout import ROWS
from resight.data.shards.plan import KEY as OWN_KEY
from resight.filtering.layout import KEY

_ROWS_OF_A_PART = 1 << 16


def pool_fingerprint(pool: Pool) -> str:
    """Two pools have the same one if they have the same images and boxes in the same order."""
    if isinstance(pool, ShardPool):
        return f"{pool.shards.packed_from}-{len(pool)}"
    digest = hashlib.blake2b(digest_size=16)
    table = pool.manifest().table
    for name in (IMAGE, *BOX_COLUMNS):
        for chunk in table.column(name).chunks if name in table.column_names else ():
            numbers = text_hashes(chunk) if name == IMAGE else chunk.fill_null(np.inf).to_numpy(zero_copy_only=False)
            digest.update(numbers.tobytes())
    return digest.hexdigest()


def table_parts(pool: Pool, root: Path) -> Iterator[pa.Table]:
    """The pool's manifest in parts, in order, with the images' paths for a file in `root` and a column `pool_key`.

    That is the manifest's own `key` where every row of the pool has one (shards do), else the image's path as the
    manifest has it, with its box.
    """
    old_root, parts = _parts(pool)
    has_keys = _has_keys(pool)
    for part in parts:
        part = pa.table(
            {name: plain_text(column) for name, column in zip(part.column_names, part.columns, strict=True)}
        )
        keys = part.column(OWN_KEY).cast(pa.large_string()) if has_keys else _image_keys(part)
        part = part.drop_columns([KEY]) if KEY in part.column_names else part
        yield rebase(part.append_column(KEY, keys), old_root, root)


def _parts(pool: Pool) -> tuple[Path, Iterator[pa.Table]]:
    """The folder of the image paths, and the rows."""
    if isinstance(pool, ShardPool):
        return Path(os.path.abspath(pool.folder)), _parts_of_file(pool.folder / ROWS)  # noqa: PTH100 (keeps links)
    table = pool.manifest().table
    starts = range(0, table.num_rows, _ROWS_OF_A_PART)
    return pool.manifest().root, (table.slice(start, _ROWS_OF_A_PART) for start in starts)


def _parts_of_file(path: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS_OF_A_PART):
            yield conform(pa.Table.from_batches([batch]))


def _has_keys(pool: Pool) -> bool:
    """Whether the rows have keys of their own: all or none, since keys of two kinds have no order."""
    if isinstance(pool, ShardPool):
        return True
    table = pool.manifest().table
    if OWN_KEY not in table.column_names:
        return False
    column = table.column(OWN_KEY)
    return is_text(plain_text(column.slice(0, 0)).type) and not column.null_count


def _image_keys(part: pa.Table) -> pa.ChunkedArray:
    images = part.column(IMAGE)
    if not all(name in part.column_names for name in BOX_COLUMNS):
        return images
    numbers = [part.column(name).cast(pa.large_string()) for name in BOX_COLUMNS]
    box = pc.binary_join_element_wise(*numbers, pa.scalar(",", pa.large_string()))
    boxed = pc.binary_join_element_wise(images, box, pa.scalar("@", pa.large_string()))
    return pc.coalesce(boxed, images)
