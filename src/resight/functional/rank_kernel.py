"""Counting the ranks of the matches, compiled: for each match one sweep over the distances of its query.

The rank of a match is 1 + the number of rows before it. Those to its left are before it if they are closer or at the
same distance, those to its right only if they are closer. That is a stable sort's order, found without a sort. The
rows that are left out are counted with all others, since a sweep without a condition is several times faster, and then
counted once more alone and taken off.

Importing this imports numba.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from resight.functional.compiled import strictly_compiled
from resight.functional.match_rows import Integers

Distances = npt.NDArray[Any]  # float32 or float64; compiled once for each

_TILE = 4096  # distances that stay in the nearest cache while all matches sweep over them


@strictly_compiled
def count_ranks(
    distances: Distances,
    label_rows: Integers,
    label_spans: Integers,
    group_rows: Integers,
    group_spans: Integers,
    uncounted: Integers,
    query_group: Integers,
    gallery_group: Integers,
    places: Integers,
    ranks: Integers,
    has_nan: npt.NDArray[np.bool_],
    start: int,
    stop: int,
) -> None:
    """Writes the ranks of the matches of queries start..stop of a block.

    Args:
        distances: (B, G) C order.
        label_rows: gallery rows by label, see `RowsByCode`.
        label_spans: (B, 2).
        group_rows: gallery rows by group.
        group_spans: (B, 2).
        uncounted: gallery rows that count for no query.
        query_group: (B,).
        gallery_group: (G,).
        places: (B + 1,) where each query's ranks stand in `ranks`; a query without a place there is only searched for
            NaN.
        ranks: (M,) written; in gallery order within a query.
        has_nan: (B,) written.
        start: first query.
        stop: end of the queries.
    """
    most_matches, most_left_out = 0, len(uncounted)
    for b in range(start, stop):
        most_matches = max(most_matches, label_spans[b, 1] - label_spans[b, 0])
        most_left_out = max(most_left_out, group_spans[b, 1] - group_spans[b, 0])
    matches = np.empty(most_matches, np.int64)
    thresholds = np.empty(most_matches, distances.dtype)
    scratch = np.empty(most_left_out, distances.dtype)
    for b in range(start, stop):
        line = distances[b]
        has_nan[b] = _any_nan(line)
        own = ranks[places[b] : places[b + 1]]
        if len(own) == 0:
            continue
        count = 0
        for row in label_rows[label_spans[b, 0] : label_spans[b, 1]]:
            if query_group[b] < 0 or gallery_group[row] != query_group[b]:
                matches[count] = row
                thresholds[count] = line[row]
                own[count] = 1
                count += 1
        _add_all(line, matches, thresholds, own)
        _take_off(line, group_rows[group_spans[b, 0] : group_spans[b, 1]], scratch, matches, thresholds, own)
        _take_off(line, uncounted, scratch, matches, thresholds, own)


@strictly_compiled
def _add_all(line: Distances, matches: Integers, thresholds: Distances, ranks: Integers) -> None:
    """To each rank adds the rows of `line` that are before the match."""
    for begin in range(0, len(line), _TILE):
        tile = line[begin : begin + _TILE]
        for k in range(len(ranks)):
            left = min(max(matches[k] - begin, 0), len(tile))
            ranks[k] += _before(tile, left, thresholds[k])


@strictly_compiled
def _take_off(
    line: Distances,
    rows: Integers,
    scratch: Distances,
    matches: Integers,
    thresholds: Distances,
    ranks: Integers,
) -> None:
    """From each rank takes off those of `rows`, ascending, that are before the match."""
    values = scratch[: len(rows)]
    for i in range(len(rows)):
        values[i] = line[rows[i]]
    left = 0
    for k in range(len(ranks)):
        while left < len(rows) and rows[left] < matches[k]:
            left += 1
        ranks[k] -= _before(values, left, thresholds[k])


@strictly_compiled
def _before(values: Distances, left: int, threshold: float) -> int:
    """How many values are below the threshold, or at it among the first `left`.

    Four bytes of counter for four bytes of distance: numba's own integers have eight, which halves the speed. Loops
    over positions, since those over values are not vectorised.
    """
    count = np.uint32(0)
    first, second = values[:left], values[left:]
    for i in range(len(first)):
        count = np.uint32(count + np.uint32(first[i] <= threshold))
    for i in range(len(second)):
        count = np.uint32(count + np.uint32(second[i] < threshold))
    total: int = np.int64(count)
    return total


@strictly_compiled
def _any_nan(values: Distances) -> bool:
    count = np.uint32(0)
    for i in range(len(values)):
        count = np.uint32(count + np.uint32(values[i] != values[i]))
    found: bool = count > 0
    return found
