"""The sections of a page: each is one function here and one template of the same name.

A function takes the runs and the page's pictures and returns what its template needs, or None to be left out. To add a
section, write both and add it to `SECTIONS`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from resight.evaluation.rank_lists import Hit, RankList
from resight.evaluation.result import Report
from resight.report.chart import Chart, Series, make_chart
from resight.report.run_result import RunResult
from resight.report.thumbnails import Thumbnails

Context = dict[str, Any]

_CURVES: Final = {  # known quantities in the order in which they are shown; others follow
    "loss": "Loss",
    "identity_loss": "Identity loss",
    "triplet_loss": "Triplet loss",
    "contrastive_loss": "Contrastive loss",
    "center_loss": "Center loss",
    "accuracy": "Accuracy in training",
    "mean_ap": "mAP",
    "rank_1": "Rank-1",
    "rank_5": "Rank-5",
    "rank_10": "Rank-10",
    "mean_inp": "mINP",
    "lr": "Learning rate",
}
_NOT_CURVES: Final = {"epoch", "step", "time", "seconds"}
_FRACTIONS: Final = {"accuracy", "mean_ap", "rank_1", "rank_5", "rank_10", "mean_inp"}
NUM_COLORS: Final = 8


@dataclass(frozen=True)
class Section:
    """Where a section is linked to, its heading, and the function behind it."""

    name: str  # of the template, and the id of the element
    title: str
    context: Callable[[Sequence[RunResult], Thumbnails], Context | None]


def results(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """The table of the runs: best values marked, differences to the first row."""
    del pictures
    columns = [
        _column("mAP", runs, lambda run: 100 * run.report.mean_ap, "%"),
        *(_column(f"Rank-{k}", runs, _rank_of(k), "%") for k in (1, 5, 10)),
        _column("mINP", runs, lambda run: 100 * run.report.mean_inp, "%"),
        _column("Chance mAP", runs, lambda run: 100 * run.report.chance_mean_ap, "%", compared=False),
        _column("Images/s", runs, lambda run: run.images_per_second or None, "", text=_speed, differs=False),
        _column("Parameters", runs, lambda run: run.num_parameters or None, "", text=_millions, compared=False),
    ]
    rows = [{"color": i % NUM_COLORS, "name": run.name, "report": run.report} for i, run in enumerate(runs)]
    return {"columns": columns, "rows": rows, "skipped": [_skipped(run.report) for run in runs]}


def curves(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """One chart for each quantity that a run recorded twice or more, all runs in it; and the evaluation's CMC."""
    del pictures
    recorded = {name for run in runs for row in run.curves for name in row} - _NOT_CURVES
    found = {name for name in recorded if any(len(_points(run, name)) > 1 for run in runs)}
    names = [name for name in _CURVES if name in found] + sorted(found - set(_CURVES))
    charts = [
        make_chart(
            _CURVES.get(name, name.replace("_", " ").capitalize()),
            [Series(i % NUM_COLORS, run.name, _points(run, name)) for i, run in enumerate(runs)],
            x_name="epoch",
            percent=name in _FRACTIONS,
        )
        for name in names
    ]
    charts.append(_cmc_chart(runs))
    drawn = [chart for chart in charts if chart]
    return {"charts": drawn, "legend": _legend(runs)} if drawn else None


