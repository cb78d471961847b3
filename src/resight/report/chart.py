"""Line charts as plain coordinates; the template `chart.html` draws them as inline SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 350, 205  # of the drawing, in its own units
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 34  # margins, in the same units

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One line: the number of its colour, its name and its points, ascending in x."""

    color: int
    name: str
    points: Sequence[Point]


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
    dots: list[Point]  # drawn as circles; only for series of a few points
    values: list[tuple[float, float, float, float, str]]  # x, pixel x, pixel y, y, text of y: for the pointer


@dataclass(frozen=True)
class Chart:
    """Everything that the template needs."""

    title: str
    x_name: str
    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    description: str  # read aloud instead of the drawing
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def make_chart(title: str, series: Sequence[Series], *, x_name: str, percent: bool = False) -> Chart | None:
    """Lay out a chart.

    Args:
        title: the quantity.
        series: the lines; points whose y is not finite are left out.
        x_name: below the x axis.
        percent: y values are fractions and are written in percent.

    Returns:
        The chart, or None where there is no point at all.
    """
    drawn = [Series(s.color, s.name, [p for p in s.points if math.isfinite(p[1])]) for s in series]
    drawn = [s for s in drawn if s.points]
    if not drawn:
        return None
    xs = [x for s in drawn for x, _ in s.points]
    ys = [y for s in drawn for _, y in s.points]
    y_steps = ticks(min(ys), max(ys))
    low, high = y_steps[0], y_steps[-1]
    left, right = min(xs), max(xs)

    def place(x: float, y: float) -> Point:
        across = (x - left) / (right - left) if right > left else 0.5
        up = (y - low) / (high - low)
        return (
            round(_LEFT + across * (WIDTH - _LEFT - _RIGHT), 1),
            round(HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM), 1),
        )

    def text(y: float) -> str:
        return f"{100 * y:.1f} %" if percent else f"{y:.4g}"

    lines = []
    for s in drawn:
        at = [place(*point) for point in s.points]
        path = "M" + "L".join(f"{x} {y}" for x, y in at)
        values = [(x, *pixel, y, text(y)) for (x, y), pixel in zip(s.points, at, strict=True)]
        lines.append(Line(s.color, s.name, path, at if len(at) <= 24 else [], values))
    ends = "; ".join(f"{s.name} from {text(s.points[0][1])} to {text(s.points[-1][1])}" for s in drawn)
    return Chart(
        title=title,
        x_name=x_name,
        lines=lines,
        x_ticks=[Tick(place(x, low)[0], f"{x:g}") for x in _whole_ticks(left, right)],
        y_ticks=[Tick(place(left, y)[1], tick_text(y, y_steps[1] - y_steps[0], percent)) for y in y_steps],
        description=f"{title} by {x_name}: {ends}",
    )


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


def _whole_ticks(low: float, high: float) -> list[float]:
    if high <= low:
        return [low]
    marks = ticks(low, high, wanted=5)
    inner = [x for x in marks if low < x <= high and x == round(x)]
    start = [low] if not inner or inner[0] - low >= 0.6 * (marks[1] - marks[0]) else []  # the first, where it has room
    return start + (inner or [high])
