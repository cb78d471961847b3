"""The rows with the highest scores: exact, and the same however many processes look for them together."""

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from resight.errors import DataError
from resight.filtering.exchange import Exchange

Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Keys = Callable[[npt.NDArray[np.int64]], pa.Array]
"""From ascending row numbers to their keys, as text: asked for rows whose scores are equal alone."""

_HALF = 1 << 16


def rows_to_keep(keep: float | int, count: int) -> int:
    """How many rows a share (float, 0..1, of all rows, half a row counts) or a count (int) means.

    A share is taken as it is written: 0.29 of 50 rows are 14.5, though the float is a little less than 0.29.

    Raises:
        DataError: if it is no row, or more than there are.
    """
    if isinstance(keep, float):
        if not 0 < keep <= 1:
            raise DataError(f"keep: expected a share above 0 and at most 1, or a whole number of images, came {keep:g}")
        wanted = int((Decimal(str(keep)) * count).to_integral_value(ROUND_HALF_UP))
    else:
        wanted = keep
    if not 1 <= wanted <= count:
        raise DataError(f"keep: expected 1 to {count:,} images, which is what the pool has, came {wanted:,} ({keep})")
    return wanted


def select_top(scores: Scores, keep: float | int, keys: Keys | None = None, *, among: Mask | None = None) -> Mask:
    """Which rows to keep, (N,).

    Args:
        scores: (N,), NaN where a row has none; such rows are never kept.
        keep: share of N (float) or number of rows (int). Where fewer can be kept, all of these are.
        keys: names of rows; of equal scores the lowest key is kept first. None: the first row.
        among: (N,) rows that may be kept at all; None: all.

    Raises:
        ValueError: if `keep` is out of range or shapes differ.
    """
    return select_top_of_share(scores, rows_to_keep(keep, len(scores)), keys, among=among, exchange=Exchange.alone())


def select_top_of_share(
    scores: Scores, wanted: int, keys: Keys | None = None, *, among: Mask | None = None, exchange: Exchange
) -> Mask:
    """`select_top` for rows that are spread over processes: which rows of this process's share to keep, (n,).

    Every process calls it with its share; shares follow each other in the order of the ranks. What is exchanged are
    counts, and keys of equal scores at the cut.

    Args:
        scores: (n,) of the share.
        wanted: rows to keep, of all shares.
        keys: of the share's rows, which count from 0.
        among: (n,) of the share.
        exchange: with the other processes.

    Raises:
        ValueError: if shapes differ.
    """
    allowed = ~np.isnan(scores)
    if among is not None:
        if among.shape != scores.shape:
            raise ValueError(f"among: expected {scores.shape}, as the scores have, came {among.shape}")
        allowed &= among
    order = _sortable(scores)
    cut, above = _cut(order, allowed, wanted, exchange)
    if cut is None:
        return allowed
    kept: Mask = allowed & (order > cut)
    equal = np.flatnonzero(allowed & (order == cut))
    kept[_first_by_key(equal, wanted - above, keys, exchange)] = True
    return kept


def _sortable(scores: Scores) -> npt.NDArray[np.uint32]:
    """Whole numbers (N,) in the order of the scores; equal for 0.0 and -0.0."""
    bits = (scores.astype(np.float32, copy=False) + np.float32(0)).view(np.uint32)
    negative = (bits >> np.uint32(31)).astype(bool)
    sortable: npt.NDArray[np.uint32] = np.where(negative, ~bits, bits | np.uint32(1 << 31))
    return sortable


def _cut(order: npt.NDArray[np.uint32], allowed: Mask, wanted: int, exchange: Exchange) -> tuple[np.uint32 | None, int]:
    """The lowest value of which rows are kept, and how many rows are above it; None: all rows can be kept.

    The value is found from its upper and its lower half: two histograms, whatever the number of rows.
    """
    upper = order >> np.uint32(16)
    counts = exchange.sum(np.bincount(upper[allowed], minlength=_HALF))
    if counts.sum() <= wanted:
        return None, 0
    high, above = _place(counts, wanted)
    lower = order[allowed & (upper == high)] & np.uint32(_HALF - 1)
    low, more = _place(exchange.sum(np.bincount(lower, minlength=_HALF)), wanted - above)
    return np.uint32(high * _HALF + low), above + more


def _place(counts: npt.NDArray[np.int64], wanted: int) -> tuple[int, int]:
    """The place at which the sum from the end reaches `wanted`, and the sum behind it."""
    sums = np.cumsum(counts[::-1])
    place = int(np.searchsorted(sums, wanted))
    return len(counts) - 1 - place, int(sums[place] - counts[::-1][place])


def _first_by_key(
    rows: npt.NDArray[np.int64], wanted: int, keys: Keys | None, exchange: Exchange
) -> npt.NDArray[np.int64]:
    """Of this process's rows those that are among the first `wanted` of all processes', by key, then rank, then row."""
    if keys is None:
        before = sum(exchange.gather(len(rows))[: exchange.rank])
        return rows[: max(wanted - before, 0)]
    named = keys(rows)
    first = pc.array_sort_indices(named)[:wanted]  # stable
    if exchange.world > 1:
        parts = exchange.gather(named.take(first))
        ranks = np.repeat(np.arange(exchange.world), [len(part) for part in parts])
        merged = pc.array_sort_indices(pa.concat_arrays(parts))[:wanted].to_numpy()
        first = first[: int((ranks[merged] == exchange.rank).sum())]
    chosen: npt.NDArray[np.int64] = rows[first.to_numpy()]
    return chosen
