"""Which images show nearly the same as a better one: by their codes, in bounded memory for millions.

All pairs of millions of images cannot be compared. So the images are parted into cells of a few thousand, each image to
the nearest of some images drawn at random, and compared inside their cell. Where two alike fall into neighbouring cells
by chance, another round with other cells finds them.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from resight.filtering.codes import Codes

Rows = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

CELL: Final = 2048  # images of a cell, on average
_BLOCK = 4096  # images that look for their cell at a time
_STEP = 256  # images of a cell that are compared with those kept before them at a time
_ROUNDING = 1e-6  # of a product of float32: equal codes have a cosine of 1 but for it


def near_duplicates(
    codes: Codes, order: npt.ArrayLike, *, min_cosine: float, rounds: int = 3, seed: int = 0
) -> npt.NDArray[np.int64]:
    """For each image the better one that shows nearly the same.

    In a cell the images come in the given order; one that is as close as `min_cosine` to one that is kept there is
    dropped, so the first of a group always stays. Up to twice `CELL` images make one cell, and the result is exact.
    Memory beside the mapped codes: about 40 bytes for each image. Time: each round compares an image with N / CELL and
    with CELL others.

    Args:
        codes: (N, W) int8, mapped or in memory; a code of zeros (a damaged image) is like no other.
        order: (M,) rows to look at, best first, each once.
        min_cosine: of two codes, above 0 and at most 1.
        rounds: each with other cells.
        seed: of the cells.

    Returns:
        (N,) int64: the row that is kept in place of each; -1 where the row itself is kept, and for those not in
        `order`. A row is as close as `min_cosine` to the one that it was dropped for; where that one was dropped in a
        later round in turn, the last of them stands here.

    Raises:
        ValueError: if `min_cosine` or `rounds` is out of range.
    """
    if not 0 < min_cosine <= 1 or rounds < 1:
        raise ValueError(
            f"near_duplicates: expected 0 < min_cosine <= 1 and 1 round or more, came {min_cosine} and {rounds}"
        )
    instead = np.full(len(codes), -1, dtype=np.int64)
    ordered = np.asarray(order, dtype=np.int64)
    ordered = ordered[_is_coded(codes, ordered)]
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        left = ordered[instead[ordered] < 0]
        for members in _cells(codes, left, rng):
            keeper = _greedy(codes, members, min_cosine - _ROUNDING)
            dropped = keeper >= 0
            instead[members[dropped]] = members[keeper[dropped]]
        if len(left) < 2 * CELL:  # one cell: another round would find the same
            break
    return _ends(instead)


def _is_coded(codes: Codes, rows: Rows) -> npt.NDArray[np.bool_]:
    found = np.zeros(len(codes), dtype=np.bool_)
    for start in range(0, len(codes), _BLOCK):
        found[start : start + _BLOCK] = codes[start : start + _BLOCK].any(axis=1)
    return found[rows]


def _unit(codes: Codes) -> Vectors:
    vectors = codes.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def _cells(codes: Codes, rows: Rows, rng: np.random.Generator) -> Iterator[Rows]:
    """The rows parted into cells, each in the order given."""
    count = max(1, len(rows) // CELL)
    if count == 1:
        yield rows
        return
    centers = _unit(codes[np.sort(rng.choice(rows, count, replace=False))])
    cell = np.empty(len(rows), dtype=np.int32)
    by_place = np.argsort(rows, kind="stable")  # through the file from its start to its end
    for start in range(0, len(rows), _BLOCK):
        places = by_place[start : start + _BLOCK]
        cell[places] = (_unit(codes[rows[places]]) @ centers.T).argmax(axis=1)
    del by_place
    together = np.argsort(cell, kind="stable")
    for members in np.split(together, np.cumsum(np.bincount(cell, minlength=count))[:-1]):
        if len(members) > 1:
            yield rows[members]


def _greedy(codes: Codes, members: Rows, least: float) -> npt.NDArray[np.int64]:
    """For each member the place of the first kept one that is as close as `least`, (n,); -1 for those that are kept."""
    keeper = np.full(len(members), -1, dtype=np.int64)
    kept_places: list[int] = []
    kept = np.empty((min(len(members), _STEP), codes.shape[1]), dtype=np.float32)
    for start in range(0, len(members), _STEP):
        block = _unit(codes[members[start : start + _STEP]])
        if kept_places:
            close = block @ kept[: len(kept_places)].T >= least
            found = close.any(axis=1)
            keeper[start + np.flatnonzero(found)] = np.asarray(kept_places)[close[found].argmax(axis=1)]
        new = np.flatnonzero(keeper[start : start + len(block)] < 0)
        first = _first_alike(block[new], least)
        is_kept = first < 0
        keeper[start + new[~is_kept]] = start + new[first[~is_kept]]
        chosen = new[is_kept]
        if len(kept_places) + len(chosen) > len(kept):
            kept = np.concatenate([kept, np.empty_like(kept)])
        kept[len(kept_places) : len(kept_places) + len(chosen)] = block[chosen]
        kept_places.extend((start + chosen).tolist())
    return keeper


def _first_alike(vectors: Vectors, least: float) -> npt.NDArray[np.int64]:
    """For each vector the first kept one before it that is as close as `least`, (n,); -1 for those that are kept."""
    close = np.tril(vectors @ vectors.T >= least, k=-1)
    first = np.full(len(vectors), -1, dtype=np.int64)
    for place in np.flatnonzero(close.any(axis=1)):
        before = np.flatnonzero(close[place] & (first < 0))  # later places are not in the triangle
        if len(before):
            first[place] = before[0]
    return first


def _ends(instead: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Each row's chain followed to the one that stays."""
    while True:
        further = np.where(instead >= 0, instead[instead], -1)
        if not (further >= 0).any():
            return instead
        instead = np.where(further >= 0, further, instead)
