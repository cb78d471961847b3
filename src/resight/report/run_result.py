"""What a page shows of one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from resight.evaluation.rank_lists import RankList
from resight.evaluation.result import Report


@dataclass(frozen=True, eq=False)
class RunResult:
    """One trained and evaluated model."""

    name: str
    report: Report
    curves: Sequence[Mapping[str, float | None]] = ()  # one entry per epoch: "epoch" and any numbers, some left out
    num_parameters: int = 0  # 0: unknown
    images_per_second: float = 0.0  # 0: unknown
    settings: Mapping[str, Any] = field(default_factory=dict)  # may be nested
    rank_lists: Sequence[RankList] = ()
