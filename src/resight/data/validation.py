"""What can be wrong with the rows of a manifest: one small function for each rule, all of them vectorised."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import BOX_COLUMNS, IMAGE, SPLITS, rows_text
from resight.data.image_files import has_image
from resight.data.row_hash import add_floats, repeated, text_hashes

Progress: TypeAlias = Callable[[int, int], None]
_SHOWN = 5


@dataclass(frozen=True)
class Problem:
    """One rule that some rows break.

    Attributes:
        column: the column or columns at fault, such as `split`.
        expected: what the rule asks for.
        advice: what to do about it.
        count: number of rows that break it.
        rows: the first few of them, counted from 0.
        values: what stands in them.
    """

    column: str
    expected: str
    advice: str
    count: int
    rows: tuple[int, ...]
    values: tuple[object, ...]

    def __str__(self) -> str:
        came = rows_text(list(self.rows), list(self.values), self.count)
        return f"column {self.column!r}: expected {self.expected}, came {came}; {self.advice}"


def structural_problems(table: pa.Table) -> list[Problem]:
    """Everything that is wrong with the rows of a conformed table, found without touching an image."""
    rules = (_null_images, _unknown_splits, _half_boxes, _impossible_boxes, _infinite_times, _duplicates)
    return [problem for rule in rules for problem in rule(table)]


def is_missing(table: pa.Table, root: Path, progress: Progress | None = None) -> npt.NDArray[np.bool_]:
    """Whether the image of each row is no file on disk, (N,). Each distinct image is looked for once.

    Args:
        table: has a column `image`; null images are not looked for.
        root: folder of the relative ones.
        progress: called with (distinct images looked for, their number).
    """
    images = table.column(IMAGE).combine_chunks().dictionary_encode()
    names = images.dictionary.to_pylist()
    missing = np.zeros(len(names) + 1, dtype=bool)
    for position, name in enumerate(names):
        missing[position] = not has_image(os.path.join(root, name))  # noqa: PTH118 (five times as fast)
        if progress and ((position + 1) % 1000 == 0 or position + 1 == len(names)):
            progress(position + 1, len(names))
    rows: npt.NDArray[np.bool_] = missing[images.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return rows


def missing_files(table: pa.Table, root: Path) -> Iterator[Problem]:
    """Images that are no file on disk."""
    expected = f"existing files (relative ones are looked for in {root})"
    yield from _problem(table, is_missing(table, root), IMAGE, expected, "restore them or drop the rows")


def _problem(
    table: pa.Table, bad: npt.NDArray[np.bool_] | pa.ChunkedArray, column: str, expected: str, advice: str
) -> Iterator[Problem]:
    mask = bad if isinstance(bad, np.ndarray) else pc.fill_null(bad, False).to_numpy()
    rows = np.flatnonzero(mask)
    if len(rows):
        names = [name for name in (BOX_COLUMNS if column == "box" else (column,)) if name in table.column_names]
        shown = rows[:_SHOWN].tolist()
        values = [tuple(table.column(name)[row].as_py() for name in names) for row in shown]
        plain = tuple(value[0] if column != "box" else value for value in values)
        yield Problem(column, expected, advice, len(rows), tuple(shown), plain)


def _null_images(table: pa.Table) -> Iterator[Problem]:
    yield from _problem(
        table, pc.is_null(table.column(IMAGE)), IMAGE, "a path in every row", "fill the path in or drop the row"
    )


def _unknown_splits(table: pa.Table) -> Iterator[Problem]:
    if "split" not in table.column_names:
        return
    encoded = table.column("split").combine_chunks()
    known = pc.is_in(encoded.dictionary, value_set=pa.array(SPLITS, pa.string())).to_numpy(zero_copy_only=False)
    bad = np.append(~known, False)[encoded.indices.fill_null(-1).to_numpy()]
    yield from _problem(table, bad, "split", f"{', '.join(SPLITS)} or empty", "rename these splits to one of the three")


def _half_boxes(table: pa.Table) -> Iterator[Problem]:
    present = [name for name in BOX_COLUMNS if name in table.column_names]
    if not present:
        return
    given = sum(pc.is_valid(table.column(name)).to_numpy().astype(np.int8) for name in present)
    bad = (given != 0) & (given != len(BOX_COLUMNS))
    yield from _problem(
        table, bad, "box", "all of box_x, box_y, box_w, box_h or none", "complete the box or leave all four empty"
    )


def _impossible_boxes(table: pa.Table) -> Iterator[Problem]:
    if not all(name in table.column_names for name in BOX_COLUMNS):
        return
    x, y, width, height = (table.column(name) for name in BOX_COLUMNS)
    finite = pc.and_(pc.and_(pc.is_finite(x), pc.is_finite(y)), pc.and_(pc.is_finite(width), pc.is_finite(height)))
    good = pc.and_(finite, pc.and_(pc.greater(width, 0), pc.greater(height, 0)))
    yield from _problem(
        table,
        pc.invert(good),
        "box",
        "finite numbers, with box_w and box_h above 0, in pixels",
        "the four are x, y, width, height from the top left corner, not two corners; correct or drop the box",
    )


def _infinite_times(table: pa.Table) -> Iterator[Problem]:
    if "time" in table.column_names:
        bad = pc.invert(pc.is_finite(table.column("time")))
        yield from _problem(table, bad, "time", "a finite number of seconds", "correct it or leave it empty")


def _duplicates(table: pa.Table) -> Iterator[Problem]:
    """Rows with the same image and the same box. The row that comes first counts as the good one.

    A query may stand in the gallery as well (Occluded-Duke has such): once in each.
    """
    images = table.column(IMAGE)
    boxes = [pc.fill_null(table.column(name), np.inf) for name in BOX_COLUMNS if name in table.column_names]
    hashes = np.concatenate([text_hashes(chunk) for chunk in images.chunks] or [np.zeros(0, dtype=np.uint64)])
    for column in boxes:
        hashes = add_floats(hashes, column.to_numpy())
    rows = repeated(hashes)
    rows = rows[pc.is_valid(images.take(pa.array(rows))).to_numpy()]  # null images are another rule's
    if not len(rows):
        return
    keys = [column.take(pa.array(rows)) for column in (images, *boxes)]
    names = [f"key{number}" for number in range(len(keys))]
    columns = [*keys, pa.array(rows), *(pa.array(_is_split(table, rows, split)) for split in ("query", "gallery"))]
    groups = pa.table(columns, names=[*names, "row", "query", "gallery"]).group_by(names)
    sums = [("row", "min"), ("row", "max"), ("row", "count"), ("query", "sum"), ("gallery", "sum")]
    found = groups.aggregate(sums)
    size, in_query, in_gallery = (found.column(name).to_numpy() for name in ("row_count", "query_sum", "gallery_sum"))
    is_pair = (size == 2) & (in_query == 1) & (in_gallery == 1)
    bad = np.zeros(table.num_rows, dtype=bool)
    bad[rows] = True
    bad[found.column("row_min").to_numpy()] = False
    bad[found.column("row_max").to_numpy()[is_pair]] = False
    advice = (
        "drop the second row (a crop may stand in one split only, or once in query and once in gallery), or give the "
        "two rows different boxes"
    )
    yield from _problem(table, bad, IMAGE, "every image and box once", advice)


def _is_split(table: pa.Table, rows: npt.NDArray[np.int64], split: str) -> npt.NDArray[np.int64]:
    """1 for each of `rows` that has this split, else 0."""
    if "split" not in table.column_names:
        return np.zeros(len(rows), dtype=np.int64)
    values = table.column("split").take(pa.array(rows)).cast(pa.string())
    is_split = pc.fill_null(pc.equal(values, split), False)
    result: npt.NDArray[np.int64] = is_split.to_numpy().astype(np.int64)
    return result
