"""The gallery rows of each label and of each group, looked up once for all queries instead of compared with each."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from resight.functional.matching import Matching

Integers = npt.NDArray[np.int64]


class RowsByCode(NamedTuple):
    """Gallery rows ordered by code, and which stretch of them has the code of each query."""

    rows: Integers  # (L,) gallery rows that count and have a code; ascending within a code
    spans: Integers  # (Q, 2) first place and end in `rows`; an empty stretch where the query has no code

    @property
    def lengths(self) -> Integers:
        """(Q,) rows with the query's code."""
        lengths: Integers = self.spans[:, 1] - self.spans[:, 0]
        return lengths


class MatchRows(NamedTuple):
    """A `Matching` as lists of rows. Its size is that of the codes, whatever their numbers."""

    labels: RowsByCode
    groups: RowsByCode
    uncounted: Integers  # gallery rows that count for no query, ascending
    num_matches: Integers  # (Q,) rows of the query's label that are not in its group
    num_candidates: Integers  # (Q,) rows that are not left out


def match_rows(matching: Matching) -> MatchRows:
    """The lists of a matching that is on the CPU."""
    query_label, gallery_label, query_group, gallery_group, counts = (codes.numpy() for codes in matching)
    labels = _rows_by_code(query_label, gallery_label, counts)
    groups = _rows_by_code(query_group, gallery_group, counts)
    both = _common(labels, groups, gallery_label, gallery_group)
    return MatchRows(
        labels,
        groups,
        uncounted=np.flatnonzero(~counts),
        num_matches=labels.lengths - both,
        num_candidates=int(counts.sum()) - groups.lengths,
    )


def _rows_by_code(query: Integers, gallery: Integers, counts: npt.NDArray[np.bool_]) -> RowsByCode:
    rows = np.argsort(gallery, kind="stable")
    rows = rows[(gallery[rows] >= 0) & counts[rows]]
    ordered = gallery[rows]
    spans = np.stack([np.searchsorted(ordered, query, side=side) for side in ("left", "right")], axis=1)
    return RowsByCode(rows, np.where(query[:, None] >= 0, spans, 0))


def _common(labels: RowsByCode, groups: RowsByCode, gallery_label: Integers, gallery_group: Integers) -> Integers:
    """(Q,) rows that have both the label and the group of the query.

    A code's first place among the ordered rows stands for it, which makes pairs of codes small enough for one number.
    """
    stride = len(gallery_label) + 1
    sides = ((labels, gallery_label), (groups, gallery_group))
    first, second = (np.searchsorted(codes[by.rows], codes[labels.rows]) for by, codes in sides)
    has_group = gallery_group[labels.rows] >= 0
    pairs = np.sort((first * stride + second)[has_group])
    wanted = labels.spans[:, 0] * stride + groups.spans[:, 0]
    found = np.searchsorted(pairs, wanted, side="right") - np.searchsorted(pairs, wanted, side="left")
    return np.where((labels.lengths > 0) & (groups.lengths > 0), found, 0)
