"""One chart for each quantity of the training, and what the evaluation's ranks look like as curves."""

from collections.abc import Sequence
from typing import Final

from resight.evaluation.result import Report
from resight.report.chart import Chart, Series, make_chart
from resight.report.run_result import RunResult
from resight.report.sections.section import Context, color_of, legend
from resight.report.thumbnails import Thumbnails

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


def curves(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """Charts with all runs in each; of the training only what a run recorded twice or more."""
    del pictures
    drawn = all_charts(runs)
    return {"charts": list(drawn.values()), "legend": legend(runs)} if drawn else None


def all_charts(runs: Sequence[RunResult]) -> dict[str, Chart]:
    """The charts by a name that a file can have."""
    recorded = {name for run in runs for row in run.curves for name in row} - _NOT_CURVES
    found = {name for name in recorded if any(len(_points(run, name)) > 1 for run in runs)}
    names = [name for name in _CURVES if name in found] + sorted(found - set(_CURVES))
    charts = {
        name: make_chart(
            _CURVES.get(name, name.replace("_", " ").capitalize()),
            [Series(color_of(i), run.name, _points(run, name)) for i, run in enumerate(runs)],
            x_name="epoch",
            percent=name in _FRACTIONS,
        )
        for name in names
    }
    charts["cmc"] = make_chart(
        "CMC",
        [Series(color_of(i), run.name, _cmc_points(run.report)) for i, run in enumerate(runs)],
        x_name="k",
        y_name="match within the first k",
        percent=True,
    )
    charts["precision_recall"] = make_chart(
        "Precision at a recall",
        [Series(color_of(i), run.name, _precision_points(run)) for i, run in enumerate(runs)],
        x_name="recall",
        y_name="mean over queries",
        percent=True,
        x_axis="percent",
    )
    return {name: chart for name, chart in charts.items() if chart is not None}


def _points(run: RunResult, name: str) -> list[tuple[float, float]]:
    points = []
    for position, row in enumerate(run.curves, start=1):
        x, y = row.get("epoch", position), row.get(name)
        if isinstance(x, int | float) and isinstance(y, int | float):
            points.append((float(x), float(y)))
    return points


def _cmc_points(report: Report) -> list[tuple[float, float]]:
    return [(float(k), report.rank(k)) for k in range(1, min(20, len(report.cmc)) + 1)]


def _precision_points(run: RunResult) -> list[tuple[float, float]]:
    if run.figures is None:
        return []
    curve = run.figures.precision_recall
    return list(zip(curve.recall[::2].tolist(), curve.precision[::2].tolist(), strict=True))
