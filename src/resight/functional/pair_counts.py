"""How many pairs of one identity, and how many of two, lie at which distance: exact counts in fine bins.

A bin holds the distances whose float32 numbers agree in sign, exponent and the first 11 bits of the fraction. So bins
need no range given in advance, are nowhere wider than 1/2048 of the distance itself, and tiles and processes just add
up. Every count below a bin's end is exact; only the order of pairs inside one bin is not known.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from resight.functional.distance_blocks import Distance
from resight.functional.matching import Matching
from resight.functional.tiles import distance_tiles

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_DROPPED_BITS = 12  # of the 23 of a float32's fraction
_NUM_BINS = 2 ** (31 - _DROPPED_BITS)


@dataclass(frozen=True, eq=False)
class PairCounts:
    """The pairs by distance, in the bins that are not empty, ascending."""

    lower: Floats  # (K,) the smallest distance of each bin
    upper: Floats  # (K,) where the next bin begins: a pair of this bin has lower <= distance < upper
    same: Counts  # (K,) pairs of one identity
    different: Counts  # (K,) pairs of two identities

    @property
    def num_same(self) -> int:
        """Pairs of one identity, in all."""
        return int(self.same.sum())

    @property
    def num_different(self) -> int:
        """Pairs of two identities, in all."""
        return int(self.different.sum())

    @property
    def middle(self) -> Floats:
        """(K,) the middle of each bin."""
        return (self.lower + self.upper) / 2

    def auc(self) -> float:
        """Chance that a pair of one identity is closer than one of two, equal distances counting half (ROC-AUC)."""
        farther = self.num_different - np.cumsum(self.different) + self.different / 2
        return float((self.same / self.num_same) @ (farther / self.num_different))


@dataclass(frozen=True, eq=False)
class RocPoints:
    """Thresholds ascending, (K,) each: a pair is called the same if its distance is below the threshold."""

    threshold: Floats
    fpr: Floats  # false positive rate: share of the pairs of two identities that are called the same
    tpr: Floats  # true positive rate: share of the pairs of one identity that are called the same


def count_pairs(query: Tensor, gallery: Tensor, matching: Matching, *, distance: Distance) -> PairCounts:
    """Count every pair of a query and a gallery row that is not left out. Queries that match nothing are not counted.

    Args:
        query: (Q, D) real, finite.
        gallery: (G, D) real, finite, on the device of `query`.
        matching: which pairs show one identity, and which are left out.
        distance: from (B, D) and (C, D) to (B, C). Taken as float32; below 0 counts as 0.

    Returns:
        The counts, on the CPU.
    """
    matching = matching.to(query.device)
    is_query = matching.query_label >= 0  # a junk row has no identity that another could be the same as
    matching = matching._replace(query_label=matching.query_label[is_query], query_group=matching.query_group[is_query])
    same, different = (torch.zeros(_NUM_BINS, dtype=torch.int64, device=query.device) for _ in range(2))
    for tile in distance_tiles(query[is_query], gallery, matching, distance=distance):
        bins = _bins(tile.distances)
        same += torch.bincount(bins[tile.match], minlength=_NUM_BINS)
        different += torch.bincount(bins[tile.wrong], minlength=_NUM_BINS)
    bins = torch.nonzero(same + different)[:, 0]
    ends = [((bins + step).to(torch.int32) << _DROPPED_BITS).view(torch.float32) for step in (0, 1)]
    lower, upper = (end.double().cpu().numpy() for end in ends)
    return PairCounts(lower, upper, same[bins].cpu().numpy(), different[bins].cpu().numpy())


def roc_points(counts: PairCounts, fprs: Sequence[float] | Floats) -> RocPoints:
    """For each false positive rate the largest threshold that does not exceed it, at the end of a bin.

    Args:
        counts: with pairs of both kinds.
        fprs: fractions, ascending.

    Returns:
        One point for each of `fprs`. Where even the closest pair is too much, the threshold is 0: no pair is the same.
    """
    same, different = (np.concatenate([[0], np.cumsum(part)]) for part in (counts.same, counts.different))
    allowed = np.floor(np.asarray(fprs, dtype=np.float64) * counts.num_different * (1 + 1e-9))
    last = np.searchsorted(different, allowed, side="right") - 1  # bins that are called the same
    threshold = np.concatenate([[0.0], counts.upper])[last]
    return RocPoints(threshold, different[last] / counts.num_different, same[last] / counts.num_same)


def is_measurable(rate: float, count: int) -> bool:
    """Whether this share of `count` pairs or queries is one of them at least; 1 / count is, whatever its last bit."""
    return rate * count >= 1 - 1e-9


def lowest_rate(count: int) -> str:
    """The lowest measurable share, rounded up to two digits: what a user can ask for."""
    power = 10.0 ** (math.floor(math.log10(1 / count)) - 1)
    return f"{math.ceil(1 / count / power * (1 - 1e-9)) * power:.2g}"


def roc_curve(counts: PairCounts, *, per_decade: int = 20) -> RocPoints:
    """The curve at false positive rates that are evenly spaced on a logarithmic axis, from one pair to all of them.

    Args:
        counts: with pairs of both kinds.
        per_decade: points between a rate and its tenfold.

    Returns:
        Distinct points; the first has no false positive, the last calls every pair the same.
    """
    lowest = np.floor(-np.log10(counts.num_different) * per_decade) / per_decade
    rates = np.concatenate([[0.0], 10 ** np.arange(lowest, 0, 1 / per_decade), [1.0]])
    points = roc_points(counts, np.minimum(rates, 1.0))
    _, kept = np.unique(points.threshold, return_index=True)
    return RocPoints(points.threshold[kept], points.fpr[kept], points.tpr[kept])


def _bins(distances: Tensor) -> Tensor:
    """The bin of each distance, int32: the first bits of the number, which ascend with it where it is not negative."""
    return (distances.float().clamp(min=0.0) + 0.0).view(torch.int32) >> _DROPPED_BITS
