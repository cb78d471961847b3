"""Where each query's matches stand in its ranked gallery, without keeping a query x gallery matrix.

Every retrieval metric (mAP, CMC, mINP) follows from the ranks of the matches alone. They are counted here block by
block of queries: one block's distances are all that is in memory, and the gallery is never sorted. The result is
exact, and equal to a stable sort of the gallery by distance: of two rows at the same distance the one with the lower
gallery row comes first.
"""

import torch
from torch import Tensor

from resight.functional.distance_blocks import MEMORY, Distance, distance_blocks, query_slices
from resight.functional.matching import Matching, MatchRanks, match_masks
from resight.functional.rank_counter import RankCounter

__all__ = ["MatchRanks", "Matching", "match_masks", "ordered_keys", "rank_matches", "rank_matches_in_matrix"]


def rank_matches(
    query: Tensor, gallery: Tensor, matching: Matching, *, distance: Distance, memory: int = MEMORY
) -> MatchRanks:
    """Rank of every match of every query.

    Args:
        query: (Q, D) real, finite.
        gallery: (G, D) real, finite, on the device of `query`.
        matching: codes that say what is a match and what is left out.
        distance: from (B, D) and (G, D) to (B, G); smaller is closer.
        memory: bytes for distances, see `distance_blocks`; it changes memory and time, not the result.

    Returns:
        Ranks, number of matches and number of candidates, on the CPU.

    Raises:
        ValueError: if a distance is NaN, shapes do not fit, or `memory` is not positive.
    """
    counter = RankCounter(matching)
    for rows, block in distance_blocks(query, gallery, distance, memory=memory):
        counter.add(rows, block)
    return counter.result()


def rank_matches_in_matrix(distances: Tensor, matching: Matching, *, memory: int = MEMORY) -> MatchRanks:
    """The same for distances that are given.

    Args:
        distances: (Q, G) real without NaN; smaller is closer.
        matching: codes that say what is a match and what is left out.
        memory: bytes of the matrix to look at a time.

    Returns:
        Ranks, number of matches and number of candidates, on the CPU.

    Raises:
        ValueError: as `rank_matches`.
    """
    counter = RankCounter(matching)
    for rows in query_slices(len(distances), distances.shape[1] * distances.element_size(), memory):
        counter.add(rows, distances[rows])
    return counter.result()


def ordered_keys(distances: Tensor) -> Tensor:
    """(B, G) int64 keys, all different within a row, that sort by (distance, gallery row); shape (B, G) real.

    The upper half of a key holds the distance, the lower half the gallery row. Sorting keys is stable by nature and
    several times faster than a stable sort with indices.
    """
    columns = torch.arange(distances.shape[1], device=distances.device)
    return _ordered_integers(distances).bitwise_left_shift_(32).add_(columns)


def _ordered_integers(distances: Tensor) -> Tensor:
    """Whole numbers (int64, within 32 bits) in the same order as the distances, equal where they are equal."""
    if distances.dtype in (torch.float16, torch.bfloat16):
        distances = distances.float()
    if distances.dtype != torch.float32:
        order: Tensor = torch.unique(distances, return_inverse=True)[1]
        return order
    bits = (distances + 0.0).view(torch.int32)  # + 0.0 makes -0.0 the same number as 0.0
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()  # of negative numbers all bits but the sign are turned round
