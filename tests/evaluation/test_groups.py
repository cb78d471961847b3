import datetime
import json
import math

import numpy as np
import pyarrow as pa
import pytest
import torch

from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.evaluation import Groups, evaluate_distance, groups
from tests.evaluation.drawn import as_manifest
from tests.oracles.metrics import Row


@pytest.fixture
def example():
    """Six queries of three identities with AP 1, 1/2, 1, 1/2, 1, none; two gallery rows of identity 1 and 2."""
    query = as_manifest("q", [Row("1"), Row("1"), Row("2"), Row("2"), Row("1"), Row("3")])
    distances = torch.tensor([[0.0, 1], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    return evaluate_distance(distances, query, as_manifest("g", [Row("1"), Row("2")])), query


def test_equals_the_means_of_the_group(example):
    report, query = example
    query = query.with_column("weather", ["rain", "rain", "sun", "sun", None, "fog"])
    found = groups(report, query, by="weather")
    assert [(group.value, group.num_queries, group.num_valid) for group in found.groups] == [
        ("fog", 1, 0), ("rain", 2, 2), ("sun", 2, 2), (None, 1, 1)
    ]  # fmt: skip
    assert [group.mean_ap for group in found.groups] == [None, 0.75, 0.75, 1.0]
    assert [group.rank_1 for group in found.groups] == [None, 0.5, 0.5, 1.0]
    assert [group.value for group in found.worst_first()] == ["rain", "sun", None]
    assert all(group.interval is None for group in found.groups), "too few queries for intervals"


def test_known_columns_whole_numbers_truths_and_times(example):
    report, query = example
    assert [group.value for group in groups(report, query, by="pid").groups] == ["1", "2", "3"]
    query = query.with_column("floor", [10, 9, 9, 10, None, 10])
    assert [group.value for group in groups(report, query, by="floor").groups] == ["9", "10", None]
    query = query.with_column("night", [True, False, True, False, True, None])
    assert [group.value for group in groups(report, query, by="night").groups] == ["false", "true", None]
    query = query.with_column("day", [datetime.date(2026, 11, 1 + i // 3) for i in range(6)])
    assert [group.value for group in groups(report, query, by="day").groups] == ["2026-11-01", "2026-11-02"]


def many(count):
    query = as_manifest("q", [Row(str(i)) for i in range(count)])
    report = evaluate_distance(torch.rand(count, count), query, as_manifest("g", [Row(str(i)) for i in range(count)]))
    return report, query


def test_many_numbers_are_cut_into_ranges():
    report, query = many(100)
    height = [None, None, *np.arange(98.0)]
    found = groups(report, query.with_column("height", height), by="height")
    assert [group.value for group in found.groups] == ["0 to 24", "25 to 48", "49 to 72", "73 to 97", None]
    assert [group.num_queries for group in found.groups] == [25, 24, 24, 25, 2]
    rows = np.arange(2, 27)
    assert found.groups[0].mean_ap == pytest.approx(report.average_precision[rows].mean())
    interval = found.groups[0].interval
    assert interval.low < found.groups[0].mean_ap < interval.high
    assert interval.value == pytest.approx(found.groups[0].mean_ap)


def test_ranges_of_numbers_that_pile_up():
    report, query = many(40)
    numbers = [1.5] * 25 + [float(i) for i in range(2, 17)]
    found = groups(report, query.with_column("x", numbers), by="x")
    assert sum(group.num_queries for group in found.groups) == 40
    assert found.groups[0].value == "1.5 to 1.5"
    assert found.groups[0].num_queries == 25


def test_many_groups_and_one_without_values():
    report, query = many(300)
    assert len(groups(report, query, by="pid").groups) == 300
    nothing = groups(report, query.with_column("x", pa.nulls(300, pa.float64())), by="x")
    assert [(group.value, group.num_queries) for group in nothing.groups] == [(None, 300)]


def test_json_keeps_every_number():
    report, query = many(60)
    query = query.with_column("side", ["left"] * 50 + ["right"] * 5 + [None] * 5)
    found = groups(report, query, by="side")
    again = Groups.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again == found
    assert again.groups[0].interval is not None


def test_errors(example):
    report, query = example
    with pytest.raises(DataError, match=r"no column 'wether'; columns found: image, pid"):
        groups(report, query, by="wether")
    with pytest.raises(DataError, match="no row has a value in column 'viewid'"):
        groups(report, query, by="viewid")
    with pytest.raises(DataError, match=r"'x' holds list<"):
        groups(report, query.with_column("x", [[1], [2], [3], [4], [5], [6]]), by="x")
    with pytest.raises(DataError, match="expected the 6 query rows of the report, came 2"):
        groups(report, query.select([0, 1]), by="pid")


def test_infinite_numbers_do_not_break_it():
    report, _ = many(40)
    numbers = [math.inf, -math.inf, *map(float, range(38))]
    found = groups(report, Manifest.from_columns({"image": list(map(str, range(40))), "x": numbers}, "/set"), by="x")
    assert sum(group.num_queries for group in found.groups) == 40
    assert found.groups[0].value == "-inf to 8"


def test_numbers_that_are_none_and_values_without_text(example):
    report, query = example
    query = query.with_column("tilt", [0.5, math.nan, 0.5, 1.0, None, 1.0])
    found = groups(report, query, by="tilt").groups
    assert [(group.value, group.num_queries) for group in found] == [("0.5", 2), ("1", 2), (None, 2)]
    fixed = query.with_column("code", pa.array([b"\xff\xfe"] * 6, pa.binary(2)))
    with pytest.raises(DataError, match="'code' holds fixed_size_binary"):
        groups(report, fixed, by="code")
