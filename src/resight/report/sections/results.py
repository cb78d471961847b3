"""The table of the runs, and the recipe of a single one."""

from collections.abc import Callable, Sequence
from typing import Final

from resight.evaluation.bootstrap import Interval
from resight.evaluation.result import Report
from resight.report.comparison import Comparison, compare, intervals_of, may_be_same_test
from resight.report.run_result import RunResult, differing_settings
from resight.report.sections.section import Context, color_of
from resight.report.thumbnails import Thumbnails

_UNTOLD: Final = ("title", "data.", "train.save")  # what says nothing about a method
_MAX_DIFFERING = 8
_RECIPE: Final = (  # what a reader asks first, of a single run
    *("model.name", "model.image_size", "model.stride", "model.jigsaw", "model.side_information", "model.weights"),
    *("optimizer.name", "optimizer.lr", "sampler.ids_per_batch", "sampler.images_per_id", "train.epochs"),
    *("train.precision", "train.seed", "evaluate.metric", "evaluate.cross_camera", "evaluate.both_directions"),
    *("evaluate.flip", "evaluate.multi_query", "evaluate.rerank", "evaluate.rerank.k1", "evaluate.rerank.k2"),
    "evaluate.rerank.weight",
)


def results(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """Best values marked, differences to the first row with their intervals."""
    del pictures
    compared = [None, *(compare(runs[0], run) for run in runs[1:])]
    intervals = [intervals_of(run) for run in runs]
    columns = [
        _column("mAP", runs, lambda run: 100 * run.report.mean_ap, "%"),
        *(_column(f"Rank-{k}", runs, _rank_of(k), "%") for k in (1, 5, 10)),
        _column("mINP", runs, lambda run: 100 * run.report.mean_inp, "%"),
        _column("Chance mAP", runs, lambda run: 100 * run.report.chance_mean_ap, "%", compared=False),
        _column("Images/s", runs, lambda run: run.images_per_second or None, "", text=_speed, differs=False),
        _column("Parameters", runs, lambda run: run.num_parameters or None, "", text=_millions, compared=False),
    ]
    for column, name in ((columns[0], "mean_ap"), (columns[1], "rank_1")):
        for i, cell in enumerate(column["cells"]):
            cell["interval"] = _interval_text(name, compared[i], intervals[i].get(name))
    differing = [name for name in differing_settings(runs) if not name.startswith(_UNTOLD)]
    flat = [run.flat_settings() for run in runs]
    rows = [
        {
            "color": color_of(i),
            "name": run.name,
            "differs": [(name, flat[i].get(name, "–")) for name in differing[:_MAX_DIFFERING]],
        }
        for i, run in enumerate(runs)
    ]
    return {
        "columns": columns,
        "rows": rows,
        "skipped": [_skipped(run.report) for run in runs],
        "recipe": [(name, flat[0][name]) for name in _RECIPE if name in flat[0]] if len(runs) == 1 else [],
        "has_intervals": any(intervals),
        "is_paired": any(compared),
        "other_tests": [run.name for run in runs[1:] if not may_be_same_test(runs[0], run)],
    }


def _interval_text(name: str, comparison: Comparison | None, own: Interval | None) -> tuple[str, bool] | None:
    """What stands below a number, and whether it is a difference that 0 does not lie in."""
    if comparison is not None:
        found: Interval = getattr(comparison, name)
        text = f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
        return text, found.low > 0 or found.high < 0
    return None if own is None else (f"{100 * own.low:.1f} to {100 * own.high:.1f}", False)


def _column(
    title: str,
    runs: Sequence[RunResult],
    value: Callable[[RunResult], float | None],
    unit: str,
    *,
    text: Callable[[float], str] = "{:.1f}".format,
    compared: bool = True,
    differs: bool = True,
) -> Context:
    """One column; `compared` marks its best value (the largest), `differs` shows the difference to the first row.

    Both among the runs on the rows of the first alone.
    """
    values = [value(run) for run in runs]
    texts = ["–" if number is None else text(number) for number in values]
    alike = [may_be_same_test(runs[0], run) for run in runs]  # numbers on other rows say nothing beside these
    ranked = [number for number, same in zip(values, alike, strict=True) if number is not None and same]
    best = text(max(ranked)) if ranked and compared and sum(alike) > 1 else None
    cells: list[Context] = []
    for i, number in enumerate(values):
        difference = None
        if compared and differs and i > 0 and alike[i] and number is not None and values[0] is not None:
            difference = round(number - values[0], 1) + 0.0
        cells.append(
            {"text": texts[i], "is_best": alike[i] and texts[i] == best, "difference": difference, "interval": None}
        )
    return {"title": title, "unit": unit, "cells": cells}


def _rank_of(k: int) -> Callable[[RunResult], float | None]:
    return lambda run: 100 * run.report.rank(k) if k <= len(run.report.cmc) else None


def _speed(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def _millions(number: float) -> str:
    return f"{number / 1e6:,.1f} M" if number >= 1e5 else f"{number:,.0f}"


def _skipped(report: Report) -> str:
    return f"{report.num_skipped:,} of {report.num_query:,} queries" if report.num_skipped else ""
