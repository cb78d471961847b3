"""Counting the ranks of the matches with tensor operations: on a GPU, in small problems, and where matches are many.

Every distance is looked up among the sorted distances of its query's matches, and the rows that fall between two
matches are counted. One matrix of places, no sort of the gallery; the cost grows with the logarithm of the matches.
"""

import torch
from torch import Tensor

from resight.functional.matching import Matching, match_masks

_MAX_PAIRS = 2**21  # query-gallery pairs at a time: about 60 MB with all temporaries


def search_ranks(distances: Tensor, matching: Matching, rows: Tensor) -> Tensor:
    """Ranks of the matches of some queries.

    Args:
        distances: (B, G) float32 or float64 without NaN.
        matching: codes of all queries, on the device of `distances`.
        rows: (B,) int64, which queries, on that device.

    Returns:
        (M,) int64 on the same device, one query after the other, ascending within a query.
    """
    size = max(1, _MAX_PAIRS // distances.shape[1])
    parts = [slice(start, start + size) for start in range(0, len(rows), size)]
    return torch.cat([_ranks(distances[part], *match_masks(matching, rows[part])) for part in parts])


def _ranks(distances: Tensor, match: Tensor, left_out: Tensor) -> Tensor:
    num_queries, num_matches = len(distances), match.sum(1)
    width = int(num_matches.max())
    if width == 0:
        return num_matches.new_empty(0)
    thresholds, columns = _sorted_matches(distances, match, num_matches, width)  # (B, P) each
    distances = distances.contiguous()
    places = torch.searchsorted(thresholds, distances, out_int32=True)  # (B, G) matches that are strictly closer
    tied = places < torch.searchsorted(thresholds, distances, right=True, out_int32=True)
    query, column = tied.nonzero(as_tuple=True)
    places[query, column] = _places_of_tied(thresholds, columns, query, column, places[query, column])
    places.masked_fill_(left_out, width)  # behind all matches, where nobody looks
    places += torch.arange(num_queries, device=places.device, dtype=torch.int32)[:, None] * (width + 1)
    counts = torch.bincount(places.flatten(), minlength=num_queries * (width + 1)).view(num_queries, width + 1)
    ranks = counts[:, :width].cumsum(1)  # (B, P): the rows up to each match, itself among them
    return ranks[torch.arange(width, device=ranks.device) < num_matches[:, None]]


def _sorted_matches(distances: Tensor, match: Tensor, num_matches: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """(B, P) distances of each query's matches in ascending order, and their gallery rows, ascending where they tie.

    Lines are filled up with infinity at a row behind the gallery.
    """
    size = (len(distances), width)
    thresholds = distances.new_full(size, torch.inf)
    columns = torch.full(size, distances.shape[1], device=distances.device)
    query, column = match.nonzero(as_tuple=True)
    slot = torch.arange(len(query), device=query.device) - (num_matches.cumsum(0) - num_matches)[query]
    thresholds[query, slot] = distances[query, column] + 0.0  # makes -0.0 the same number as 0.0
    columns[query, slot] = column
    thresholds, order = thresholds.sort(dim=1, stable=True)
    return thresholds, columns.gather(1, order)


def _places_of_tied(thresholds: Tensor, columns: Tensor, query: Tensor, column: Tensor, place: Tensor) -> Tensor:
    """Matches before each row that has the distance of a match: those at the same distance compare by gallery row.

    All matches of all queries become one ascending list of keys (query, first match at this distance, gallery row).
    """
    width = thresholds.shape[1]
    first = torch.searchsorted(thresholds, thresholds)  # (B, P)
    line = torch.arange(len(thresholds), device=first.device)[:, None] * width
    keys = (((line + first) << 32) | columns).flatten()
    wanted = ((query * width + place) << 32) | column
    return (torch.searchsorted(keys, wanted) - query * width).to(torch.int32)
