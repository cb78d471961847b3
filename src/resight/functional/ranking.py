"""Where each query's matches stand in its ranked gallery, without keeping a query x gallery matrix.

Every retrieval metric (mAP, CMC, mINP) follows from the ranks of the matches alone. They are counted here chunk by
chunk of queries: one chunk's distances are all that is in memory. The result is exact, and equal to a stable sort of
the gallery by distance: of two rows at the same distance the one with the lower gallery row comes first.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

_MAX_PAIRS = 2**26  # query-gallery pairs in memory at once: about 3 GB with all temporaries


class Matching(NamedTuple):
    """Which gallery rows are matches of which query and which are left out, as whole-number codes.

    A gallery row is left out for a query if their groups are equal (and not -1), or if `gallery_counts` is False.
    It is a match if it is not left out and the labels are equal (and not -1). All other rows are wrong answers.
    """

    query_label: Tensor  # (Q,) int64; -1: matches nothing
    gallery_label: Tensor  # (G,) int64; -1: matches nothing, a distractor
    query_group: Tensor  # (Q,) int64; -1: leaves nothing out
    gallery_group: Tensor  # (G,) int64; -1: never left out
    gallery_counts: Tensor  # (G,) bool; False: left out for every query

    def to(self, device: torch.device) -> "Matching":
        return Matching(*(codes.to(device) for codes in self))


class MatchRanks(NamedTuple):
    """The ranks of all matches of all queries, on the CPU."""

    ranks: Tensor  # (M,) int64 from 1, the first query's matches first, ascending within a query
    num_matches: Tensor  # (Q,) int64; sums up to M
    num_candidates: Tensor  # (Q,) int64; gallery rows that are not left out


def rank_matches(
    query: Tensor,
    gallery: Tensor,
    matching: Matching,
    *,
    distance: Callable[[Tensor, Tensor], Tensor],
    chunk: int = 256,
) -> MatchRanks:
    """Rank of every match of every query.

    Args:
        query: (Q, D) real, finite.
        gallery: (G, D) real, finite, on the device of `query`.
        matching: codes that say what is a match and what is left out.
        distance: from (B, D) and (G, D) to (B, G); smaller is closer.
        chunk: queries at a time, at most. Fewer are taken where the gallery is so large that a chunk would have more
            than 2^26 pairs. It changes memory and time, not the result.

    Returns:
        Ranks, number of matches and number of candidates, on the CPU.
    """
    matching = matching.to(query.device)
    return _gathered(
        _chunk_ranks(distance(query[rows], gallery), matching, rows)
        for rows in query_chunks(len(query), len(gallery), chunk)
    )


def rank_matches_in_matrix(distances: Tensor, matching: Matching, *, chunk: int = 256) -> MatchRanks:
    """The same for distances that are given.

    Args:
        distances: (Q, G) real without NaN; smaller is closer.
        matching: codes that say what is a match and what is left out.
        chunk: queries at a time, at most.

    Returns:
        Ranks, number of matches and number of candidates, on the CPU.
    """
    matching = matching.to(distances.device)
    rows_of_chunks = query_chunks(len(distances), distances.shape[1], chunk)
    return _gathered(_chunk_ranks(distances[rows], matching, rows) for rows in rows_of_chunks)


def query_chunks(num_query: int, num_gallery: int, chunk: int) -> Iterator[slice]:
    """Consecutive slices that cover all queries, each at most `chunk` long and small enough for memory."""
    if chunk < 1:
        raise ValueError(f"chunk: expected 1 query at a time or more, got {chunk}")
    size = max(1, min(chunk, _MAX_PAIRS // max(1, num_gallery)))
    return (slice(start, min(start + size, num_query)) for start in range(0, num_query, size))


def match_masks(matching: Matching, rows: slice) -> tuple[Tensor, Tensor]:
    """For the queries in `rows`, (B, G) bool each: which gallery rows match, and which are left out."""
    group, label = matching.query_group[rows, None], matching.query_label[rows, None]  # (B, 1)
    left_out = ((group == matching.gallery_group) & (group >= 0)) | ~matching.gallery_counts
    match = (label == matching.gallery_label) & (label >= 0) & ~left_out
    return match, left_out


def ordered_keys(distances: Tensor) -> Tensor:
    """(B, G) int64 keys, all different within a row, that sort by (distance, gallery row); shape (B, G) real.

    The upper half of a key holds the distance, the lower half the gallery row. Sorting keys is stable by nature and
    several times faster than a stable sort with indices.
    """
    columns = torch.arange(distances.shape[1], device=distances.device)
    return _ordered_integers(distances).bitwise_left_shift_(32).add_(columns)


def sorted_rows(keys: Tensor) -> Tensor:
    """(B, G) int64, every row ascending. NumPy sorts whole numbers on the CPU about five times faster than torch."""
    if keys.device.type == "cpu":
        return torch.from_numpy(np.sort(keys.numpy(), axis=1))
    ascending: Tensor = keys.sort(dim=1).values
    return ascending


def _ordered_integers(distances: Tensor) -> Tensor:
    """Whole numbers (int64, within 32 bits) in the same order as the distances, equal where they are equal."""
    if distances.dtype in (torch.float16, torch.bfloat16):
        distances = distances.float()
    if distances.dtype != torch.float32:
        order: Tensor = torch.unique(distances, return_inverse=True)[1]
        return order
    bits = (distances + 0.0).view(torch.int32)  # + 0.0 makes -0.0 the same number as 0.0
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()  # of negative numbers all bits but the sign are turned round


def _chunk_ranks(distances: Tensor, matching: Matching, rows: slice) -> MatchRanks:
    match, left_out = match_masks(matching, rows)  # (B, G)
    keys = ordered_keys(distances)  # (B, G)
    last = torch.iinfo(torch.int64).max
    ranked = sorted_rows(keys.masked_fill(left_out, last))  # (B, G), the candidates first
    num_matches = match.sum(1)  # (B,)
    width = int(num_matches.max())
    wanted = torch.full((len(keys), width), last, device=keys.device)
    wanted[torch.arange(width, device=keys.device) < num_matches[:, None]] = keys[match]  # (B, P), rows padded
    ranks = torch.searchsorted(ranked, wanted) + 1  # (B, P)
    ranks = sorted_rows(ranks.masked_fill(wanted == last, last))
    return MatchRanks(ranks[ranks != last].cpu(), num_matches.cpu(), (~left_out).sum(1).cpu())


def _gathered(chunks: Iterator[MatchRanks]) -> MatchRanks:
    ranks, num_matches, num_candidates = zip(*chunks, strict=True)
    return MatchRanks(torch.cat(ranks), torch.cat(num_matches), torch.cat(num_candidates))
