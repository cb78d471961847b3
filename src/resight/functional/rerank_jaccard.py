"""Jaccard distances from sparse codes: through the transposed codes only rows that share a neighbour are met."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from torch import Tensor

from resight.functional.compiled import Run, compiled
from resight.functional.rerank_codes import in_two_passes
from resight.functional.sparse_rows import SparseRows

_Integers = npt.NDArray[np.int32]
_Starts = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float32]


def mixed_blocks(
    blocks: Iterable[tuple[slice, Tensor]],
    wanted: npt.NDArray[np.int64],
    codes: SparseRows,
    postings: SparseRows,
    scale: _Floats,
    *,
    weight: float,
    run: Run,
) -> Iterator[tuple[slice, Tensor]]:
    """(1 - weight) * Jaccard distance + weight * squared distance / scale, for some queries and the whole gallery.

    Args:
        blocks: positions in `wanted` and squared distances, (b, G) float32 on the CPU; made mixed ones in place.
        wanted: query rows.
        codes: of the Q queries, over all Q + G rows.
        postings: the codes of the gallery, `turned`.
        scale: (Q,) what squared distances are divided by.
        weight: of the squared distance.
        run: of `row_threads`.

    Yields:
        The blocks.
    """
    for part, block in blocks:
        run(_mix, len(block), block.numpy(), wanted[part], *codes, *postings, scale, np.float32(weight))
        yield part, block


def jaccard_rows(codes: SparseRows, run: Run) -> SparseRows:
    """Jaccard distances below 1 of all rows to all rows, columns ascending, negative rounding errors made 0.

    Args:
        codes: of N rows.
        run: of `row_threads`.
    """
    total = len(codes.starts) - 1
    postings = turned(codes, 0, total)
    found = in_two_passes(_jaccard, total, run, *codes, *postings)
    return turned(turned(found, 0, total), 0, total)  # turning puts the entries of a row in order


def turned(codes: SparseRows, top: int, num_columns: int) -> SparseRows:
    """The transpose of the rows from `top` on: for each column the rows, counted from `top` and ascending."""
    starts = np.zeros(num_columns + 1, dtype=np.int64)
    entries = slice(codes.starts[top], codes.starts[-1])
    np.cumsum(np.bincount(codes.columns[entries], minlength=num_columns), out=starts[1:])
    result = SparseRows(starts, np.empty(starts[-1], np.int32), np.empty(starts[-1], np.float32))
    _turn(*codes, top, starts[:-1].copy(), result.columns, result.values)
    return result


@compiled
def _turn(
    starts: _Starts,
    columns: _Integers,
    values: _Floats,
    top: int,
    places: _Starts,
    turned_columns: _Integers,
    turned_values: _Floats,
) -> None:
    for i in range(top, len(starts) - 1):
        for entry in range(starts[i], starts[i + 1]):
            place = places[columns[entry]]
            turned_columns[place] = i - top
            turned_values[place] = values[entry]
            places[columns[entry]] = place + 1


@compiled
def _mix(
    block: _Floats,
    rows: npt.NDArray[np.int64],
    code_starts: _Starts,
    code_columns: _Integers,
    code_values: _Floats,
    posting_starts: _Starts,
    posting_rows: _Integers,
    posting_values: _Floats,
    scale: _Floats,
    weight: float,
    start: int,
    stop: int,
) -> None:
    """Makes mixed distances of the squared distances in rows start..stop of a block."""
    shared = np.zeros(block.shape[1], np.float32)  # sum over the columns of the smaller weight
    one, two = np.float32(1), np.float32(2)
    for r in range(start, stop):
        q, line = rows[r], block[r]
        divisor = scale[q]
        for entry in range(code_starts[q], code_starts[q + 1]):
            c, value = code_columns[entry], code_values[entry]
            for posting in range(posting_starts[c], posting_starts[c + 1]):
                shared[posting_rows[posting]] += min(value, posting_values[posting])
        for g in range(len(line)):
            jaccard = one - shared[g] / (two - shared[g])
            line[g] = jaccard * (one - weight) + line[g] / divisor * weight
            shared[g] = 0


@compiled
def _jaccard(
    code_starts: _Starts,
    code_columns: _Integers,
    code_values: _Floats,
    posting_starts: _Starts,
    posting_rows: _Integers,
    posting_values: _Floats,
    starts: _Starts,
    columns: _Integers,
    values: _Floats,
    fill: bool,
    start: int,
    stop: int,
) -> None:
    """Rows start..stop of `jaccard_rows`: counts them, then writes them."""
    total = len(code_starts) - 1
    taken, shared = np.zeros(total, np.int32), np.zeros(total, np.float32)
    met = np.empty(total, np.int32)
    one, two, zero = np.float32(1), np.float32(2), np.float32(0)
    for i in range(start, stop):
        count = 0
        for entry in range(code_starts[i], code_starts[i + 1]):
            c, value = code_columns[entry], code_values[entry]
            for posting in range(posting_starts[c], posting_starts[c + 1]):
                j = posting_rows[posting]
                if taken[j] != i + 1:
                    taken[j] = i + 1
                    shared[j] = zero
                    met[count] = j
                    count += 1
                shared[j] += min(value, posting_values[posting])
        if not fill:
            starts[i + 1] = count
            continue
        for a in range(count):
            j = met[a]
            columns[starts[i] + a] = j
            values[starts[i] + a] = max(one - shared[j] / (two - shared[j]), zero)
