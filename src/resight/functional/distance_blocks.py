"""The distances of all queries to a gallery, some queries at a time, in one buffer that is used again and again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from resight.functional.distance import (
    SMALLEST_SQUARE,
    cosine_distance,
    euclidean_distance,
    squared_euclidean_distance,
)

Distance: TypeAlias = Callable[[Tensor, Tensor], Tensor]

MEMORY: Final = 3 * 2**25
"""Bytes that blocks of distances take, where nothing else is asked for: 300 queries against 80,000 gallery rows."""

_MAX_ROWS = 512  # queries at a time; more do not make the product quicker
_TILE = 1024  # gallery rows at a time on a CPU: they and their distances stay in its cache, quicker than one product
_SMALLEST_LENGTH = 1e-12  # of a row that is brought to length 1, as in `cosine_distance`
_PIECE = 2**18  # values of a temporary, at most: 1 MB, which stays in the cache


class _Product(NamedTuple):
    """How a distance follows from a matrix product: |a|^2 + |b|^2 - 2 ab, or 1 - ab of rows of length 1."""

    unit: bool  # rows of length 1 are compared
    root: bool  # the square root ends it


_PRODUCTS: Final[dict[Distance, _Product]] = {
    squared_euclidean_distance: _Product(unit=False, root=False),
    euclidean_distance: _Product(unit=False, root=True),
    cosine_distance: _Product(unit=True, root=False),
}


def distance_blocks(
    query: Tensor, gallery: Tensor, distance: Distance, *, memory: int = MEMORY
) -> Iterator[tuple[slice, Tensor]]:
    """All distances, the blocks in the order of the queries.

    For the three of `resight.functional.distance.DISTANCES` no other matrix is made than the block itself. Gallery rows
    in half precision are converted to float32 once if they fit into half of `memory`, else some at a time.

    Args:
        query: (Q, D) real.
        gallery: (G, D) real, on the device of `query`.
        distance: from (B, D) and (G, D) to (B, G).
        memory: bytes for the block and for converted gallery rows. One query's distances, 4 bytes for each gallery row,
            are held in any case. It changes time and memory; the result only as rounding differs between a matrix
            product of many rows and one of few.

    Yields:
        Which queries, and their (B, G) distances, which the next block overwrites.

    Raises:
        ValueError: if `memory` is not positive, or the shapes do not fit.
    """
    query, gallery = query.detach(), gallery.detach()
    form = _PRODUCTS.get(distance)
    if form is not None:
        yield from _product_blocks(query, gallery, form, memory)
        return
    for rows in query_slices(len(query), 4 * len(gallery), memory):
        with torch.no_grad():
            block = distance(query[rows], gallery)
        yield rows, block


def query_slices(num_query: int, row_bytes: int, memory: int) -> list[slice]:
    """Consecutive slices of about equal length that cover all queries, each within `memory` but one query at least.

    Of equal length because a product of few rows, such as a rest, is slow, and rounds in its own way.

    Args:
        num_query: queries in all.
        row_bytes: what one of them takes.
        memory: bytes.

    Raises:
        ValueError: if `memory` is not positive.
    """
    if memory < 1:
        raise ValueError(f"memory: expected a positive number of bytes, got {memory}")
    most = max(1, min(_MAX_ROWS, memory // max(1, row_bytes)))
    parts = -(-num_query // most)
    return [slice(num_query * i // parts, num_query * (i + 1) // parts) for i in range(parts)]


def squared_lengths(vectors: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """(N,) |a|^2 of every row of (N, D), in `dtype`, or in float64 where the vectors are. No second (N, D) is made."""
    step = max(1, _PIECE // max(1, vectors.shape[1]))
    dtype = torch.promote_types(dtype, vectors.dtype) if vectors.is_floating_point() else dtype
    lengths = torch.empty(len(vectors), dtype=dtype, device=vectors.device)
    for start in range(0, len(vectors), step):
        lengths[start : start + step] = vectors[start : start + step].to(dtype).square().sum(1)
    return lengths


def _product_blocks(query: Tensor, gallery: Tensor, form: _Product, memory: int) -> Iterator[tuple[slice, Tensor]]:
    if query.ndim != 2 or gallery.ndim != 2 or query.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"distance: expected (Q, D) and (G, D) with the same D, got {tuple(query.shape)} and {tuple(gallery.shape)}"
        )
    dtype = torch.float64 if torch.float64 in (query.dtype, gallery.dtype) else torch.float32
    tiles = _Tiles.of(gallery, dtype, memory)
    query_squares, gallery_squares = (squared_lengths(side, dtype) for side in (query, gallery))
    shrink = gallery_squares.sqrt().clamp_(min=_SMALLEST_LENGTH).reciprocal_()  # (G,)
    slices = query_slices(len(query), len(gallery) * dtype.itemsize, min(memory, max(1, memory - tiles.room)))
    longest = max((rows.stop - rows.start for rows in slices), default=0)
    buffer = torch.empty(longest, len(gallery), dtype=dtype, device=query.device)
    for rows in slices:
        block, own = buffer[: rows.stop - rows.start], query[rows].to(dtype)
        with torch.no_grad(), torch.autocast(query.device.type, enabled=False):
            own = F.normalize(own, dim=1) if form.unit else own
            for columns, tile in tiles:
                part = block[:, columns]
                if form.unit:
                    torch.mm(own, tile.mT, out=part)
                    torch.addcmul(part.new_ones(()), part, shrink[columns], value=-1, out=part)
                else:
                    torch.add(query_squares[rows, None], gallery_squares[columns], out=part)
                    part.addmm_(own, tile.mT, alpha=-2)
                if form.root:
                    part.clamp_(min=SMALLEST_SQUARE).sqrt_()
        yield rows, block


@dataclass(frozen=True)
class _Tiles:
    """The gallery some rows at a time, in the type in which it enters the product.

    The last tile takes the rest, so it has up to twice as many: a product of few columns rounds in its own way, and
    equal rows would not be equally far.
    """

    source: Tensor  # (G, D)
    dtype: torch.dtype
    size: int  # rows at a time
    room: int  # bytes that converted rows take

    @classmethod
    def of(cls, gallery: Tensor, dtype: torch.dtype, memory: int) -> "_Tiles":
        size = _TILE if gallery.device.type == "cpu" else max(1, len(gallery))
        if gallery.dtype == dtype:
            return cls(gallery, dtype, size, 0)
        row_bytes = max(1, gallery.shape[1] * dtype.itemsize)
        if len(gallery) * row_bytes <= memory // 2:
            return cls(gallery.to(dtype), dtype, size, len(gallery) * row_bytes)
        size = min(size, max(1, memory // 4 // row_bytes))
        return cls(gallery, dtype, size, 2 * size * row_bytes)

    def __iter__(self) -> Iterator[tuple[slice, Tensor]]:
        count = max(1, len(self.source) // self.size)
        for i in range(count):
            columns = slice(i * self.size, (i + 1) * self.size if i < count - 1 else len(self.source))
            yield columns, self.source[columns].to(self.dtype)
