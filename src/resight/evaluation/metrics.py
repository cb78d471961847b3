"""The retrieval metrics as functions of the ranks of the matches.

With R matches of a query at the ranks r_1 < .. < r_R in its junk-free gallery of n rows:

    average precision         (1/R) * sum_k k / r_k       (not interpolated)
    inverse negative penalty  R / r_R
    cumulative matches at k   1 if r_1 <= k else 0

Queries without a match have NaN and are left out of every mean.
Source: shared definitions of TransReID, fast-reid and torchreid, written from their description.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from resight.functional.ranking import MatchRanks

Floats: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]


def average_precision(found: MatchRanks) -> Floats:
    """(Q,) fraction per query; NaN where it has no match."""
    ranks, counts = _as_numpy(found)
    within = np.arange(len(ranks)) - np.repeat(np.cumsum(counts) - counts, counts) + 1  # (M,) 1, 2, .. per query
    total = np.bincount(_query_of_each_match(counts), weights=within / ranks, minlength=len(counts))  # (Q,)
    return _divided(total, counts)


def inverse_negative_penalty(found: MatchRanks) -> Floats:
    """(Q,) fraction per query: 1 if no wrong row stands before its last match; NaN where it has no match."""
    ranks, counts = _as_numpy(found)
    has_match = counts > 0
    last_rank = np.zeros(len(counts))
    last_rank[has_match] = ranks[np.cumsum(counts)[has_match] - 1]
    return _divided(counts, last_rank)


def first_rank(found: MatchRanks) -> Floats:
    """(Q,) rank of each query's first match, from 1; NaN where it has no match."""
    ranks, counts = _as_numpy(found)
    has_match = counts > 0
    first = np.full(len(counts), np.nan)
    first[has_match] = ranks[(np.cumsum(counts) - counts)[has_match]]
    return first


def cumulative_matches(found: MatchRanks, max_rank: int) -> Floats:
    """(max_rank,) fraction of the queries with a match that find one among their first 1, 2, .. max_rank rows.

    A gallery with fewer rows than `max_rank` keeps its last value to the end.
    """
    ranks, counts = _as_numpy(found)
    has_match = counts > 0
    first_rank = ranks[(np.cumsum(counts) - counts)[has_match]]
    hits = np.bincount(first_rank[first_rank <= max_rank] - 1, minlength=max_rank)
    cumulated: Floats = np.cumsum(hits) / has_match.sum()
    return cumulated


def chance_average_precision(found: MatchRanks) -> Floats:
    """(Q,) expected average precision of a random order, exact; NaN where the query has no match.

    For R matches among n rows, rank i holds a match with probability R/n, and given that, (R-1)/(n-1) of the i-1 rows
    before it are matches on average. So

        E = (1/R) sum_i (R/n) (1/i) (1 + (i-1)(R-1)/(n-1)) = (1/n) (H_n + (R-1)/(n-1) (n - H_n))

    with the harmonic number H_n = 1 + 1/2 + .. + 1/n.
    """
    counts, rows = found.num_matches.numpy(), found.num_candidates.numpy()
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, rows.max(initial=0) + 1))])[rows]  # (Q,)
    share = (counts - 1) / np.maximum(rows - 1, 1)
    return np.where(counts > 0, _divided(harmonic + share * (rows - harmonic), rows), np.nan)


def _as_numpy(found: MatchRanks) -> tuple[Integers, Integers]:
    return found.ranks.numpy(), found.num_matches.numpy()


def _query_of_each_match(counts: Integers) -> Integers:
    query: Integers = np.repeat(np.arange(len(counts)), counts)
    return query


def _divided(numerator: npt.NDArray[Any], denominator: npt.NDArray[Any]) -> Floats:
    """The quotient, NaN where the denominator is 0."""
    result = np.full(len(numerator), np.nan)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result
