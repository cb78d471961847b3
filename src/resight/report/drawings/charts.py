"""Line charts and differences between runs, by matplotlib."""

from collections.abc import Sequence
from typing import Any, Final

from resight._optional import require
from resight.report.chart import Chart, whole_ticks
from resight.report.comparison import compare
from resight.report.run_result import RunResult

COLORS: Final = (  # the page's, in light; the last two are right and wrong
    *("#0b6cb8", "#d2570f", "#0a8f68", "#b8518f", "#b58300", "#4a9bd4", "#6b6f76", "#8a5a44"),
    *("#14804a", "#c62f28"),
)
_DASHES: Final = ("-", (0, (5, 2)), (0, (1.5, 2)), (0, (6, 2, 1.5, 2)), (0, (3, 1.5)), (0, (8, 2)), (0, (1, 2)), "-.")


def new_figure(width: float, height: float) -> Any:
    """An empty figure, in inches, that belongs to no window."""
    return require("matplotlib.figure", extra="report").Figure(figsize=(width, height), layout="constrained")


def draw_chart(chart: Chart) -> Any:
    """A chart of the page as a figure."""
    ticker: Any = require("matplotlib.ticker", extra="report")
    figure = new_figure(4.4, 2.9)
    axes = figure.add_subplot()
    for series in chart.series:
        x, y = zip(*series.points, strict=True)
        if chart.x_axis == "power":
            x = tuple(10.0**value for value in x)
        marker = "o" if len(x) <= 24 and not series.filled else None
        color = COLORS[series.color]
        style = _DASHES[series.color % len(_DASHES)] if len(chart.series) > 1 else "-"
        axes.plot(x, y, color=color, linestyle=style, linewidth=1.6, marker=marker, markersize=2.6, label=series.name)
        if series.filled:
            axes.fill_between(x, y, color=color, alpha=0.15, linewidth=0)
    axes.set(title=chart.title, xlabel=chart.x_name, ylabel=chart.y_name)
    axes.grid(axis="y", color="#e3e3de")
    axes.set_axisbelow(True)
    percent = ticker.PercentFormatter(xmax=1, decimals=None, symbol="\u2009%")
    if chart.percent:
        axes.yaxis.set_major_formatter(percent)
    if chart.x_axis == "power":
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f"{100 * x:g}\u2009%"))
    elif chart.x_axis == "percent":
        axes.xaxis.set_major_formatter(percent)
    elif chart.x_axis == "whole":
        every = [x for series in chart.series for x, _ in series.points]
        axes.set_xticks(whole_ticks(min(every), max(every)))
    if len(chart.series) > 1:
        axes.legend(frameon=False, fontsize=8)
    return figure


def draw_differences(runs: Sequence[RunResult]) -> Any | None:
    """MAP and Rank-1 of each run less those of the first, with their intervals; None where no run can be compared."""
    found = [(run.name, one) for run in runs[1:] if (one := compare(runs[0], run)) is not None]
    if not found:
        return None
    figure = new_figure(5.2, 1.2 + 0.5 * len(found))
    axes = figure.add_subplot()
    for place, (_, one) in enumerate(found):
        for shift, color, interval in ((-0.13, COLORS[0], one.mean_ap), (0.13, COLORS[1], one.rank_1)):
            ends = [[100 * (interval.value - interval.low)], [100 * (interval.high - interval.value)]]
            label = {-0.13: "mAP", 0.13: "Rank-1"}[shift] if place == 0 else None
            axes.errorbar(100 * interval.value, place + shift, xerr=ends, fmt="o", color=color, capsize=3, label=label)
    axes.axvline(0, color="#646b76", linewidth=0.8)
    axes.set_yticks(range(len(found)), [name for name, _ in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set(xlabel=f"percentage points more than {runs[0].name}, 95 % interval")
    axes.legend(frameon=False, fontsize=8)
    return figure
