"""From a distance to the probability that two crops show one identity, and to thresholds: plain numbers in a card."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from resight.errors import DataError
from resight.functional.pair_counts import is_measurable, lowest_rate

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationTest:
    """How well probabilities held on pairs of identities that had no part in making them.

    log_loss: mean of -ln(probability of what was the case); lower is better. chance_log_loss: of always saying the
    prior. calibration_error: expected calibration error, the mean gap between what was said and what was the case.
    said, seen, share: (15,) bins of probability: the mean that was said, the share of pairs of one identity, and the
    bin's share of all weight; an empty bin has None.
    """

    log_loss: float
    chance_log_loss: float
    calibration_error: float
    said: tuple[float | None, ...]
    seen: tuple[float | None, ...]
    share: tuple[float, ...]


@dataclass(frozen=True)
class ThresholdRow:
    """A line of a threshold table. precision: share of right ones among the gallery rows that are called the same."""

    fpr: float
    threshold: float
    tpr: float
    precision: float


@dataclass(frozen=True)
class Calibration:
    """What the distances of one model mean, learned from labelled pairs by `resight.evaluation.calibrate`.

    Two crops are called the same where their distance is below a threshold. The false positive rate (FPR) of a
    threshold is the share of pairs of two identities that are called the same, the true positive rate (TPR) the share
    of pairs of one identity.

    Attributes:
        metric: the distance that it holds for, as in `resight.evaluation.evaluate`.
        cross_camera: whether pairs of one identity in one camera were left out.
        prior: probability of "same" before looking, where `probability` is not told another.
        distances: (K,) ascending.
        evidence: (K,) at these distances, natural logarithm of how many times likelier the distance is for one
            identity than for two; not rising. Between them it is interpolated, beyond them it stays.
        thresholds: (T,) ascending, with their `fpr` and `tpr`, (T,) each.
        fpr: fraction of the pairs of two identities.
        tpr: fraction of the pairs of one identity.
        num_same: pairs of one identity that it was made from.
        num_different: pairs of two identities.
        num_identities: identities with a pair.
        num_gallery: gallery rows that counted.
        held_out: its test by identity; None where there were too few identities to hold some out.

    Raises:
        ValueError: if the numbers do not fit each other.
    """

    metric: str
    cross_camera: bool
    prior: float
    distances: tuple[float, ...]
    evidence: tuple[float, ...]
    thresholds: tuple[float, ...]
    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    num_same: int
    num_different: int
    num_identities: int
    num_gallery: int
    held_out: CalibrationTest | None = None

    def __post_init__(self) -> None:
        if not (0 < len(self.distances) == len(self.evidence)) or not (
            0 < len(self.thresholds) == len(self.fpr) == len(self.tpr)
        ):
            raise ValueError("calibration: the lists of a curve have different lengths, or none")
        for name, sign in (("distances", 1), ("evidence", -1), ("thresholds", 1), ("fpr", 1), ("tpr", 1)):
            values = sign * np.asarray(getattr(self, name), dtype=np.float64)
            if not np.isfinite(values).all() or (np.diff(values) < 0).any():
                raise ValueError(f"calibration: {name} has to be finite and {'ascend' if sign > 0 else 'not rise'}")
        if self.fpr[0] != 0:
            raise ValueError("calibration: the curve has to begin without false positives")
        _check_share(self.prior, "prior")

    @overload
    def probability(self, distance: float, *, prior: float | None = None) -> float: ...
    @overload
    def probability(self, distance: npt.NDArray[np.floating], *, prior: float | None = None) -> Floats: ...
    def probability(self, distance: float | npt.NDArray[np.floating], *, prior: float | None = None) -> float | Floats:
        """Probability that two crops at this distance show one identity.

        Args:
            distance: one or many, by the calibration's metric.
            prior: probability of "same" before looking. For one row of a gallery of G rows with m images of the
                query's identity it is m / G. None: the calibration's own.

        Returns:
            Fraction of the same shape; never rises with the distance.

        Raises:
            DataError: if the prior is not between 0 and 1, or a distance is NaN.
        """
        prior = self.prior if prior is None else prior
        _check_share(prior, "prior")
        values = np.asarray(distance, dtype=np.float64)
        if np.isnan(values).any():
            raise DataError("calibration: expected distances, came NaN")
        log_odds = np.interp(values, self.distances, self.evidence) + math.log(prior / (1 - prior))
        found: Floats = np.exp(-np.logaddexp(0.0, -log_odds))
        return float(found) if found.ndim == 0 else found

    def threshold_at_fpr(self, fpr: float) -> float:
        """The largest known threshold that calls at most this share of the pairs of two identities the same.

        Raises:
            DataError: if `fpr` is not between 0 and 1, or too small for the pairs that the calibration was made from.
        """
        return self.thresholds[self._point(fpr)]

    def table(
        self, fprs: Sequence[float] = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6), *, gallery_size: int, matches: int = 1
    ) -> list[ThresholdRow]:
        """Thresholds with what to expect of them.

        Args:
            fprs: false positive rates; those are left out that are too small for the pairs there were.
            gallery_size: rows of the gallery that is searched.
            matches: rows of it that show the query's identity.

        Returns:
            One row for each rate. Its precision is matches * TPR / (matches * TPR + others * FPR).

        Raises:
            DataError: if the gallery has not one match and one other row at least, or a rate is not between 0 and 1.
        """
        if not 1 <= matches < gallery_size:
            raise DataError(
                f"threshold table: expected 1 match or more in a gallery of more rows, came {matches} in {gallery_size}"
            )
        rows = []
        for fpr in fprs:
            _check_share(fpr, "false positive rate")
            if not is_measurable(fpr, self.num_different):
                continue
            at = self._point(fpr)
            right, wrong = matches * self.tpr[at], (gallery_size - matches) * self.fpr[at]
            precision = right / (right + wrong) if right + wrong else 0.0
            rows.append(ThresholdRow(fpr, self.thresholds[at], self.tpr[at], precision))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Calibration":
        """The calibration that `to_json` gave.

        Raises:
            KeyError, TypeError: if an entry is missing or unknown, or is of another kind.
            ValueError: if the numbers do not fit each other.
        """
        entries: dict[str, Any] = _with_tuples(values)
        if values["held_out"] is not None:
            entries["held_out"] = CalibrationTest(**_with_tuples(values["held_out"]))
        return cls(**entries)

    def _point(self, fpr: float) -> int:
        _check_share(fpr, "false positive rate")
        if not is_measurable(fpr, self.num_different):
            raise DataError(
                f"a false positive rate of {fpr:g} cannot be measured on {self.num_different:,} pairs of two "
                f"identities; ask for {lowest_rate(self.num_different)} or more, or calibrate on more images"
            )
        return int(np.searchsorted(self.fpr, fpr * (1 + 1e-9), side="right")) - 1


def _check_share(value: float, what: str) -> None:
    if not 0 < value < 1:
        raise DataError(f"calibration: expected a {what} between 0 and 1, came {value}")


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
