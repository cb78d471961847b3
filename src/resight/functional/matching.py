"""Which gallery rows are matches of which query, and where matches stand: the values that ranking takes and gives."""

from typing import NamedTuple

import torch
from torch import Tensor


class Matching(NamedTuple):
    """Which gallery rows are matches of which query and which are left out, as whole-number codes.

    A gallery row is left out for a query if their groups are equal (and not -1), or if `gallery_counts` is False.
    It is a match if it is not left out and the labels are equal (and not -1). All other rows are wrong answers.
    """

    query_label: Tensor  # (Q,) int64; -1: matches nothing
    gallery_label: Tensor  # (G,) int64; -1: matches nothing, a distractor
    query_group: Tensor  # (Q,) int64; -1: leaves nothing out
    gallery_group: Tensor  # (G,) int64; -1: never left out
    gallery_counts: Tensor  # (G,) bool; False: left out for every query

    def to(self, device: torch.device) -> "Matching":
        return Matching(*(codes.to(device) for codes in self))


class MatchRanks(NamedTuple):
    """The ranks of all matches of all queries, on the CPU."""

    ranks: Tensor  # (M,) int64 from 1, the first query's matches first, ascending within a query
    num_matches: Tensor  # (Q,) int64; sums up to M
    num_candidates: Tensor  # (Q,) int64; gallery rows that are not left out


def match_masks(matching: Matching, rows: slice | Tensor) -> tuple[Tensor, Tensor]:
    """For the queries in `rows`, (B, G) bool each: which gallery rows match, and which are left out."""
    group, label = matching.query_group[rows][:, None], matching.query_label[rows][:, None]  # (B, 1)
    left_out = ((group == matching.gallery_group) & (group >= 0)) | ~matching.gallery_counts
    match = (label == matching.gallery_label) & (label >= 0) & ~left_out
    return match, left_out
