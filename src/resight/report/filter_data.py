"""What a page about filtered images shows, picked out of the file of all scores while it streams by."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from resight.data.columns import BOX_COLUMNS, IMAGE
from resight.data.shards.originals import SOURCE
from resight.errors import DataError
from resight.report.source_folders import FolderCounts, FolderRate
from resight.report.thumbnails import Box

LEVELS: Final = 40  # bars of the histogram, each with samples
_SAMPLES = 12  # images of a level
_ENDS = 36  # highest and lowest images
_TAIL = 0.002  # share of the images below the first bar's upper part: a few far away do not squeeze all others

Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Scored:
    """An image with its score, and whether it is kept."""

    path: Path
    box: Box | None
    score: float
    is_kept: bool


@dataclass(frozen=True)
class Level:
    """The images whose scores lie between two numbers: how many, how many of them are kept, and some at random."""

    low: float
    high: float
    count: int
    kept: int
    samples: list[Scored]


@dataclass(frozen=True)
class FilterData:
    """Numbers and images of the page.

    total: images of the pool. unscored: those without a score: unreadable ones, or of a list those that are not in it.
    kept: those that are kept. cut: lowest score of a kept image; None where none is kept. levels: ascending. highest:
    best first. lowest: worst first. folders: see `FolderCounts.rates`.
    """

    total: int
    unscored: int
    kept: int
    cut: float | None
    levels: list[Level]
    highest: list[Scored]
    lowest: list[Scored]
    folders: list[FolderRate]


def collect_filter_data(path: Path, values: Scores, kept: Mask, *, seed: int = 0) -> FilterData:
    """Reads the images' names once, a group of rows at a time.

    Args:
        path: Parquet file of N rows with a column `image`.
        values: (N,) the score; NaN where there is none.
        kept: (N,) which images are kept.
        seed: of the samples.

    Raises:
        DataError: if the file cannot be read, has another number of rows, or no image has a score.
    """
    try:
        with pq.ParquetFile(path) as file:
            return _collect(file, path, values, kept, np.random.default_rng(seed))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: expected a Parquet file of scores: {error}") from error


def _collect(file: pq.ParquetFile, path: Path, scores: Scores, kept: Mask, rng: np.random.Generator) -> FilterData:
    rows = file.metadata.num_rows
    if not len(kept) == len(scores) == rows:
        raise DataError(
            f"{path} has {rows:,} rows, but {len(kept):,} are said to be kept or not, and {len(scores):,} have a score"
        )
    has_score = np.isfinite(scores)
    if not has_score.any():
        raise DataError(f"{path}: not one image has a score, so there is nothing to show")
    edges, level = _levels(scores, has_score)
    samples = [_sample(np.flatnonzero(level == i), rng) for i in range(LEVELS)]
    ranked = scores.copy()
    ranked[~has_score] = -np.inf
    highest = _first(-ranked, int(has_score.sum()))
    ranked[~has_score] = np.inf
    lowest = _first(ranked, int(has_score.sum()))
    del ranked
    wanted = np.unique(np.concatenate([*samples, highest, lowest]))
    folders, found = FolderCounts(), {}
    for first, table in _groups(file):
        last = first + table.num_rows
        folders.add(table, kept[first:last])
        for row in wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, last)].tolist():
            found[row] = _scored(table, row - first, path.parent, float(scores[row]), bool(kept[row]))
    counts, kept_counts = (np.bincount(level[chosen], minlength=LEVELS) for chosen in (has_score, has_score & kept))
    return FilterData(
        total=len(scores),
        unscored=int((~has_score).sum()),
        kept=int(kept.sum()),
        cut=float(scores[kept & has_score].min()) if (kept & has_score).any() else None,
        levels=[
            Level(edges[i], edges[i + 1], int(counts[i]), int(kept_counts[i]), [found[row] for row in rows.tolist()])
            for i, rows in enumerate(samples)
        ],
        highest=[found[row] for row in highest.tolist()],
        lowest=[found[row] for row in lowest.tolist()],
        folders=folders.rates(),
    )


def _levels(scores: Scores, has_score: Mask) -> tuple[list[float], npt.NDArray[np.int8]]:
    """Edges of the bars, and the bar of each image, -1 without a score.

    The bars are of one width, but the first takes all that lies below.
    """
    known = scores[has_score]
    lowest, low, high = float(known.min()), float(np.quantile(known, _TAIL)), float(known.max())
    if high <= low:
        low, high = high - 0.5, high + 0.5
    edges = np.linspace(low, high, LEVELS + 1)
    level = np.full(len(scores), -1, dtype=np.int8)
    level[has_score] = np.clip(np.searchsorted(edges, known, side="right") - 1, 0, LEVELS - 1)
    return [min(lowest, float(edges[0])), *edges[1:].tolist()], level


def _sample(rows: Rows, rng: np.random.Generator) -> Rows:
    return rows if len(rows) <= _SAMPLES else np.sort(rng.choice(rows, _SAMPLES, replace=False))


def _first(values: Scores, count: int) -> Rows:
    """Rows of the smallest values, smallest first; of equal ones the lower row."""
    count = min(count, _ENDS)
    limit = np.partition(values, count - 1)[count - 1]
    rows = np.flatnonzero(values <= limit)
    return rows[np.argsort(values[rows], kind="stable")][:count]


def _groups(file: pq.ParquetFile) -> Iterator[tuple[int, pa.Table]]:
    """First row and names of each group of rows."""
    names = [name for name in (IMAGE, SOURCE, *BOX_COLUMNS) if name in file.schema_arrow.names]
    first = 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=names)
        yield first, table
        first += table.num_rows


def _scored(table: pa.Table, place: int, root: Path, score: float, is_kept: bool) -> Scored:
    box = None
    if BOX_COLUMNS[0] in table.column_names:
        x, y, width, height = (table.column(name)[place].as_py() for name in BOX_COLUMNS)
        box = None if x is None else (x, y, width, height)
    return Scored(root / str(table.column(IMAGE)[place].as_py()), box, score, is_kept)
