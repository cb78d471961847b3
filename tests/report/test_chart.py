import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resight.report.chart import HEIGHT, WIDTH, Series, make_chart, tick_text, ticks

numbers = st.floats(-1e9, 1e9, allow_nan=False)


@given(numbers, numbers)
def test_ticks_cover_the_values_in_equal_round_steps(a, b):
    low, high = sorted((a, b))
    marks = ticks(low, high)
    slack = 1e-6 * max(abs(low), abs(high), 1e-9)
    assert 2 <= len(marks) <= 9
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    steps = [y - x for x, y in itertools.pairwise(marks)]
    assert all(step == pytest.approx(steps[0], rel=1e-3) for step in steps)


@given(st.lists(st.tuples(st.integers(1, 200), st.one_of(numbers, st.just(math.nan))), max_size=12))
def test_everything_lies_inside_the_drawing(points):
    chart = make_chart("Loss", [Series(0, "run", sorted(points))], x_name="epoch")
    finite = [point for point in points if math.isfinite(point[1])]
    if not finite:
        assert chart is None
        return
    for x, at_x, at_y, y, _ in chart.lines[0].values:
        assert (x, y) in finite
        assert 0 <= at_x <= WIDTH
        assert 0 <= at_y <= HEIGHT


def test_tick_texts_differ_and_are_short():
    assert [tick_text(y, 0.5) for y in (0, 0.5, 1)] == ["0.0", "0.5", "1.0"]
    assert [tick_text(y, 2.5) for y in (0, 2.5, 5)] == ["0.0", "2.5", "5.0"]
    assert [tick_text(y, 20) for y in (0, 20)] == ["0", "20"]
    assert tick_text(0.4, 0.2, percent=True) == "40\u2009%"
    assert tick_text(0.0002, 0.0001) == "0.0002"


def test_larger_values_stand_higher_and_the_description_tells_the_ends():
    chart = make_chart("mAP", [Series(0, "a", [(1, 0.1), (2, 0.5)])], x_name="epoch", percent=True)
    (_, x1, y1, _, _), (_, x2, y2, _, text) = chart.lines[0].values
    assert x1 < x2
    assert y1 > y2
    assert text == "50.0 %"
    assert chart.description == "mAP by epoch: a from 10.0 % to 50.0 %"
