import itertools
import math
import re

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
    numbers_of_path = [float(value) for value in re.findall(r"-?[0-9.]+", chart.lines[0].path)]
    assert all(0 <= x <= WIDTH for x in numbers_of_path[::2])
    assert all(0 <= y <= HEIGHT for y in numbers_of_path[1::2])
    assert sorted(value[0] for value in chart.lines[0].values) == sorted(x for x, _ in finite)
    assert [value[1] for value in chart.lines[0].values] == numbers_of_path[::2]


def test_tick_texts_differ_and_are_short():
    assert [tick_text(y, 0.5) for y in (0, 0.5, 1)] == ["0.0", "0.5", "1.0"]
    assert [tick_text(y, 2.5) for y in (0, 2.5, 5)] == ["0.0", "2.5", "5.0"]
    assert [tick_text(y, 20) for y in (0, 20)] == ["0", "20"]
    assert tick_text(0.4, 0.2, percent=True) == "40\u2009%"
    assert tick_text(0.0002, 0.0001) == "0.0002"


def test_larger_values_stand_higher_and_the_description_tells_the_ends():
    chart = make_chart("mAP", [Series(0, "a", [(1, 0.1), (2, 0.5)])], x_name="epoch", percent=True)
    (x1, y1), (x2, y2) = chart.lines[0].dots
    assert x1 < x2
    assert y1 > y2
    assert chart.lines[0].values[1][2:] == ("2", "50.0 %")
    assert chart.description == "mAP by epoch: a from 10.0 % to 50.0 %"


def test_what_y_is_stands_beside_the_title():
    chart = make_chart("CMC", [Series(0, "a", [(1, 0.1), (2, 0.5)])], x_name="k", y_name="share", percent=True)
    assert (chart.title, chart.y_name) == ("CMC", "share")
    assert chart.description.startswith("CMC (share) by k: ")


def test_the_last_mark_has_room():
    chart = make_chart("p", [Series(0, "a", [(0, 1), (1, 2)])], x_name="recall", x_axis="percent")
    assert chart.x_ticks[-1].at + 17 <= chart.width  # half of "100 %" in 12 pixels


def test_other_axes_have_their_own_texts():
    real = make_chart("d", [Series(0, "a", [(0.2, 1), (1.9, 2)])], x_name="distance", x_axis="real")
    assert [tick.text for tick in real.x_ticks] == ["0.5", "1.0", "1.5"]
    percent = make_chart("p", [Series(0, "a", [(0, 1), (1, 2)])], x_name="recall", x_axis="percent")
    assert percent.x_ticks[-1].text == "100\u2009%"
    assert percent.lines[0].values[0][2] == "0 %"
    power = make_chart("r", [Series(0, "a", [(-3.4, 0.1), (0, 1)])], x_name="rate", x_axis="power")
    assert [tick.text for tick in power.x_ticks] == ["0.1 %", "1 %", "10 %", "100 %"]


def test_a_filled_line_goes_down_to_the_axis_at_zero():
    chart = make_chart("h", [Series(0, "a", [(1, 0.5), (2, 0.7)], filled=True)], x_name="d")
    ground = chart.bottom
    assert chart.lines[0].area.endswith(
        f"L{chart.lines[0].values[-1][1]} {ground}L{chart.lines[0].values[0][1]} {ground}Z"
    )
    assert chart.y_ticks[0].text == "0.0"
    assert make_chart("h", [Series(0, "a", [(1, 0.5)])], x_name="d").lines[0].area == ""
