"""Do these two crops show one identity? How well a distance alone answers, over all pairs that count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation.evaluate import Array, checked_embeddings
from resight.evaluation.protocol import matching
from resight.functional.distance import DISTANCES
from resight.functional.pair_counts import PairCounts, count_pairs, is_measurable, roc_curve, roc_points

Floats = npt.NDArray[np.float64]
FPRS = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class OperatingPoint:
    """A pair is called the same where its distance is below `threshold`.

    far: false accept rate that was asked for. false_accepts: the share of pairs of two identities that are called the
    same, `far` at most. tar: true accept rate, the share of pairs of one identity that are called the same.
    """

    far: float
    threshold: float
    false_accepts: float
    tar: float


@dataclass(frozen=True, eq=False)
class Verification:
    """Distances of the pairs of one identity and of two, and how well a threshold parts them."""

    metric: str
    num_same: int  # pairs of one identity
    num_different: int  # pairs of two identities
    edges: Floats  # (B + 1,) of the histograms, in units of the metric
    same: npt.NDArray[np.int64]  # (B,) pairs of one identity
    different: npt.NDArray[np.int64]  # (B,) pairs of two identities
    thresholds: Floats  # (K,) of the ROC curve, ascending
    false_accepts: Floats  # (K,) share of the pairs of two identities below the threshold
    true_accepts: Floats  # (K,) share of the pairs of one identity below the threshold
    auc: float  # area under the curve: chance that a pair of one identity is closer than one of two
    tar_at_far: tuple[OperatingPoint, ...]  # without rates that are too small for `num_different`

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        values: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in values.items()}
        return {**values, "tar_at_far": [vars(point) for point in self.tar_at_far]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Verification":
        """The result that `to_json` gave."""
        entries = dict(values)
        for name in ("edges", "thresholds", "false_accepts", "true_accepts"):
            entries[name] = np.array(entries[name], dtype=np.float64)
        for name in ("same", "different"):
            entries[name] = np.array(entries[name], dtype=np.int64)
        return cls(**{**entries, "tar_at_far": tuple(OperatingPoint(**point) for point in entries["tar_at_far"])})


def verification(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    metric: str = "squared_euclidean",
    cross_camera: bool = True,
    fars: Sequence[float] = FPRS,
    bins: int = 100,
) -> Verification:
    """How well the distance tells pairs of one identity from pairs of two; arguments as for `evaluate`, and:

    Args:
        query_embeddings: (Q, D) real.
        query: Q rows.
        gallery_embeddings: (G, D) real.
        gallery: G rows.
        metric: as in `evaluate`.
        cross_camera: as in `evaluate`. Pairs are those of a query and a gallery row that counts for it.
        fars: false accept rates to report the true accept rate at, fractions.
        bins: of the histograms.

    Raises:
        DataError: as `evaluate`, if there are no pairs of one identity or none of two, or a rate is not a fraction.
    """
    wrong = [far for far in fars if not 0 < far < 1]
    if wrong:
        raise DataError(f"verification: expected false accept rates between 0 and 1, came {wrong[0]}")
    counts = counted_pairs(
        query_embeddings, query, gallery_embeddings, gallery, metric=metric, cross_camera=cross_camera
    )
    return verification_of_counts(counts, metric=metric, fars=fars, bins=bins)


def counted_pairs(
    query_embeddings: Array,
    query: Manifest,
    gallery_embeddings: Array,
    gallery: Manifest,
    *,
    metric: str,
    cross_camera: bool,
) -> PairCounts:
    """All pairs that count, by distance; arguments and errors as for `verification`."""
    if metric not in DISTANCES:
        raise DataError(f"verification: expected metric to be one of {', '.join(DISTANCES)}, came {metric!r}")
    codes = matching(query, gallery, cross_camera=cross_camera)
    queries, candidates = checked_embeddings(query_embeddings, query, gallery_embeddings, gallery)
    return required_pairs(count_pairs(queries, candidates, codes, distance=DISTANCES[metric]), cross_camera)


def required_pairs(counts: PairCounts, cross_camera: bool) -> PairCounts:
    """The same counts.

    Raises:
        DataError: if one of the two kinds of pairs is missing, or a distance is no float32.
    """
    if not counts.num_same:
        advice = "; where cameras are unknown or there is only one, use any-camera" if cross_camera else ""
        raise DataError(
            "same or not: there is no pair of one identity among the queries and the gallery rows that count; "
            f"expected other images of the queries' identities in the gallery{advice}"
        )
    if not counts.num_different:
        raise DataError(
            f"same or not: all {counts.num_same:,} pairs show one identity; expected a gallery with images of "
            "at least one other identity"
        )
    if not np.isfinite(counts.upper[-1]):
        raise DataError(
            "same or not: there are distances beyond the float32 numbers; bring embeddings to length 1 before"
        )
    return counts


def verification_of_counts(
    counts: PairCounts, *, metric: str, fars: Sequence[float] = FPRS, bins: int = 100
) -> Verification:
    """The same for pairs that were counted before; arguments and errors as for `verification`."""
    measurable = sorted({far for far in fars if is_measurable(far, counts.num_different)})
    found = roc_points(counts, measurable)
    points = zip(measurable, found.threshold.tolist(), found.fpr.tolist(), found.tpr.tolist(), strict=True)
    curve = roc_curve(counts)
    edges, same, different = _histogram(counts, bins)
    return Verification(
        metric=metric,
        num_same=counts.num_same,
        num_different=counts.num_different,
        edges=edges,
        same=same,
        different=different,
        thresholds=curve.threshold,
        false_accepts=curve.fpr,
        true_accepts=curve.tpr,
        auc=counts.auc(),
        tar_at_far=tuple(OperatingPoint(*point) for point in points),
    )


def _histogram(counts: PairCounts, bins: int) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Even bins from the smallest to the largest distance; a fine bin goes where its middle lies."""
    edges = np.linspace(counts.lower[0], counts.upper[-1], bins + 1)
    place = np.clip(np.searchsorted(edges, counts.middle, side="right") - 1, 0, bins - 1)
    same, different = (np.zeros(bins, dtype=np.int64) for _ in range(2))
    np.add.at(same, place, counts.same)
    np.add.at(different, place, counts.different)
    return edges, same, different
