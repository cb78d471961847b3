"""What k-reciprocal re-ranking knows of a row: weights of the rows that are its neighbours in both directions.

A code is a sparse row over all N rows; only codes are kept, never an N x N matrix.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from resight.functional.compiled import Run, compiled
from resight.functional.rerank_neighbours import Neighbours, squared_norms
from resight.functional.sparse_rows import SparseRows

_Integers = npt.NDArray[np.int32]
_Starts = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]


def neighbour_codes(
    first: Tensor, second: Tensor, found: Neighbours, *, whole: int, half: int, scale: _Floats, run: Run
) -> SparseRows:
    """Weights exp(-distance / scale), of sum 1, of every row's expanded set of reciprocal neighbours.

    Row j is a reciprocal neighbour of i where each is among the nearest `whole` of the other. The set of i grows by
    the reciprocal neighbours of j among the nearest `half`, for each j in it of whose neighbours more than two thirds
    are in it as well.

    Args:
        first: (A, D) float32 on the CPU, rows 0 to A - 1.
        second: (B, D) float32 on the CPU, the rows after.
        found: neighbours of all N = A + B rows.
        whole: length of the lists that are compared; the row itself counts.
        half: length of the shorter lists for the expansion; the row itself counts.
        scale: (N,) what squared distances are divided by.
        run: of `row_threads`.

    Returns:
        N rows, the columns of each in no order. Empty where a row has no reciprocal neighbour, itself included: that
        takes more copies of it than the lists are long.
    """
    sets = [_reciprocal_sets(found.rows, length, run) for length in (whole, half)]
    norms = squared_norms(first, second)
    return in_two_passes(
        _expand, len(found.rows), run, found.rows, found.distances, scale, *sets[0], *sets[1],
        first.numpy(), second.numpy(), norms,
    )  # fmt: skip


def query_expansion(codes: SparseRows, near: _Integers, count: int, run: Run) -> SparseRows:
    """Every row's code becomes the mean of the codes of its `count` nearest rows, itself normally among them.

    Args:
        codes: of N rows.
        near: (N, K) nearest first.
        count: k2, at most K.
        run: of `row_threads`.
    """
    return in_two_passes(_average, len(near), run, near, count, *codes)


def _reciprocal_sets(near: _Integers, length: int, run: Run) -> tuple[_Integers, _Integers]:
    """(N, length) reciprocal neighbours in order of distance, and (N,) how many there are."""
    members = np.empty((len(near), length), dtype=np.int32)
    counts = np.empty(len(near), dtype=np.int32)
    run(_reciprocal, len(near), near[:, :length].copy(), members, counts)
    return members, counts


def in_two_passes(kernel: Callable[..., None], total: int, run: Run, *arguments: Any) -> SparseRows:
    """Rows of a kernel that counts the entries of each row first, and then writes them."""
    starts = np.zeros(total + 1, dtype=np.int64)
    nothing = np.empty(0, np.int32), np.empty(0, np.float32)
    run(kernel, total, *arguments, starts, *nothing, False)
    np.cumsum(starts, out=starts)
    result = SparseRows(starts, np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32))
    run(kernel, total, *arguments, *result, True)
    return result


@compiled
def _reciprocal(near: _Integers, members: _Integers, counts: _Integers, start: int, stop: int) -> None:
    length = near.shape[1]
    for i in range(start, stop):
        count = 0
        for a in range(length):
            j = near[i, a]
            for b in range(length):
                if near[j, b] == i:
                    members[i, count] = j
                    count += 1
                    break
        counts[i] = count


@compiled
def _expand(
    near: _Integers,
    distances: _Floats,
    scale: _Floats,
    whole: _Integers,
    whole_counts: _Integers,
    half: _Integers,
    half_counts: _Integers,
    first: _Floats,
    second: _Floats,
    norms: _Floats,
    starts: _Starts,
    columns: _Integers,
    values: _Floats,
    fill: bool,
    start: int,
    stop: int,
) -> None:
    """Rows start..stop of `neighbour_codes`. A mark of i + 1 in a scratch row means: holds for row i."""
    total = len(near)
    reciprocal, taken = np.zeros(total, np.int32), np.zeros(total, np.int32)
    known, distance_of = np.zeros(total, np.int32), np.empty(total, np.float32)
    members = np.empty(min(whole.shape[1] * (1 + half.shape[1]), total), np.int32)
    for i in range(start, stop):
        mark = i + 1
        count = 0
        for a in range(whole_counts[i]):
            j = whole[i, a]
            reciprocal[j] = taken[j] = mark
            members[count] = j
            count += 1
        for a in range(whole_counts[i]):
            j = whole[i, a]
            inside = 0
            for b in range(half_counts[j]):
                inside += reciprocal[half[j, b]] == mark
            if 3 * inside > 2 * half_counts[j]:
                for b in range(half_counts[j]):
                    c = half[j, b]
                    if taken[c] != mark:
                        taken[c] = mark
                        members[count] = c
                        count += 1
        if not fill:
            starts[i + 1] = count
            continue
        for a in range(near.shape[1]):
            known[near[i, a]] = mark
            distance_of[near[i, a]] = distances[i, a]
        place, weights = starts[i], 0.0
        for a in range(count):
            c = members[a]
            distance = distance_of[c] if known[c] == mark else _distance(first, second, norms, i, c)
            weight = np.exp(-distance / scale[i])
            columns[place + a] = c
            values[place + a] = weight
            weights += weight
        for a in range(count):
            values[place + a] /= weights


@compiled
def _distance(first: _Floats, second: _Floats, norms: _Floats, i: int, j: int) -> float:
    one = first[i] if i < len(first) else second[i - len(first)]
    other = first[j] if j < len(first) else second[j - len(first)]
    product = np.float32(0)
    for d in range(len(one)):
        product += one[d] * other[d]
    distance: float = (norms[i] + norms[j]) - np.float32(2) * product
    return distance


@compiled
def _average(
    near: _Integers,
    count: int,
    code_starts: _Starts,
    code_columns: _Integers,
    code_values: _Floats,
    starts: _Starts,
    columns: _Integers,
    values: _Floats,
    fill: bool,
    start: int,
    stop: int,
) -> None:
    """Rows start..stop of `query_expansion`; marks as in `_expand`."""
    taken, place_of = np.zeros(len(near), np.int32), np.empty(len(near), np.int64)
    for i in range(start, stop):
        place = starts[i] if fill else 0
        begin = place
        for a in range(count):
            j = near[i, a]
            for entry in range(code_starts[j], code_starts[j + 1]):
                c = code_columns[entry]
                if taken[c] != i + 1:
                    taken[c] = i + 1
                    if fill:
                        place_of[c] = place
                        columns[place] = c
                        values[place] = 0
                    place += 1
                if fill:
                    values[place_of[c]] += code_values[entry]
        if fill:
            for entry in range(begin, place):
                values[entry] /= np.float32(count)
        else:
            starts[i + 1] = place
