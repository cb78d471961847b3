"""k-reciprocal re-ranking as tensor operations, for a GPU. The steps and their names are those of the CPU's files.

No N x N matrix here either: N x N distances pass by in blocks, and sets of neighbours are lists of (row, column) pairs.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from resight.functional.distance import squared_euclidean_distance
from resight.functional.distance_blocks import squared_lengths
from resight.functional.ranking import ordered_keys
from resight.functional.rerank import Rerank, half_length

_MAX_ENTRIES = 2**26  # of any intermediate result


class _Codes(NamedTuple):
    """A sparse matrix as in `SparseRows`, on any device."""

    starts: Tensor  # (rows + 1,) int64
    columns: Tensor  # (M,) int64
    values: Tensor  # (M,) float32


def rerank_tensor_blocks(
    query: Tensor, gallery: Tensor, settings: Rerank, wanted: Tensor, blocks: Iterable[tuple[slice, Tensor]]
) -> Iterator[tuple[slice, Tensor]]:
    """The blocks of `resight.functional.rerank.rerank_blocks`.

    Args:
        query: (Q, D) float32, checked.
        gallery: (G, D) float32, checked, on the same device.
        settings: k1, k2 and weight.
        wanted: (R,) int64 query rows, on the same device.
        blocks: positions in `wanted` and squared distances, (b, G).
    """
    images = torch.cat([query, gallery])
    total = len(images)
    whole, half, mean = (min(k, total) for k in (settings.k1 + 1, half_length(settings.k1), settings.k2))
    near, farthest = _neighbours(images, max(whole, mean))
    scale = torch.where(farthest > 0, farthest, torch.inf)
    codes = _neighbour_codes(images, near, scale, whole, half)
    if settings.k2 > 1:
        codes = _query_expansion(codes, near[:, :mean])
    postings = _turned(codes, len(query), total)
    for part, distances in blocks:
        rows = wanted[part]
        shared = _shared_weight(codes, postings, rows, len(gallery))  # (b, G)
        jaccard = 1 - shared / (2 - shared)
        yield part, (1 - settings.weight) * jaccard + settings.weight * (distances / scale[rows, None])


def _neighbours(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(N, count) nearest rows in stable order, and (N,) the largest squared distance."""
    near, farthest = [], []
    for part in _portions(rows, _MAX_ENTRIES // len(rows)):
        distances = squared_euclidean_distance(rows[part], rows)
        keys = ordered_keys(distances).topk(count, dim=1, largest=False, sorted=True).values
        near.append(keys & 0xFFFFFFFF)  # the lower half of a key is the column
        farthest.append(distances.amax(1))
    return torch.cat(near), torch.cat(farthest)


def _neighbour_codes(rows: Tensor, near: Tensor, scale: Tensor, whole: int, half: int) -> _Codes:
    total = len(rows)
    long, short = (_reciprocal_sets(near[:, :length]) for length in (whole, half))
    size = _MAX_ENTRIES // (whole * half * whole)
    pairs = torch.cat([_expanded(long, short, part, total) for part in _portions(rows, size)])
    row, column = pairs // total, pairs % total
    weight = torch.exp(-_pair_distances(rows, row, column) / scale[row])
    weight /= torch.zeros(total, device=rows.device).index_add_(0, row, weight)[row]
    return _codes(row, column, weight, total)


def _reciprocal_sets(near: Tensor) -> Tensor:
    """(N, K) the neighbours that have the row among their own K, -1 for the others."""
    sets = []
    for part in _portions(near, _MAX_ENTRIES // near.shape[1] ** 2):
        own = near[part]  # (b, K)
        mutual = (near[own] == part[:, None, None]).any(2)  # (b, K)
        sets.append(torch.where(mutual, own, -1))
    return torch.cat(sets)


def _expanded(long: Tensor, short: Tensor, part: Tensor, total: int) -> Tensor:
    """Sorted codes row * N + column of the expanded sets of some rows."""
    own = long[part]  # (b, W)
    added = torch.where(own[:, :, None] >= 0, short[own.clamp(min=0)], -1)  # (b, W, H)
    counts = (added >= 0).sum(2)  # (b, W)
    inside = ((added[..., None] == own[:, None, None, :]) & (added[..., None] >= 0)).any(3).sum(2)  # (b, W)
    added = torch.where((3 * inside > 2 * counts)[..., None], added, -1)
    members = torch.cat([own, added.flatten(1)], dim=1)  # (b, W + W * H)
    codes = part[:, None] * total + members
    distinct: Tensor = torch.unique(codes[members >= 0])
    return distinct


def _pair_distances(rows: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """(M,) squared distances of the rows `first` to the rows `second`."""
    norms = squared_lengths(rows)
    portions = _portions(first, _MAX_ENTRIES // (4 * rows.shape[1]))
    products = [(rows[first[part]] * rows[second[part]]).sum(1) for part in portions]
    distances: Tensor = norms[first] + norms[second] - 2 * torch.cat(products)
    return distances


def _query_expansion(codes: _Codes, near: Tensor) -> _Codes:
    """Every row's code becomes the mean of the codes of the rows in its line of `near`, (N, k2)."""
    total, mean = near.shape
    widest = max(1, int((codes.starts[1:] - codes.starts[:-1]).max()))
    keys, values = [], []
    for part in _portions(near, _MAX_ENTRIES // (4 * mean * widest)):
        owner, entry = _entries(codes.starts, near[part].flatten())
        found, place = torch.unique(part[owner // mean] * total + codes.columns[entry], return_inverse=True)
        keys.append(found)
        values.append(torch.zeros(len(found), device=near.device).index_add_(0, place, codes.values[entry]) / mean)
    merged = torch.cat(keys)
    return _codes(merged // total, merged % total, torch.cat(values), total)


def _turned(codes: _Codes, top: int, num_columns: int) -> _Codes:
    """The transpose of the rows from `top` on: for each column the rows, counted from `top`."""
    lengths = codes.starts[1:] - codes.starts[:-1]
    row = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    kept = slice(int(codes.starts[top]), None)
    column, order = codes.columns[kept].sort(stable=True)
    return _codes(column, row[kept][order] - top, codes.values[kept][order], num_columns)


def _shared_weight(codes: _Codes, postings: _Codes, queries: Tensor, num_gallery: int) -> Tensor:
    """(b, G) sum over the columns of the smaller of both weights."""
    shared = torch.zeros(len(queries) * num_gallery, device=queries.device)
    owner, entry = _entries(codes.starts, queries)
    column = codes.columns[entry]
    work = (postings.starts[column + 1] - postings.starts[column]).cumsum(0)  # (M,)
    start, done = 0, 0
    while start < len(entry):  # a portion of at most _MAX_ENTRIES postings, but at least one list
        limit = torch.tensor(done + _MAX_ENTRIES // 4, device=work.device)
        stop = max(start + 1, int(torch.searchsorted(work, limit, right=True)))
        own, posting = _entries(postings.starts, column[start:stop])
        smaller = torch.minimum(codes.values[entry[start:stop]][own], postings.values[posting])
        shared.index_add_(0, owner[start:stop][own] * num_gallery + postings.columns[posting], smaller)
        start, done = stop, int(work[stop - 1])
    return shared.view(len(queries), num_gallery)


def _portions(rows: Tensor, size: int) -> Iterator[Tensor]:
    """The numbers of all rows, at most `size` (but one at least) at a time."""
    step = max(1, size)
    starts = range(0, len(rows), step)
    return (torch.arange(start, min(start + step, len(rows)), device=rows.device) for start in starts)


def _entries(starts: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The entries of some rows one after the other: (M,) position in `rows`, and (M,) number of the entry."""
    begin, lengths = starts[rows], starts[rows + 1] - starts[rows]
    owner = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), lengths)
    first = lengths.cumsum(0) - lengths
    return owner, begin[owner] + torch.arange(len(owner), device=rows.device) - first[owner]


def _codes(row: Tensor, column: Tensor, values: Tensor, num_rows: int) -> _Codes:
    """From triples that are sorted by row."""
    starts = torch.zeros(num_rows + 1, dtype=torch.int64, device=row.device)
    starts[1:] = torch.bincount(row, minlength=num_rows).cumsum(0)
    return _Codes(starts, column, values)
