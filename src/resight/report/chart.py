"""Line charts as plain coordinates; the template `chart.html` draws them as inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

WIDTH, HEIGHT = 350, 205  # of the drawing, in its own units
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 18, 10, 34  # margins, in the same units

Point = tuple[float, float]
Axis = Literal["whole", "real", "percent", "power"]
"""Of x: whole numbers alone are marked; any are; fractions, written in percent; their logarithms to base 10."""


@dataclass(frozen=True)
class Series:
    """One line: the number of its colour, its name and its points, ascending in x; filled: down to the x axis."""

    color: int
    name: str
    points: Sequence[Point]
    filled: bool = False


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Line:
    """A series as it is drawn."""

    color: int
    name: str
    path: str  # of an SVG path element
    area: str  # likewise, closed along the x axis; empty where it is not filled
    dots: list[Point]  # drawn as circles; only for series of a few points
    values: list[tuple[float, float, str, str]]  # x, pixel x, text of x, text of y: for the pointer


@dataclass(frozen=True)
class Chart:
    """Everything that the template needs."""

    title: str
    x_name: str
    y_name: str  # empty where the title is the quantity
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    description: str  # read aloud instead of the drawing
    series: list[Series]  # what is drawn, as it came
    percent: bool  # y is a fraction
    x_axis: Axis
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def make_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_name: str,
    y_name: str = "",
    percent: bool = False,
    x_axis: Axis = "whole",
) -> Chart | None:
    """Lay out a chart.

    Args:
        title: the quantity.
        series: the lines; points whose y is not finite are left out.
        x_name: below the x axis.
        y_name: what y is, where the title does not say it.
        percent: y values are fractions and are written in percent.
        x_axis: what x is.

    Returns:
        The chart, or None where there is no point at all.
    """
    finite = [replace(s, points=[point for point in s.points if math.isfinite(point[1])]) for s in series]
    drawn = [s for s in finite if s.points]
    if not drawn:
        return None
    xs = [x for s in drawn for x, _ in s.points]
    ys = [y for s in drawn for _, y in s.points] + [0.0 for s in drawn if s.filled]
    frame = _Frame(min(xs), max(xs), ticks(min(ys), max(ys)), percent, x_axis)
    ends = "; ".join(f"{s.name} from {frame.text(s.points[0][1])} to {frame.text(s.points[-1][1])}" for s in drawn)
    y_step = frame.y_steps[1] - frame.y_steps[0]
    return Chart(
        title=title,
        x_name=x_name,
        y_name=y_name,
        lines=[frame.line(s) for s in drawn],
        x_ticks=frame.x_ticks(),
        y_ticks=[Tick(frame.place(frame.left, y)[1], tick_text(y, y_step, percent)) for y in frame.y_steps],
        description=f"{title}{f' ({y_name})' if y_name else ''} by {x_name}: {ends}",
        series=drawn,
        percent=percent,
        x_axis=x_axis,
    )


@dataclass(frozen=True)
class _Frame:
    """From values to places in the drawing, and to their texts."""

    left: float
    right: float
    y_steps: list[float]
    percent: bool
    x_axis: Axis

    def place(self, x: float, y: float) -> Point:
        low, high = self.y_steps[0], self.y_steps[-1]
        across = (x - self.left) / (self.right - self.left) if self.right > self.left else 0.5
        up = (y - low) / (high - low)
        return (
            round(_LEFT + across * (WIDTH - _LEFT - _RIGHT), 1),
            round(HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM), 1),
        )

    def text(self, y: float) -> str:
        return f"{100 * y:.1f} %" if self.percent else f"{y:.4g}"

    def line(self, s: Series) -> Line:
        at = [self.place(*point) for point in s.points]
        path = "M" + "L".join(f"{x} {y}" for x, y in at)
        ground = HEIGHT - _BOTTOM
        area = f"{path}L{at[-1][0]} {ground}L{at[0][0]} {ground}Z" if s.filled else ""
        values = [(x, pixel[0], self.x_text(x), self.text(y)) for (x, y), pixel in zip(s.points, at, strict=True)]
        return Line(s.color, s.name, path, area, at if len(at) <= 24 and not s.filled else [], values)

    def x_text(self, x: float) -> str:
        if self.x_axis in ("percent", "power"):
            return f"{100 * (10**x if self.x_axis == 'power' else x):.3g} %"
        return f"{x:.4g}" if self.x_axis == "real" else f"{x:g}"

    def x_ticks(self) -> list[Tick]:
        if self.x_axis in ("whole", "power"):
            marks = whole_ticks(self.left, self.right) if self.x_axis == "whole" else _powers(self.left, self.right)
            return [Tick(self.place(x, self.y_steps[0])[0], self.x_text(x)) for x in marks]
        steps = ticks(self.left, self.right)
        slack = 1e-9 * max(abs(steps[0]), abs(steps[-1]))
        inner = [x for x in steps if self.left - slack <= x <= self.right + slack] or [self.left]
        step, percent = steps[1] - steps[0], self.x_axis == "percent"
        return [Tick(self.place(x, self.y_steps[0])[0], tick_text(x, step, percent)) for x in inner]


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers that cover low..high, two at least, in steps of 1, 2, 2.5 or 5 times a power of ten."""
    if high - low <= 1e-12 * max(abs(low), abs(high), 1e-12):
        spread = abs(high) * 0.1
        low, high = (low - spread, high + spread) if spread else (0.0, 1.0)
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [i * step for i in range(first, last + 1)]


def tick_text(value: float, step: float, percent: bool = False) -> str:
    """As many digits as neighbouring ticks need to differ."""
    if percent:
        value, step = 100 * value, 100 * step
    if value and not percent and max(abs(value), step) < 1e-3:
        return f"{value:.2g}"
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if round(step * 10**digits, 6) % 1:  # a step of 2.5 needs one digit more
        digits += 1
    return f"{value:.{digits}f}" + ("\u2009%" if percent else "")


def whole_ticks(low: float, high: float) -> list[float]:
    """Some of the whole numbers of low..high, the first among them where it has room."""
    if high <= low:
        return [low]
    marks = ticks(low, high, wanted=5)
    inner = [x for x in marks if low < x <= high and x == round(x)]
    start = [low] if not inner or inner[0] - low >= 0.6 * (marks[1] - marks[0]) else []  # the first, where it has room
    return start + (inner or [high])


def _powers(low: float, high: float) -> list[float]:
    return [float(x) for x in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)] or [low]
