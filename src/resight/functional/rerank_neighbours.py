"""The nearest rows of every row and its farthest distance, from tiles of a product that is computed only half.

Distances are symmetric: a tile of rows x columns above the diagonal says the distances of its columns to its rows as
well, so the tiles below the diagonal are never computed. Tiles are walked so that every row meets the others in
ascending order. A strict comparison therefore keeps the lower row of two at the same distance: the order is that of a
stable sort.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resight.functional.compiled import Run, compiled
from resight.functional.distance_blocks import squared_lengths

_TILE = (1024, 1024)  # rows and columns of the product at a time, 4 MB
_RUN = 64  # entries that are compared before any is looked at
_Integers = npt.NDArray[np.int32]
_Floats = npt.NDArray[np.float32]


class Neighbours(NamedTuple):
    """The K nearest of N rows for each of them, the row itself among them, normally first."""

    rows: npt.NDArray[np.int32]  # (N, K) nearest first, equal distances by row
    distances: npt.NDArray[np.float32]  # (N, K) squared Euclidean
    farthest: npt.NDArray[np.float32]  # (N,) the largest squared distance of the row


def neighbours(first: Tensor, second: Tensor, count: int, run: Run, tile: tuple[int, int] = _TILE) -> Neighbours:
    """The nearest rows among two sets that stand one after the other.

    Args:
        first: (A, D) float32 on the CPU, rows 0 to A - 1.
        second: (B, D) float32 on the CPU, rows A to A + B - 1.
        count: neighbours of each row; no more than A + B.
        run: of `row_threads`.
        tile: rows and columns of the product at a time; changes memory and time, not the result.

    Returns:
        Neighbours, distances and farthest distances.
    """
    total = len(first) + len(second)
    norms = squared_norms(first, second)
    near = np.full((total, count), -1, dtype=np.int32)
    distances = np.full((total, count), np.inf, dtype=np.float32)
    farthest = np.full(total, -np.inf, dtype=np.float32)
    buffer = torch.empty(tile[0] * tile[1])
    wide = _blocks(first, second, tile[1])
    for top, rows in _blocks(first, second, tile[0]):
        bottom = top + len(rows)
        own = slice(top, bottom)
        for start, block in wide:
            left, right = max(start, top), start + len(block)
            if right <= top:
                continue
            product = buffer[: len(rows) * (right - left)].view(len(rows), right - left)
            with torch.autocast("cpu", enabled=False):
                torch.mm(rows, block[left - start :].T, out=product)
            values, columns = product.numpy(), slice(left, right)
            run(
                _take_rows, len(rows), values, norms[own], norms[columns], left,
                near[own], distances[own], farthest[own],
            )  # fmt: skip
            below = slice(max(left, bottom), right)  # the square on the diagonal has been taken in both directions
            if below.start < right:
                run(
                    _take_columns, right - below.start, values, below.start - left, top,
                    near[below], distances[below], farthest[below],
                )  # fmt: skip
    return Neighbours(near, distances, farthest)


def squared_norms(first: Tensor, second: Tensor) -> _Floats:
    """(A + B,) squared length of every row."""
    norms: _Floats = torch.cat([squared_lengths(part) for part in (first, second)]).numpy()
    return norms


def _blocks(first: Tensor, second: Tensor, size: int) -> list[tuple[int, Tensor]]:
    """Both sets in blocks of at most `size` rows, each with the number of its first row."""
    parts = ((0, first), (len(first), second))
    return [(start + i, rows[i : i + size]) for start, rows in parts for i in range(0, len(rows), size)]


@compiled
def _take_rows(
    tile: _Floats,
    row_norms: _Floats,
    column_norms: _Floats,
    left: int,
    near: _Integers,
    distances: _Floats,
    farthest: _Floats,
    start: int,
    stop: int,
) -> None:
    """Makes distances of the products in rows start..stop of a tile, and offers the columns to the rows."""
    last = distances.shape[1] - 1
    for r in range(start, stop):
        for begin in range(0, tile.shape[1], _RUN):
            part = tile[r, begin : begin + _RUN]
            if _to_distances(part, column_norms[begin : begin + _RUN], row_norms[r], distances[r, last], farthest[r]):
                for c in range(len(part)):
                    farthest[r] = max(farthest[r], part[c])
                    if part[c] < distances[r, last]:
                        _insert(near[r], distances[r], left + begin + c, part[c])


@compiled
def _take_columns(
    tile: _Floats,
    skip: int,
    top: int,
    near: _Integers,
    distances: _Floats,
    farthest: _Floats,
    start: int,
    stop: int,
) -> None:
    """Offers the rows of a tile of distances to its columns start..stop, which are counted after `skip` others."""
    last = distances.shape[1] - 1
    worst = distances[start:stop, last].copy()
    most = farthest[start:stop]
    for r in range(tile.shape[0]):
        line = tile[r, skip + start : skip + stop]
        for begin in range(0, len(line), _RUN):
            end = min(begin + _RUN, len(line))
            if _any_outside(line[begin:end], worst[begin:end], most[begin:end]):
                for c in range(begin, end):
                    most[c] = max(most[c], line[c])
                    if line[c] < worst[c]:
                        _insert(near[start + c], distances[start + c], top + r, line[c])
                        worst[c] = distances[start + c, last]


@compiled
def _to_distances(line: _Floats, column_norms: _Floats, norm: float, worst: float, most: float) -> bool:
    """Makes distances of products, and says whether one is below `worst` or above `most`.

    A count of four bytes, and no maximum: numba vectorises this loop, but none that keeps a maximum.
    """
    count = np.uint32(0)
    for c in range(len(line)):
        value = (norm + column_norms[c]) - np.float32(2) * line[c]
        line[c] = value
        count = np.uint32(count + np.uint32(value < worst) + np.uint32(value > most))
    return bool(count > 0)


@compiled
def _any_outside(line: _Floats, worst: _Floats, most: _Floats) -> bool:
    """Whether a distance is below its `worst` or above its `most`."""
    count = np.uint32(0)
    for c in range(len(line)):
        count = np.uint32(count + np.uint32(line[c] < worst[c]) + np.uint32(line[c] > most[c]))
    return bool(count > 0)


@compiled
def _insert(near: _Integers, distances: _Floats, row: int, distance: float) -> None:
    """Puts a row into one ascending list, behind those at the same distance; the last of the list falls out."""
    place = len(near) - 1
    while place > 0 and distances[place - 1] > distance:
        near[place], distances[place] = near[place - 1], distances[place - 1]
        place -= 1
    near[place], distances[place] = row, distance
