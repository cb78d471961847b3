"""Joins the blocks of a pass and the pool's manifest: the file of scores, and the list of damaged images."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from resight.data.columns import IMAGE
from resight.data.pool import Pool
from resight.data.table_files import write_table
from resight.errors import DataError
from resight.filtering.blocks import Block, Blocks
from resight.filtering.layout import DAMAGED, SCORES
from resight.filtering.pool_rows import table_parts
from resight.filtering.score_file import columns_beside, write_scores

_REASON = "damaged/reason"


def merge(pool: Pool, blocks: Blocks, folder: Path, columns: Sequence[str], about: Mapping[str, Any]) -> None:
    """Writes `damaged.csv`, if an image is, and then `scores.parquet`, which so says that both are there.

    Some ten thousand rows are in memory at a time.

    Args:
        pool: N images.
        blocks: of a pass that is finished.
        folder: where to write.
        columns: names of the scores. The pool's own columns stay as they are; a score of the same name is stored as
            `filter_` and its name.
        about: plain values that they depend on.

    Raises:
        DataError: if a block is damaged or missing, or not one image could be read.
    """
    _require_one_readable(blocks)
    damaged: list[pa.Table] = []
    stored = columns_beside(columns, next(table_parts(pool, folder.absolute())).column_names)

    def parts() -> Iterator[pa.Table]:
        yield from _parts(pool, blocks, folder, stored, damaged)
        if damaged:
            write_table(pa.concat_tables(damaged), folder / DAMAGED)

    write_scores(parts(), folder / SCORES, columns=columns, about=about, renamed=stored)


def _parts(
    pool: Pool, blocks: Blocks, folder: Path, stored: Mapping[str, str], damaged: list[pa.Table]
) -> Iterator[pa.Table]:
    """The rows of `scores.parquet`; what is damaged is put into `damaged`."""
    types = pa.schema([*((name, pa.float32()) for name in stored), (_REASON, pa.string())])
    waiting = types.empty_table()
    found = blocks.read()
    first = 0
    for part in table_parts(pool, folder.absolute()):
        while waiting.num_rows < part.num_rows:
            waiting = pa.concat_tables([waiting, _table(next(found), types)])
        given, waiting = waiting.slice(0, part.num_rows), waiting.slice(part.num_rows)
        for name, column in stored.items():
            part = part.append_column(column, given.column(name))
        places = np.flatnonzero(given.column(_REASON).is_valid())
        if len(places):
            images, reasons = part.column(IMAGE).take(places), given.column(_REASON).take(places)
            damaged.append(pa.table({"row": first + places, "image": images, "error": reasons}))
        first += part.num_rows
        yield part


def _require_one_readable(blocks: Blocks) -> None:
    reason = ""
    for block in blocks.read():
        if len(block.rows):
            return
        reason = reason or str(block.reasons[0])
    raise DataError(f"not one of the {blocks.count:,} images can be read; the first: {reason}")


def _table(block: Block, types: pa.Schema) -> pa.Table:
    """Scores of a block's rows, null where the image is damaged; the reason is null elsewhere."""
    order = pa.array(np.argsort(np.concatenate([block.rows, block.damaged])))
    nulls = pa.nulls(len(block.damaged), pa.float32())
    columns = [pa.array(block.scores.get(name, []), pa.float32()) for name in types.names[:-1]]
    arrays = [pa.concat_arrays([column, nulls]) for column in columns]
    reasons = pa.array([None] * len(block.rows) + block.reasons.tolist(), pa.string())
    return pa.table([*arrays, reasons], schema=types).take(order)
