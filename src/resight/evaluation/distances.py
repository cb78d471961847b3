"""The distances that an evaluation ranks by, in blocks of queries: those of the embeddings, or re-ranked ones."""

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from resight.errors import DataError
from resight.functional.distance import DISTANCES
from resight.functional.distance_blocks import MEMORY, distance_blocks
from resight.functional.rerank import Rerank, rerank_blocks


def ranked_distances(
    query: Tensor,
    gallery: Tensor,
    *,
    metric: str,
    rerank: Rerank | None = None,
    rows: Sequence[int] | None = None,
    memory: int = MEMORY,
) -> Iterator[tuple[slice, Tensor]]:
    """Distances of some queries to the whole gallery.

    Re-ranking calculates with squared Euclidean distances, so "euclidean" gives what "squared_euclidean" does; with
    "cosine" rows are brought to length 1 first.

    Args:
        query: (Q, D) real, finite.
        gallery: (G, D) real, finite, on the device of `query`.
        metric: name of the distance of two embeddings.
        rerank: settings of k-reciprocal re-ranking; None: no re-ranking.
        rows: which queries are wanted, in this order; None: all. In re-ranking the others take part as neighbours.
        memory: bytes for one block; changes time and memory, not the result.

    Yields:
        Positions (in `rows`, or among all queries) and (B, G) distances, which the next block overwrites.

    Raises:
        DataError: if the metric is unknown.
    """
    if metric not in DISTANCES:
        raise DataError(f"evaluation: expected metric to be one of {', '.join(DISTANCES)}, came {metric!r}")
    if rerank is None:
        chosen = query if rows is None else query[torch.tensor(list(rows), dtype=torch.int64, device=query.device)]
        yield from distance_blocks(chosen, gallery, DISTANCES[metric], memory=memory)
        return
    if metric == "cosine":
        query, gallery = F.normalize(query.float(), dim=1), F.normalize(gallery.float(), dim=1)
    try:
        yield from rerank_blocks(query, gallery, rerank, rows=rows, memory=memory)
    except ValueError as error:  # float64 embeddings that are too long for float32
        raise DataError(f"evaluation: {error}") from error
