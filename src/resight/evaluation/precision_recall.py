"""How precise the first rows are when a share of the matches has been found: the precision-recall curve."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.errors import DataError
from resight.functional.matching import MatchRanks

Floats = npt.NDArray[np.float64]
_LEVELS = 101


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """recall: (101,) levels 0, 0.01, .. 1. precision: (101,) mean over the queries with a match, never rising."""

    recall: Floats
    precision: Floats

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {"recall": self.recall.round(2).tolist(), "precision": self.precision.round(6).tolist()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "PrecisionRecall":
        """The curve that `to_json` gave."""
        return cls(np.array(values["recall"], dtype=np.float64), np.array(values["precision"], dtype=np.float64))


def precision_recall(found: MatchRanks) -> PrecisionRecall:
    """The curve of the ranks of the matches, such as those of `nearest`.

    A query's precision at a recall level is the best that it has at this level or a higher one (interpolated, as in
    TREC and Pascal VOC). Queries without a match are left out.

    Raises:
        DataError: if no query has a match.
    """
    if not bool((found.num_matches > 0).any()):
        raise DataError(f"precision and recall: none of the {len(found.num_matches):,} queries has a match")
    levels = np.linspace(0, 1, _LEVELS)
    ranks, counts = found.ranks.numpy(), found.num_matches.numpy()
    ends = np.cumsum(counts)
    total = np.zeros(_LEVELS)
    for count, end in zip(counts, ends, strict=True):
        if count:
            precision = np.arange(1, count + 1) / ranks[end - count : end]  # at recalls 1/R, 2/R, .. 1
            best_from = np.maximum.accumulate(precision[::-1])[::-1]
            total += best_from[np.maximum(np.ceil(levels * count - 1e-9).astype(np.int64), 1) - 1]
    return PrecisionRecall(levels, total / int((counts > 0).sum()))
