"""What another run does better or worse than the first one, query by query."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from resight.errors import DataError
from resight.evaluation.bootstrap import Interval, bootstrap_difference, bootstrap_interval
from resight.evaluation.result import Report
from resight.report.run_result import RunResult

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """One query: its row in the test, and its average precision with the first run and with the other."""

    row: int
    first: float
    other: float


@dataclass(frozen=True)
class Comparison:
    """The other run against the first, on the same queries.

    mean_ap, rank_1: the difference with its interval (paired bootstrap over queries). num_better, num_worse: queries
    whose average precision moved by more than 0.1 percentage points. newly_right, newly_wrong: queries whose first hit
    became right or wrong. gained, lost: the queries that moved most, of those whose lists are stored.
    """

    mean_ap: Interval
    rank_1: Interval
    num_better: int
    num_worse: int
    num_same: int
    newly_right: int
    newly_wrong: int
    gained: tuple[Change, ...]
    lost: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return asdict(self)


def compare(first: RunResult, other: RunResult, *, num_changes: int = 4) -> Comparison | None:
    """Compare two runs; None where they were not evaluated on the same rows, or their figure data is missing.

    Args:
        first: what the other is compared with.
        other: the other run.
        num_changes: how many of the queries that gained and that lost most are named; those that did not move are not.
    """
    if not is_same_test(first, other):
        return None
    before, after = first.report.average_precision, other.report.average_precision
    images = _images(first) or _images(other)
    try:
        mean_ap = bootstrap_difference(before, after, clusters=images)
        rank_1 = bootstrap_difference(_is_first(first.report), _is_first(other.report), clusters=images)
    except DataError:  # other queries were skipped: another protocol on the same rows
        return None
    moved = after - before
    right_before, right_after = first.report.first_rank == 1, other.report.first_rank == 1
    assert first.figures is not None
    stored = first.figures.lists.row
    order = stored[np.argsort(-moved[stored], kind="stable")].tolist()  # NaN comes last
    changes = [Change(row, float(before[row]), float(after[row])) for row in order if not np.isnan(moved[row])]
    return Comparison(
        mean_ap=mean_ap,
        rank_1=rank_1,
        num_better=int((moved > 1e-3).sum()),
        num_worse=int((moved < -1e-3).sum()),
        num_same=int((np.abs(moved) <= 1e-3).sum()),
        newly_right=int((right_after & ~right_before).sum()),
        newly_wrong=int((right_before & ~right_after).sum()),
        gained=tuple(change for change in changes[:num_changes] if change.other > change.first),
        lost=tuple(change for change in changes[::-1][:num_changes] if change.other < change.first),
    )


def is_same_test(first: RunResult, other: RunResult) -> bool:
    """Whether both were evaluated on the same rows, so that query i of one is query i of the other."""
    one, two = first.figures, other.figures
    if one is None or two is None or one.test != two.test:
        return False
    return len(first.report.average_precision) == len(other.report.average_precision)


def may_be_same_test(first: RunResult, other: RunResult) -> bool:
    """Whether the numbers of both can stand side by side; without figure data told by the numbers of rows."""
    if first.figures is not None and other.figures is not None:
        return is_same_test(first, other)
    one, two = first.report, other.report
    return (one.num_query, one.num_gallery) == (two.num_query, two.num_gallery)


def interval_of(run: RunResult, name: str) -> Interval | None:
    """The interval of `mean_ap` or `rank_1` over the query images; None where the mean does not weigh queries alike.

    Such is that of both directions with different numbers of rows. In random galleries the same image is a query of
    several: it is drawn again with all its answers, since these are alike and tell less than as many images would. So
    are queries that are the mean of the same images.
    """
    report = run.report
    values, mean = {
        "mean_ap": (report.average_precision, report.mean_ap),
        "rank_1": (_is_first(report), report.rank(1)),
    }[name]
    interval = bootstrap_interval(values, clusters=_images(run))
    return interval if abs(interval.value - mean) < 1e-6 else None


def intervals_of(run: RunResult) -> dict[str, Interval]:
    """Those that the run has, by name."""
    found = {name: interval_of(run, name) for name in ("mean_ap", "rank_1")}
    return {name: interval for name, interval in found.items() if interval is not None}


def numbers(runs: Sequence[RunResult]) -> dict[str, Any]:
    """Every number of a page about these runs, as plain values for `json.dumps`."""
    compared: Mapping[str, Comparison | None] = {run.name: compare(runs[0], run) for run in runs[1:]}
    return {
        "runs": [
            {**run.to_json(), "intervals": {name: one.to_json() for name, one in intervals_of(run).items()}}
            for run in runs
        ],
        "compared_with_first": {name: None if one is None else one.to_json() for name, one in compared.items()},
    }


def _images(run: RunResult) -> Sequence[int] | None:
    return None if run.figures is None else run.figures.images


def _is_first(report: Report) -> Floats:
    """(Q,) 1 where the first hit is a match, 0 where not, NaN where skipped."""
    return np.where(np.isnan(report.first_rank), np.nan, (report.first_rank == 1).astype(np.float64))
