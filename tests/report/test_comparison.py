import json
from dataclasses import replace

import numpy as np
import pytest

from resight.report.comparison import compare, intervals_of, may_be_same_test, numbers


def changed(run, precision, first_rank):
    """The run with other numbers for its four queries."""
    report = replace(
        run.report,
        average_precision=np.array(precision),
        first_rank=np.array(first_rank, dtype=float),
        mean_ap=float(np.nanmean(precision)),
        cmc=np.array([np.nanmean(np.array(first_rank) == 1)] * 10),
    )
    return replace(run, report=report)


@pytest.fixture
def two(make_run):
    first = changed(make_run("one"), [0.2, 0.9, 0.5, 1.0], [3, 1, 2, 1])
    other = changed(make_run("two"), [0.8, 0.3, 0.5, 1.0], [1, 4, 1, 1])
    return first, other


def test_differences_and_queries(two):
    found = compare(*two)
    assert found.mean_ap.value == pytest.approx(0.0)
    assert found.mean_ap.low < 0 < found.mean_ap.high
    assert found.rank_1.value == pytest.approx(0.25)
    assert (found.num_better, found.num_worse, found.num_same) == (1, 1, 2)
    assert (found.newly_right, found.newly_wrong) == (2, 1)
    assert [(change.row, change.first, change.other) for change in found.gained] == [(0, 0.2, 0.8)]
    assert [(change.row, change.first, change.other) for change in found.lost] == [(1, 0.9, 0.3)]


def test_a_run_against_itself(two):
    found = compare(two[0], two[0])
    assert (found.mean_ap.value, found.mean_ap.low, found.mean_ap.high) == (0, 0, 0)
    assert found.gained == found.lost == ()


def test_only_runs_on_the_same_rows_by_the_same_protocol_are_compared(two):
    first, other = two
    assert compare(first, replace(other, figures=replace(other.figures, test="another"))) is None
    assert compare(first, replace(other, figures=None)) is None
    skipped = changed(other, [0.8, np.nan, 0.5, 1.0], [1, np.nan, 1, 1])
    assert compare(first, skipped) is None


def test_intervals_hold_the_mean_and_are_left_out_of_means_of_evaluations(two):
    found = intervals_of(two[0])
    assert found["mean_ap"].low <= two[0].report.mean_ap <= found["mean_ap"].high
    assert found["rank_1"].value == pytest.approx(0.5)
    assert intervals_of(replace(two[0], report=replace(two[0].report, mean_ap=0.1))).keys() == {"rank_1"}


def test_an_image_that_several_draws_ask_is_one_unit(two):
    def twice(run, images):
        report = run.report
        both = {name: np.tile(getattr(report, name), 2) for name in ("average_precision", "first_rank")}
        return replace(run, report=replace(report, **both), figures=replace(run.figures, images=images))

    images = [0, 1, 2, 3] * 2
    drawn = [twice(run, images) for run in two]
    assert intervals_of(drawn[0])["mean_ap"] == intervals_of(two[0])["mean_ap"]
    assert compare(*drawn).mean_ap == compare(*two).mean_ap
    as_others = [twice(run, None) for run in two]
    wide, narrow = (intervals_of(run)["mean_ap"] for run in (drawn[0], as_others[0]))
    assert narrow.high - narrow.low < 0.8 * (wide.high - wide.low)
    assert compare(as_others[0], drawn[1]).mean_ap == compare(drawn[0], as_others[1]).mean_ap == compare(*drawn).mean_ap
    again = type(drawn[0].figures).from_json(json.loads(json.dumps(drawn[0].figures.to_json())))
    assert again.images == images
    old = {name: value for name, value in drawn[0].figures.to_json().items() if name != "images"}
    assert type(drawn[0].figures).from_json(old).images is None


def test_runs_without_figures_are_told_apart_by_their_rows(two):
    first, other = two
    assert may_be_same_test(first, replace(other, figures=None))
    longer = replace(other, figures=None, report=replace(other.report, num_gallery=99))
    assert not may_be_same_test(first, longer)
    assert not may_be_same_test(first, replace(other, figures=replace(other.figures, test="another")))


def test_numbers_are_plain(two):
    values = json.loads(json.dumps(numbers(two), allow_nan=False))
    assert [run["name"] for run in values["runs"]] == ["one", "two"]
    assert values["runs"][0]["report"]["mean_ap"] == pytest.approx(0.65)
    assert values["runs"][0]["figures"]["lists"]["row"] == [0, 1, 2, 3]
    assert values["compared_with_first"]["two"]["newly_right"] == 2
    assert values["runs"][1]["curves"][0]["loss"] == 3.0
