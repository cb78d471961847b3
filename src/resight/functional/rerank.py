"""k-reciprocal re-ranking: a distance that asks whom two images have as common neighbours, and the old distance mixed.

Exact, and streamed: of the N x N distances (N = queries + gallery) only each row's nearest and farthest are kept, and
the result comes in blocks of queries. The CPU runs compiled kernels, every other device the same steps as tensor
operations (`resight.functional.rerank_tensor`).

Source: Zhong et al. 2017, arXiv:1701.08398, with the numbers of the released code: written from its description.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from resight.functional.distance import squared_euclidean_distance
from resight.functional.distance_blocks import MEMORY, distance_blocks, squared_lengths
from resight.functional.sparse_rows import SparseRows


@dataclass(frozen=True)
class Rerank:
    """Settings of the re-ranking.

    k1: neighbours of an image that may count, itself apart. k2: images whose neighbours are averaged, itself among
    them; 1 averages nothing. weight: share of the old distance in the result (lambda), 0 to 1.

    Raises:
        ValueError: if k1 or k2 is below 1, or the weight outside 0 to 1.
    """

    k1: int = 20
    k2: int = 6
    weight: float = 0.3

    def __str__(self) -> str:
        return f"k1 {self.k1}, k2 {self.k2}, lambda {self.weight:g}"

    def __post_init__(self) -> None:
        if self.k1 < 1 or self.k2 < 1:
            raise ValueError(f"re-ranking: expected k1 and k2 to be 1 or more, came k1={self.k1}, k2={self.k2}")
        if not 0 <= self.weight <= 1:
            raise ValueError(f"re-ranking: expected a weight (lambda) from 0 to 1, came {self.weight}")


RERANK_PRESETS: Final[dict[str, Rerank]] = {
    "paper": Rerank(20, 6, 0.3),  # also BoT, fast-reid and torchreid
    "transreid": Rerank(50, 15, 0.3),
    "transreid_ssl": Rerank(20, 6, 0.3),
}
"""The official settings, by name."""


def rerank_blocks(
    query: Tensor,
    gallery: Tensor,
    settings: Rerank,
    *,
    rows: Sequence[int] | None = None,
    memory: int = MEMORY,
) -> Iterator[tuple[slice, Tensor]]:
    """Re-ranked distances of the queries to the gallery, some queries at a time.

    Squared Euclidean distances of all queries and gallery rows to each other, each row divided by its largest, are
    what neighbours are taken by and what is mixed in; they are calculated in float32. Of two rows at one distance the
    one that comes first is nearer, queries before the gallery. Lists end where the data does, so k1 and k2 may be
    larger than N.

    Args:
        query: (Q, D) real, at least one row. Compared as given, not normalised here.
        gallery: (G, D) real, at least one row, on the device of `query`.
        settings: k1, k2 and weight.
        rows: which queries are wanted, in this order; None: all. All of them and the gallery take part as neighbours.
        memory: bytes for one block; codes and neighbour lists, some kilobytes for each image, are held besides, and
            rows of another type than float32 in a float32 copy. It changes time and memory, not the result.

    Yields:
        Positions (in `rows`, or among all queries) and (B, G) float32 distances. The next block overwrites them.

    Raises:
        ValueError: if a shape does not fit, a side is empty, `memory` is not positive, or a value is NaN, infinite or
            so large that its squared distances are not finite in float32.

    Source: see the module; equal to the official function calculated in float32 up to rounding.
    """
    _check(query, gallery)
    first, second = _prepared(query), _prepared(gallery)
    _check_finite(first, "query")
    _check_finite(second, "gallery")
    wanted = torch.arange(len(query)) if rows is None else torch.tensor(list(rows), dtype=torch.int64)
    asked = first if rows is None else first[wanted.to(first.device)]
    blocks = distance_blocks(asked, second, squared_euclidean_distance, memory=memory)
    if first.device.type == "cpu":
        yield from _compiled_blocks(first, second, settings, wanted, blocks)
    else:
        from resight.functional.rerank_tensor import rerank_tensor_blocks

        yield from rerank_tensor_blocks(first, second, settings, wanted.to(first.device), blocks)


def rerank_matrix(query: Tensor, gallery: Tensor, settings: Rerank) -> Tensor:
    """All re-ranked distances at once, (Q, G) float32 on the device of `query`; else as `rerank_blocks`.

    For large sets take the blocks: the matrix of MSMT17 has 3.8 GB.
    """
    matrix: Tensor | None = None
    for rows, block in rerank_blocks(query, gallery, settings):
        if matrix is None:
            matrix = block.new_empty(len(query), len(gallery))
        matrix[rows] = block
    assert matrix is not None  # there is a query
    return matrix


def jaccard_distance(features: Tensor, *, k1: int = 30, k2: int = 6) -> SparseRows:
    """Jaccard distances of a set to itself as clustering of unlabelled images uses them: the other variant.

    It differs from re-ranking: rows are normalised; an image counts among its own k1 neighbours; weights are
    exp(-squared distance) without division by the largest; nothing is mixed in; negative rounding errors are made 0.

    Args:
        features: (N, D) real, at least one row; on another device they are brought to the CPU.
        k1: length of the neighbour lists.
        k2: images whose neighbours are averaged, at most k1; 1 averages nothing.

    Returns:
        N sparse rows, columns ascending. Pairs without an entry share no neighbour: their distance is exactly 1.
        scikit-learn's DBSCAN takes it as a precomputed sparse matrix.

    Raises:
        ValueError: as `rerank_blocks`.

    Source: the Jaccard distance of the released TransReID-SSL clustering, written from its description.
    """
    Rerank(k1, k2)  # checks both
    _check(features, features)
    rows = F.normalize(_prepared(features).cpu(), dim=1)
    _check_finite(rows, "feature")
    from resight.functional.compiled import row_threads
    from resight.functional.rerank_codes import neighbour_codes, query_expansion
    from resight.functional.rerank_jaccard import jaccard_rows
    from resight.functional.rerank_neighbours import neighbours

    total, nothing = len(rows), rows[:0]
    whole, half, mean = (min(k, k1, total) for k in (k1, half_length(k1), k2))
    scale = np.ones(total, dtype=np.float32)
    with row_threads() as run:
        found = neighbours(rows, nothing, whole, run)
        codes = neighbour_codes(rows, nothing, found, whole=whole, half=half, scale=scale, run=run)
        if k2 > 1:
            codes = query_expansion(codes, found.rows, mean, run)
        return jaccard_rows(codes, run)


def half_length(k1: int) -> int:
    """Length of the short neighbour lists: half of k1, halves rounded to the even number, and the image itself."""
    return round(k1 / 2) + 1


def _compiled_blocks(
    first: Tensor, second: Tensor, settings: Rerank, wanted: Tensor, blocks: Iterator[tuple[slice, Tensor]]
) -> Iterator[tuple[slice, Tensor]]:
    from resight.functional.compiled import row_threads
    from resight.functional.rerank_jaccard import mixed_blocks, turned

    with row_threads() as run:
        codes, scale = _compiled_codes(first, second, settings, run)
        postings = turned(codes, len(first), len(first) + len(second))
        codes = codes.head(len(first))  # the gallery's are in the postings
        yield from mixed_blocks(blocks, wanted.numpy(), codes, postings, scale, weight=settings.weight, run=run)


def _compiled_codes(
    first: Tensor, second: Tensor, settings: Rerank, run: Callable[..., None]
) -> tuple[SparseRows, npt.NDArray[np.float32]]:
    """Codes of all rows, and what their squared distances are divided by."""
    from resight.functional.rerank_codes import neighbour_codes, query_expansion
    from resight.functional.rerank_neighbours import neighbours

    total = len(first) + len(second)
    whole, half, mean = (min(k, total) for k in (settings.k1 + 1, half_length(settings.k1), settings.k2))
    found = neighbours(first, second, max(whole, mean), run)
    scale = np.where(found.farthest > 0, found.farthest, np.float32(np.inf))  # where all rows are equal: all are 0
    codes = neighbour_codes(first, second, found, whole=whole, half=half, scale=scale, run=run)
    return (query_expansion(codes, found.rows, mean, run) if settings.k2 > 1 else codes), scale


def _check(query: Tensor, gallery: Tensor) -> None:
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1] or not query.shape[1]:
        raise ValueError(
            f"re-ranking: expected (Q, D) and (G, D) with the same D, came {tuple(query.shape)} and "
            f"{tuple(gallery.shape)}; both sets have to come from the same model"
        )
    if not len(query) or not len(gallery):
        raise ValueError(f"re-ranking: expected at least one row a side, came {len(query)} and {len(gallery)}")


def _check_finite(rows: Tensor, name: str) -> None:
    bad = (~(squared_lengths(rows) < torch.finfo(torch.float32).max / 4)).nonzero()
    if len(bad):
        raise ValueError(
            f"re-ranking: {len(bad):,} of {len(rows):,} {name} rows are NaN, infinite or longer than 9e18, the first "
            f"is row {int(bad[0])}; look for diverged training or half-precision overflow in the model"
        )


def _prepared(rows: Tensor) -> Tensor:
    return rows.detach().to(torch.float32).contiguous()
