"""The distances of all queries to all gallery rows, tile by tile, with what each pair is."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from resight.functional.distance_blocks import Distance, distance_blocks
from resight.functional.matching import Matching, match_masks

_PAIRS = 2**21  # of a tile: what is made of it takes about 50 MB


class Tile(NamedTuple):
    """B queries against C gallery rows."""

    distances: Tensor  # (B, C), overwritten by later tiles
    match: Tensor  # (B, C) bool: same identity, and the pair counts
    wrong: Tensor  # (B, C) bool: another identity or a distractor, and the pair counts
    rows: slice  # which queries
    columns: slice  # which gallery rows


def distance_tiles(query: Tensor, gallery: Tensor, matching: Matching, *, distance: Distance) -> Iterator[Tile]:
    """Every pair in one tile; the gallery of some queries, ascending, before the next queries.

    Memory is that of `distance_blocks` and of one tile, whatever the number of queries and gallery rows.

    Args:
        query: (Q, D) real, finite.
        gallery: (G, D) real, finite, on the device of `query`.
        matching: what is a match and what is left out.
        distance: from (B, D) and (C, D) to (B, C); smaller is closer.
    """
    matching = matching.to(query.device)
    for rows, block in distance_blocks(query, gallery, distance):
        width = max(1, _PAIRS // len(block))
        for left in range(0, len(gallery), width):
            columns = slice(left, min(left + width, len(gallery)))
            part = matching._replace(
                gallery_label=matching.gallery_label[columns],
                gallery_group=matching.gallery_group[columns],
                gallery_counts=matching.gallery_counts[columns],
            )
            match, left_out = match_masks(part, rows)
            yield Tile(block[:, columns], match, ~(match | left_out), rows, columns)
