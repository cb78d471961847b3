"""The metrics of groups of queries: by any column of the manifest."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from resight.data.columns import TYPES
from resight.data.manifest import Manifest, sort_naturally
from resight.errors import DataError
from resight.evaluation.bootstrap import Interval, bootstrap_interval
from resight.evaluation.result import Report

Codes = npt.NDArray[np.int64]

_MAX_NUMBERS = 12  # a column of numbers with more values than this is cut into ranges
_NUM_RANGES = 4
_FEWEST = 10  # queries that an interval needs to mean something


@dataclass(frozen=True)
class Group:
    """Queries with one value in the column; None: without a value.

    num_queries: of the group. num_valid: with a match; the means are over these and None where there are none.
    interval: of the mAP; None where fewer than ten queries have a match.
    """

    value: str | None
    num_queries: int
    num_valid: int
    mean_ap: float | None
    rank_1: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Groups:
    """One group for each value of a column, in natural order, that without a value last."""

    column: str
    groups: tuple[Group, ...]

    def worst_first(self) -> list[Group]:
        """The groups with a query that has a match, lowest mAP first."""
        return sorted((group for group in self.groups if group.num_valid), key=lambda group: group.mean_ap or 0.0)

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Groups":
        """The result that `to_json` gave."""
        groups = []
        for group in values["groups"]:
            interval = None if group["interval"] is None else Interval.from_json(group["interval"])
            groups.append(Group(**{**group, "interval": interval}))
        return cls(values["column"], tuple(groups))


def groups(report: Report, query: Manifest, *, by: str) -> Groups:
    """The report's metrics for each group of queries; the gallery stays whole.

    Args:
        report: of these queries.
        query: the rows that were the queries, one for each entry of `report.average_precision`.
        by: a column of text, numbers, truths or times. Numbers of more than twelve different values, such as `box_h`,
            are cut into four ranges with about as many queries each.

    Raises:
        DataError: if there is no such column, its values are lists or the like, or the rows are not the report's.
    """
    if len(query) != report.num_query or len(report.average_precision) != report.num_query:
        raise DataError(f"groups: expected the {report.num_query:,} query rows of the report, came {len(query):,} rows")
    names, codes = group_codes(query, by)
    values: list[str | None] = [*names, None] if (codes < 0).any() else list(names)
    places = np.where(codes < 0, len(names), codes)
    order = np.argsort(places, kind="stable")
    bounds = np.searchsorted(places[order], np.arange(len(values) + 1))
    parts = [order[bounds[i] : bounds[i + 1]] for i in range(len(values))]
    return Groups(by, tuple(_group(report, value, rows) for value, rows in zip(values, parts, strict=True)))


def group_codes(query: Manifest, column: str) -> tuple[list[str], Codes]:
    """Names of the groups in their order, and which one each row belongs to, (Q,); -1 where it has no value.

    Raises:
        DataError: as `groups`.
    """
    if column not in query.table.column_names:
        if column in TYPES:
            raise DataError(f"groups: no row has a value in column {column!r}")
        raise DataError(f"groups: there is no column {column!r}; columns found: {', '.join(query.table.column_names)}")
    values = query.table.column(column)
    kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise DataError(f"groups: expected a column of text, numbers or truths, but {column!r} holds {values.type}")
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        numbers = values.cast(pa.float64(), safe=False).to_numpy()
        if len(np.unique(numbers[~np.isnan(numbers)])) > _MAX_NUMBERS:
            return _ranges(numbers)
    try:
        if pa.types.is_floating(kind):
            values = pc.if_else(pc.is_nan(values), None, values)  # no value either
        text = values.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        raise DataError(
            f"groups: expected a column of text, numbers, truths or times, but {column!r} holds {values.type}"
        ) from error
    names = sort_naturally(value for value in pc.unique(text).to_pylist() if value is not None)
    codes: Codes = pc.index_in(text, value_set=pa.array(names, pa.string())).fill_null(-1).to_numpy().astype(np.int64)
    return names, codes


def _group(report: Report, value: str | None, rows: Codes) -> Group:
    precision = report.average_precision[rows]
    valid = ~np.isnan(precision)
    num_valid = int(valid.sum())
    if not num_valid:
        return Group(value, len(rows), 0, None, None, None)
    first = report.first_rank[rows][valid] == 1
    interval = bootstrap_interval(precision) if num_valid >= _FEWEST else None
    return Group(value, len(rows), num_valid, float(precision[valid].mean()), float(first.mean()), interval)


def _ranges(numbers: npt.NDArray[np.float64]) -> tuple[list[str], Codes]:
    """Parts with about as many rows each; equal numbers stay together."""
    given = numbers[~np.isnan(numbers)]
    cuts = np.unique(np.quantile(given, np.arange(1, _NUM_RANGES) / _NUM_RANGES))
    codes = np.where(np.isnan(numbers), -1, np.searchsorted(cuts, numbers, side="left"))
    used = [code for code in range(len(cuts) + 1) if (codes == code).any()]
    names = [f"{_short(numbers[codes == code].min())} to {_short(numbers[codes == code].max())}" for code in used]
    place = np.full(len(cuts) + 2, -1, dtype=np.int64)  # the last entry is for -1
    place[used] = np.arange(len(used))
    return names, place[codes]


def _short(number: float) -> str:
    return f"{number:.0f}" if math.isfinite(number) and number == round(number) else f"{number:.4g}"
