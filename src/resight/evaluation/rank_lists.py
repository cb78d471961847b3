"""The first hits of chosen queries, for looking at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import metrics
from resight.evaluation.evaluate import Array, checked_embeddings
from resight.evaluation.protocol import matching
from resight.evaluation.result import Report
from resight.functional.distance import DISTANCES
from resight.functional.ranking import Matching, match_masks, ordered_keys, rank_matches, sorted_rows

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Crop:
    """Where one row's picture is and whom it shows."""

    path: Path
    pid: str | None
    camid: str | None
    box: Box | None = None  # x, y, width, height in pixels; None for the whole image


@dataclass(frozen=True)
class Hit:
    """One place of a ranked gallery."""

    rank: int  # from 1
    distance: float
    pid: str | None
    camid: str | None
    path: Path
    match: bool  # the query's identity
    box: Box | None = None
    row: int = -1  # in the gallery manifest


@dataclass(frozen=True)
class RankList:
    """A query and its first hits, rows that do not count for it left out."""

    query: Crop
    hits: list[Hit]
    average_precision: float  # NaN where the query has no match in the gallery
    row: int = -1  # in the query manifest

    @property
    def is_right(self) -> bool:
        """The first hit is a match."""
        return bool(self.hits) and self.hits[0].match


def rank_lists(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    rows: Sequence[int],
    k: int = 10,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
) -> list[RankList]:
    """The first `k` hits of some queries.

    Args:
        query_embeddings: (Q, D) real, of all queries.
        query: Q rows.
        gallery_embeddings: (G, D) real.
        gallery: G rows.
        rows: which query rows, in the order in which the lists are wanted.
        k: hits for each query; a list is shorter where fewer rows count.
        metric: as in `evaluate`.
        cross_camera: as in `evaluate`.

    Returns:
        One list for each of `rows`.

    Raises:
        DataError: as `evaluate`, except that queries without a match are fine; if a row lies outside the queries.
    """
    if metric not in DISTANCES:
        raise DataError(f"rank lists: expected metric to be one of {', '.join(DISTANCES)}, came {metric!r}")
    outside = [row for row in rows if not 0 <= row < len(query)]
    if outside:
        raise DataError(f"rank lists: query rows go from 0 to {len(query) - 1}, came {outside[:5]}")
    codes = matching(query, gallery, cross_camera=cross_camera)
    queries, candidates = checked_embeddings(query_embeddings, query, gallery_embeddings, gallery)
    queries, codes = queries[list(rows)], _of_queries(codes, list(rows)).to(queries.device)
    if not rows:
        return []
    distance = DISTANCES[metric]
    precision = metrics.average_precision(rank_matches(queries, candidates, codes, distance=distance, chunk=32))
    lists = []
    for i, row in enumerate(rows):
        one = slice(i, i + 1)
        hits = _hits(distance(queries[one], candidates), codes, one, gallery, k)
        lists.append(RankList(crop(query, row), hits, float(precision[i]), row))
    return lists


def choose_rows(report: Report, *, num_hard: int = 6, num_others: int = 6, seed: int = 0) -> list[int]:
    """Query rows worth looking at: those of the lowest average precision, then a random draw of the others.

    Skipped queries are never chosen; fewer come back where there are fewer.
    """
    precision = report.average_precision
    order = np.argsort(precision, kind="stable")[: report.num_valid]  # NaN comes last
    hard, others = order[:num_hard], order[num_hard:]
    drawn = np.random.default_rng(seed).permutation(others)[:num_others]
    chosen: list[int] = [*hard.tolist(), *np.sort(drawn).tolist()]
    return chosen


def crop(manifest: Manifest, row: int) -> Crop:
    """The picture of one row and whom it shows."""
    return Crop(manifest.image_path(row), _text(manifest, "pid", row), _text(manifest, "camid", row), manifest.box(row))


def _hits(distances: Tensor, codes: Matching, rows: slice, gallery: Manifest, k: int) -> list[Hit]:
    """Of one query: `distances` (1, G)."""
    match, left_out = match_masks(codes, rows)
    last = torch.iinfo(torch.int64).max
    keys = sorted_rows(ordered_keys(distances).masked_fill(left_out, last))[0, :k]
    best = (keys[keys != last] & 0xFFFFFFFF).tolist()  # the lower half of a key is the gallery row
    hits = []
    for position, row in enumerate(best):
        shown = crop(gallery, row)
        hits.append(
            Hit(
                rank=position + 1,
                distance=float(distances[0, row]),
                pid=shown.pid,
                camid=shown.camid,
                path=shown.path,
                match=bool(match[0, row]),
                box=shown.box,
                row=row,
            )
        )
    return hits


def _of_queries(codes: Matching, rows: list[int]) -> Matching:
    chosen = torch.from_numpy(np.array(rows, dtype=np.int64))
    return codes._replace(query_label=codes.query_label[chosen], query_group=codes.query_group[chosen])


def _text(manifest: Manifest, column: str, row: int) -> str | None:
    if column not in manifest.table.column_names:
        return None
    value = manifest.table.column(column)[row].as_py()
    return None if value is None else str(value)
