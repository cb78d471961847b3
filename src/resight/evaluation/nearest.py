"""The first gallery rows of many queries at once, those left out that do not count for a query."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation.distances import ranked_distances
from resight.evaluation.evaluate import Array, checked_embeddings
from resight.evaluation.protocol import matching
from resight.functional.distance import DISTANCES
from resight.functional.matching import Matching, MatchRanks, match_masks
from resight.functional.rank_counter import RankCounter
from resight.functional.ranking import ordered_keys
from resight.functional.rerank import Rerank

_MEMORY = 2**25  # bytes of distances at once; their sorting keys and masks take four times as much beside


@dataclass(frozen=True, eq=False)
class Nearest:
    """R queries and the first k gallery rows of each, nearest first; of two at one distance the lower row.

    query_row: (R,) int64. gallery_row: (R, k) int64, -1 at the end where fewer rows count. distance: (R, k) float32,
    NaN there. match: (R, k) bool, whether that row shows the query's identity. ranks: of all their matches.
    """

    query_row: npt.NDArray[np.int64]
    gallery_row: npt.NDArray[np.int64]
    distance: npt.NDArray[np.float32]
    match: npt.NDArray[np.bool_]
    ranks: MatchRanks


def nearest(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    rows: Sequence[int],
    k: int = 10,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
    rerank: Rerank | None = None,
) -> Nearest:
    """The first `k` gallery rows of some queries, and the ranks of their matches.

    Args:
        query_embeddings: (Q, D) real, of all queries.
        query: Q rows.
        gallery_embeddings: (G, D) real.
        gallery: G rows.
        rows: which query rows, in the order in which they are wanted.
        k: gallery rows for each; fewer columns come back where the gallery has fewer.
        metric: as in `evaluate`.
        cross_camera: as in `evaluate`.
        rerank: as in `evaluate`; the distances are then the re-ranked ones.

    Raises:
        DataError: as `evaluate`, except that queries without a match are fine; if a row lies outside the queries.
    """
    if metric not in DISTANCES:
        raise DataError(f"rank lists: expected metric to be one of {', '.join(DISTANCES)}, came {metric!r}")
    outside = [row for row in rows if not 0 <= row < len(query)]
    if outside:
        raise DataError(f"rank lists: query rows go from 0 to {len(query) - 1}, came {outside[:5]}")
    chosen = np.array(rows, dtype=np.int64)
    codes = matching(query, gallery, cross_camera=cross_camera)
    queries, candidates = checked_embeddings(query_embeddings, query, gallery_embeddings, gallery)
    codes = _of_queries(codes, chosen)
    counter = RankCounter(codes)
    codes, width = codes.to(queries.device), min(k, len(gallery))
    shape = (len(chosen), width)
    gallery_row, found_distance = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.float32)
    match = np.empty(shape, dtype=np.bool_)
    blocks = ranked_distances(queries, candidates, metric=metric, rerank=rerank, rows=rows, memory=_MEMORY)
    for part, distances in blocks if len(chosen) else ():
        counter.add(part, distances)
        first = [values.cpu().numpy() for values in _first(distances, codes, part, width)]
        gallery_row[part], found_distance[part], match[part] = first
    return Nearest(chosen, gallery_row, found_distance, match, counter.result())


def _first(distances: Tensor, codes: Matching, rows: slice, k: int) -> tuple[Tensor, Tensor, Tensor]:
    """Gallery rows, distances and matches of a chunk of queries, (B, k) each."""
    match, left_out = match_masks(codes, rows)
    last = torch.iinfo(torch.int64).max
    keys = ordered_keys(distances).masked_fill_(left_out, last)
    best = keys.topk(k, dim=1, largest=False, sorted=True).values
    counts = best != last
    columns = torch.where(counts, best & 0xFFFFFFFF, 0)  # the lower half of a key is the gallery row
    return (
        torch.where(counts, columns, -1),
        distances.gather(1, columns).float().masked_fill(~counts, torch.nan),
        match.gather(1, columns) & counts,
    )


def _of_queries(codes: Matching, rows: npt.NDArray[np.int64]) -> Matching:
    chosen = torch.from_numpy(rows)
    return codes._replace(query_label=codes.query_label[chosen], query_group=codes.query_group[chosen])
