"""The result of an evaluation."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.errors import DataError


@dataclass(frozen=True, eq=False)
class Report:
    """The numbers of one evaluation. Fractions from 0 to 1; only printed text has percents."""

    mean_ap: float
    cmc: npt.NDArray[np.float64]  # (K,) share of the valid queries with a match in the first 1, 2, .. K rows
    mean_inp: float
    num_query: int  # query rows given
    num_gallery: int  # gallery rows that can count, so without those marked junk
    num_valid: int  # queries with a match; all means are over these
    num_skipped: int  # queries without one: num_query - num_valid
    average_precision: npt.NDArray[np.float64]  # (num_query,), NaN where skipped
    first_rank: npt.NDArray[np.float64]  # (num_query,) whole numbers from 1, NaN where skipped
    chance_mean_ap: float  # expected mAP of a random order of the same gallery

    def rank(self, k: int) -> float:
        """Share of the valid queries that find a match among their first `k` rows; `k` counts from 1.

        Raises:
            DataError: if `k` is below 1 or beyond the evaluated ranks.
        """
        if not 1 <= k <= len(self.cmc):
            raise DataError(
                f"rank: expected 1 to {len(self.cmc)}, which this report holds, came {k}; for more, evaluate again "
                "with a larger max_rank"
            )
        return float(self.cmc[k - 1])

    def summary(self) -> str:
        """Two lines of text, in percent."""
        ranks = "  ".join(f"Rank-{k} {self.rank(k):.1%}" for k in (1, 5, 10) if k <= len(self.cmc))
        skipped = f", {self.num_skipped:,} skipped without a match" if self.num_skipped else ""
        return (
            f"mAP {self.mean_ap:.1%}  {ranks}  mINP {self.mean_inp:.1%}  (chance mAP {self.chance_mean_ap:.1%})\n"
            f"{self.num_valid:,} queries against {self.num_gallery:,} gallery images{skipped}"
        )

    def __str__(self) -> str:
        return self.summary()

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`; a skipped query's average precision and first rank are None."""
        return {
            "mean_ap": self.mean_ap,
            "cmc": self.cmc.tolist(),
            "mean_inp": self.mean_inp,
            "num_query": self.num_query,
            "num_gallery": self.num_gallery,
            "num_valid": self.num_valid,
            "num_skipped": self.num_skipped,
            "average_precision": [None if math.isnan(value) else value for value in self.average_precision.tolist()],
            "first_rank": [None if math.isnan(value) else int(value) for value in self.first_rank.tolist()],
            "chance_mean_ap": self.chance_mean_ap,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Report":
        """The report that `to_json` gave.

        Raises:
            DataError: if an entry is missing.
        """
        missing = [name for name in cls.__dataclass_fields__ if name not in values]
        if missing:
            raise DataError(f"Report.from_json: entries are missing: {', '.join(missing)}; came {', '.join(values)}")
        entries: dict[str, Any] = {name: values[name] for name in cls.__dataclass_fields__}
        for name in ("cmc", "average_precision", "first_rank"):
            entries[name] = np.array(entries[name], dtype=np.float64)  # None becomes NaN
        return cls(**entries)


def average_reports(reports: Sequence[Report]) -> Report:
    """The mean of several evaluations, each of the same weight: random galleries (VehicleID) or two directions.

    mAP, mINP, chance and CMC are means over the reports; the counts are sums; the per-query values stand one
    report after the other. CMC ends with the shortest one.

    Raises:
        DataError: if there is no report.
    """
    if not reports:
        raise DataError("average_reports: expected at least one report, came none")
    max_rank = min(len(report.cmc) for report in reports)

    def mean(name: str) -> float:
        return float(np.mean([getattr(report, name) for report in reports]))

    def total(name: str) -> int:
        return sum(getattr(report, name) for report in reports)

    return Report(
        mean_ap=mean("mean_ap"),
        cmc=np.mean([report.cmc[:max_rank] for report in reports], axis=0),
        mean_inp=mean("mean_inp"),
        num_query=total("num_query"),
        num_gallery=total("num_gallery"),
        num_valid=total("num_valid"),
        num_skipped=total("num_skipped"),
        average_precision=np.concatenate([report.average_precision for report in reports]),
        first_rank=np.concatenate([report.first_rank for report in reports]),
        chance_mean_ap=mean("chance_mean_ap"),
    )
