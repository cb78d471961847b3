"""Which images show nearly the same as a better one: by their codes, in bounded memory for millions.

All pairs of millions of images cannot be compared. So the images are parted into cells of a few thousand, each image to
the nearest of some images drawn at random, and compared inside their cell. Where two alike fall into neighbouring cells
by chance, another round with other cells finds them. Equal codes, of which there may be any number, are found before.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from resight.filtering.codes import Codes

Rows = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]

CELL: Final = 2048  # images of a cell, on average; none has more than twice as many
_CENTERS = 2048  # at most, so that the time to find a cell does not grow with the pool; larger cells are parted again
_BLOCK = 4096  # images that look for their cell at a time
_LARGEST_SHARE = 0.75  # of a cell that is parted, in one of its parts; else it is halved
_STEP = 256  # images of a cell that are compared with those kept before them at a time
_ROUNDING = 1e-6  # of a product of float32: equal codes have a cosine of 1 but for it


def near_duplicates(
    codes: Codes, order: npt.ArrayLike, *, min_cosine: float, rounds: int = 3, seed: int = 0
) -> npt.NDArray[np.int64]:
    """For each image the better one that shows nearly the same.

    In a cell the images come in the given order; one that is as close as `min_cosine` to one that is kept there is
    dropped, so the first of a group always stays. Up to twice `CELL` images make one cell, and the result is exact;
    of more images, equal codes are all found, and most of the others that are alike. Memory beside the mapped codes:
    about 80 bytes for each image. Time: each round compares an image with up to 2 * `CELL` centres and as many others.

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
    _find_equal(codes, ordered, instead, rng)
    for _ in range(rounds):
        left = ordered[instead[ordered] < 0]
        for members in _cells(codes, left, rng):
            keeper = _greedy(codes, members, min_cosine - _ROUNDING)
            dropped = keeper >= 0
            instead[members[dropped]] = members[keeper[dropped]]
        if len(left) <= 2 * CELL:  # one cell: another round would find the same
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


def _find_equal(codes: Codes, ordered: Rows, instead: Rows, rng: np.random.Generator) -> None:
    """Notes in `instead` the first row of equal codes for each of the others."""
    weights = rng.integers(np.iinfo(np.int64).min, np.iinfo(np.int64).max, codes.shape[1])
    sums = np.empty(len(codes), dtype=np.int64)  # equal for equal codes, and hardly for any others
    for start in range(0, len(codes), _BLOCK):
        sums[start : start + _BLOCK] = codes[start : start + _BLOCK].astype(np.int64) @ weights  # wraps
    sums = sums[ordered]
    _, first, group = np.unique(sums, return_index=True, return_inverse=True)
    first = first[group]
    later = np.flatnonzero(first < np.arange(len(ordered)))
    for start in range(0, len(later), _BLOCK):
        places = later[start : start + _BLOCK]
        rows, better = ordered[places], ordered[first[places]]
        equal = (codes[rows] == codes[better]).all(axis=1)
        instead[rows[equal]] = better[equal]


def _cells(codes: Codes, rows: Rows, rng: np.random.Generator) -> Iterator[Rows]:
    """The rows parted into cells of at most 2 * CELL, whatever their codes; each in the order given."""
    waiting = [rows]
    while waiting:
        rows = waiting.pop()
        if len(rows) > 2 * CELL:
            waiting += _parted(codes, rows, rng)
        elif len(rows) > 1:
            yield rows


def _parted(codes: Codes, rows: Rows, rng: np.random.Generator) -> list[Rows]:
    """The rows in parts of codes that are near each other, none of which has more than three quarters of them.

    A code goes to the centre at the smallest angle, seen from the middle of them all: features of one net point more or
    less the same way, and seen from zero nearly all of them would go to the few centres in the middle.
    """
    drawn = _unit(codes[rng.choice(rows, min(len(rows), _BLOCK), replace=False)])
    middle: Vectors = drawn.mean(axis=0)
    centers = _seen_from(middle, drawn[: min(max(2, len(rows) // CELL), _CENTERS)])
    cell = np.empty(len(rows), dtype=np.int32)
    by_place = np.argsort(rows, kind="stable")  # through the file from its start to its end
    for start in range(0, len(rows), _BLOCK):
        places = by_place[start : start + _BLOCK]
        cell[places] = (_seen_from(middle, _unit(codes[rows[places]])) @ centers.T).argmax(axis=1)
    del by_place
    counts = np.bincount(cell)
    if counts.max() > _LARGEST_SHARE * len(rows):
        return _halves(codes, rows, rng)
    together = rows[np.argsort(cell, kind="stable")]
    return np.split(together, np.cumsum(counts)[:-1])


def _halves(codes: Codes, rows: Rows, rng: np.random.Generator) -> list[Rows]:
    """The rows in two parts of one size, by how far their codes lie along a direction drawn at random."""
    direction = rng.normal(size=(codes.shape[1],)).astype(np.float32)
    along = [_unit(codes[rows[start : start + _BLOCK]]) @ direction for start in range(0, len(rows), _BLOCK)]
    places = np.argsort(np.concatenate(along), kind="stable")
    return [rows[np.sort(half)] for half in np.array_split(places, 2)]


def _seen_from(middle: Vectors, vectors: Vectors) -> Vectors:
    """Directions of unit length from the middle; zero for what lies there."""
    away = vectors - middle
    away /= np.maximum(np.linalg.norm(away, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return away


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