def rank_lists(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """Queries with their first hits. Lists of one query stand together, one for each run that shows it."""
    order: dict[tuple[Any, ...], int] = {}
    cards = []
    for i, run in enumerate(runs):
        for found in run.rank_lists:
            place = order.setdefault((found.query.path, found.query.box), len(order))
            cards.append((place, i, _card(i, run, found, pictures)))
    if not cards:
        return None
    cards.sort(key=lambda card: card[:2])
    shown = sorted({i for _, i, _ in cards})
    return {
        "cards": [card for _, _, card in cards],
        "filters": [{"run": i, "name": runs[i].name, "color": i % NUM_COLORS} for i in shown],
        "num_right": sum(card["is_right"] for _, _, card in cards),
        "ratio": pictures.ratio(),
    }


def settings(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """The settings of each run, those marked in which the runs differ."""
    del pictures
    flat = [dict(_flattened(run.settings)) for run in runs]
    names = list(dict.fromkeys(name for entries in flat for name in entries))
    differ = {name for name in names if len({entries.get(name) for entries in flat}) > 1}
    blocks = [
        {
            "name": run.name,
            "color": i % NUM_COLORS,
            "entries": [(name, value, name in differ) for name, value in flat[i].items()],
        }
        for i, run in enumerate(runs)
    ]
    return {"blocks": blocks, "num_differ": len(differ)} if names else None


SECTIONS: Final = (
    Section("results", "Results", results),
    Section("curves", "Curves", curves),
    Section("rank_lists", "Rank lists", rank_lists),
    Section("settings", "Settings", settings),
)


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
    """One column; `compared` marks its best value (the largest), `differs` shows the difference to the first row."""
    values = [value(run) for run in runs]
    texts = ["–" if number is None else text(number) for number in values]
    known = [number for number in values if number is not None]
    best = text(max(known)) if known and compared and len(runs) > 1 else None
    cells = []
    for i, number in enumerate(values):
        difference = None
        if compared and differs and i > 0 and number is not None and values[0] is not None:
            difference = round(number - values[0], 1) + 0.0
        cells.append({"text": texts[i], "is_best": texts[i] == best, "difference": difference})
    return {"title": title, "unit": unit, "cells": cells}


def _rank_of(k: int) -> Callable[[RunResult], float | None]:
    return lambda run: 100 * run.report.rank(k) if k <= len(run.report.cmc) else None


def _speed(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.1f}"


def _millions(number: float) -> str:
    return f"{number / 1e6:,.1f} M" if number >= 1e5 else f"{number:,.0f}"


def _skipped(report: Report) -> str:
    return f"{report.num_skipped:,} of {report.num_query:,} queries" if report.num_skipped else ""


def _points(run: RunResult, name: str) -> list[tuple[float, float]]:
    points = []
    for position, row in enumerate(run.curves, start=1):
        x, y = row.get("epoch", position), row.get(name)
        if isinstance(x, int | float) and isinstance(y, int | float):
            points.append((float(x), float(y)))
    return points


def _cmc_chart(runs: Sequence[RunResult]) -> Chart | None:
    return make_chart(
        "CMC: a match within the first k",
        [Series(i % NUM_COLORS, run.name, _cmc_points(run.report)) for i, run in enumerate(runs)],
        x_name="k",
        percent=True,
    )


def _cmc_points(report: Report) -> list[tuple[float, float]]:
    return [(float(k), report.rank(k)) for k in range(1, min(20, len(report.cmc)) + 1)]


def _legend(runs: Sequence[RunResult]) -> list[Context]:
    return [{"name": run.name, "color": i % NUM_COLORS} for i, run in enumerate(runs)]


def _card(index: int, run: RunResult, found: RankList, pictures: Thumbnails) -> Context:
    precision = found.average_precision
    return {
        "run": index,
        "run_name": run.name,
        "color": index % NUM_COLORS,
        "is_right": found.is_right,
        "verdict": _verdict(found),
        "average_precision": None if math.isnan(precision) else f"{100 * precision:.1f} %",
        "query": found.query,
        "picture": pictures.get(found.query.path, found.query.box),
        "hits": [_shown_hit(hit, pictures) for hit in found.hits],
    }


def _verdict(found: RankList) -> str:
    if not found.hits:
        return "no gallery row counts"
    if found.is_right:
        return "right at rank 1"
    if math.isnan(found.average_precision):
        return "no match in the gallery"
    first = next((hit.rank for hit in found.hits if hit.match), None)
    return f"first right hit at rank {first}" if first else f"no right hit in the first {len(found.hits)}"


def _shown_hit(hit: Hit, pictures: Thumbnails) -> Context:
    return {"hit": hit, "distance": f"{hit.distance:.3f}", "picture": pictures.get(hit.path, hit.box)}


def _flattened(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted name, text)."""
    entries = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            entries.extend(_flattened(value, f"{prefix}{name}."))
        else:
            entries.append((f"{prefix}{name}", "none" if value is None else str(value)))
    return entries
