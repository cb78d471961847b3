"""How sure a mean over queries is: intervals by drawing the queries again (bootstrap)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.errors import DataError

Floats = npt.NDArray[np.float64]

_MAX_DRAWN = 2**22  # drawn values in memory at once: about 100 MB


@dataclass(frozen=True)
class Interval:
    """A mean and where it would lie with other queries of the same kind.

    value: the mean itself. low, high: ends of the interval. confidence: share of intervals that hold the truth.
    num_units: what was drawn again, queries or clusters of them.
    """

    value: float
    low: float
    high: float
    confidence: float
    num_units: int

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Interval":
        """The interval that `to_json` gave."""
        return cls(**values)


def bootstrap_interval(
    values: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The interval of a mean over queries, such as mAP from `report.average_precision`.

    As many queries as there are are drawn with replacement, `resamples` times; the interval lies between the quantiles
    of their means (percentile bootstrap, Efron 1979). It tells of the choice of queries alone: not of another gallery,
    nor of another training.

    Args:
        values: (Q,) a number for each query; NaN where it is skipped.
        weights: (Q,) >= 0, what each query counts in the mean; None: all the same.
        clusters: (Q,) codes of queries that belong together, such as those of one identity: whole clusters are drawn.
            Queries of one identity are alike, so this interval is wider, and says more about new identities.
        confidence: fraction.
        resamples: how often the queries are drawn.
        seed: of the draws; the same seed gives the same interval.

    Raises:
        DataError: if no query has a value, the lengths differ, or an option is out of range.
    """
    sums, totals = _unit_sums(np.asarray(values, dtype=np.float64), weights, clusters)
    if not 0 < confidence < 1 or resamples < 1:
        raise DataError(
            f"bootstrap: expected a confidence between 0 and 1 and 1 resample or more, came {confidence}, {resamples}"
        )
    means = _resampled_means(sums, totals, resamples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(sums.sum() / totals.sum()), float(low), float(high), confidence, len(sums))


def bootstrap_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    weights: npt.ArrayLike | None = None,
    clusters: npt.ArrayLike | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """The interval of the mean of second - first, over the same queries of two models.

    Paired: a query that is hard for both takes no part in the difference, so this interval is much narrower than the
    two models' own ones suggest. An interval without 0 in it says that the difference is more than the choice of
    queries.

    Args:
        first: (Q,) a number for each query, NaN where it is skipped.
        second: (Q,) of the other model, the same queries in the same order.
        weights: as in `bootstrap_interval`.
        clusters: as in `bootstrap_interval`.
        confidence: as in `bootstrap_interval`.
        resamples: as in `bootstrap_interval`.
        seed: as in `bootstrap_interval`.

    Raises:
        DataError: as `bootstrap_interval`, or if the two were evaluated on different queries.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != other.shape or not np.array_equal(np.isnan(one), np.isnan(other)):
        raise DataError(
            f"bootstrap: expected two models on the same queries, came {one.shape} and {other.shape} values, or "
            "different queries were skipped; evaluate both on the same manifest by the same protocol"
        )
    return bootstrap_interval(
        other - one, weights=weights, clusters=clusters, confidence=confidence, resamples=resamples, seed=seed
    )


def _unit_sums(values: Floats, weights: npt.ArrayLike | None, clusters: npt.ArrayLike | None) -> tuple[Floats, Floats]:
    """Weighted sum of the values and sum of the weights of each query or cluster, skipped queries left out."""
    given = np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)
    groups = np.arange(len(values)) if clusters is None else np.asarray(clusters)
    if values.ndim != 1 or given.shape != values.shape or groups.shape != values.shape:
        raise DataError(
            f"bootstrap: expected one value, weight and cluster for each query, came {values.shape}, {given.shape} and "
            f"{groups.shape}"
        )
    counts = ~np.isnan(values) & (given > 0)
    if not counts.any():
        raise DataError(f"bootstrap: none of the {len(values):,} queries has a value")
    _, units = np.unique(groups[counts], return_inverse=True)
    sums = np.bincount(units, weights=(values * given)[counts]).astype(np.float64)
    return sums, np.bincount(units, weights=given[counts]).astype(np.float64)


def _resampled_means(sums: Floats, totals: Floats, resamples: int, rng: np.random.Generator) -> Floats:
    block = max(1, min(resamples, _MAX_DRAWN // len(sums)))
    means = np.empty(resamples)
    for start in range(0, resamples, block):
        part = slice(start, min(start + block, resamples))
        drawn = rng.integers(0, len(sums), size=(part.stop - part.start, len(sums)))
        means[part] = sums[drawn].sum(axis=1) / totals[drawn].sum(axis=1)
    return means
