"""How far apart crops of one identity and of two are, and how well a threshold parts them."""

from collections.abc import Sequence

import numpy as np

from resight.evaluation.verification import Verification
from resight.report.chart import Chart, Series, make_chart
from resight.report.run_result import RunResult
from resight.report.sections.rank_lists import sampling
from resight.report.sections.section import Context, color_of, legend
from resight.report.thumbnails import Thumbnails

RIGHT_COLOR, WRONG_COLOR = 8, 9


def distances(runs: Sequence[RunResult], pictures: Thumbnails) -> Context | None:
    """Histograms for each run, the ROC curves of all, and a table."""
    del pictures
    found = [(i, run.figures.verification) for i, run in enumerate(runs) if run.figures and run.figures.verification]
    if not found:
        return None
    rates = sorted({point.far for _, one in found for point in one.tar_at_far})
    charts = [histogram(runs[i].name if len(runs) > 1 else "", one) for i, one in found]
    return {
        "charts": [chart for chart in [*charts, roc(runs)] if chart],
        "rates": [f"{100 * rate:g} %" for rate in rates],
        "rows": [_row(runs[i], i, one, rates) for i, one in found],
        "legend": legend(runs, [i for i, _ in found]),
        "metric": found[0][1].metric.replace("_", " "),
        "sampled": sampling(runs),
    }


def histogram(name: str, one: Verification) -> Chart | None:
    """Both kinds of pairs, each scaled to its own number."""
    middle = (one.edges[:-1] + one.edges[1:]) / 2
    kinds = (("same identity", RIGHT_COLOR, one.same), ("different identities", WRONG_COLOR, one.different))
    series = [
        Series(color, label, list(zip(middle.tolist(), (counts / max(counts.sum(), 1)).tolist(), strict=True)), True)
        for label, color, counts in kinds
    ]
    title = "Distances of pairs" + (f": {name}" if name else "")
    metric = f"{one.metric.replace('_', ' ')} distance"
    return make_chart(title, series, x_name=metric, y_name="share of the pairs of a kind", percent=True, x_axis="real")


def roc(runs: Sequence[RunResult]) -> Chart | None:
    """True accepts by false accepts of all runs, from one false accept in a hundred thousand on."""
    series = []
    for i, run in enumerate(runs):
        if run.figures is not None and run.figures.verification is not None:
            one = run.figures.verification
            shown = one.false_accepts >= 1e-5
            far, tar = np.log10(one.false_accepts[shown]), one.true_accepts[shown]
            kept = np.unique(np.linspace(0, max(len(far) - 1, 0), min(len(far), 80)).astype(np.int64))
            points = list(zip(far[kept].tolist(), tar[kept].tolist(), strict=True))
            series.append(Series(color_of(i), run.name, points))
    return make_chart(
        "ROC",
        series,
        x_name="false accepts",
        y_name="true accepts",
        percent=True,
        x_axis="power",
    )


def _row(run: RunResult, index: int, one: Verification, rates: Sequence[float]) -> Context:
    tar = {point.far: point for point in one.tar_at_far}
    return {
        "name": run.name,
        "color": color_of(index),
        "auc": f"{100 * one.auc:.2f}",
        "tar": [(f"{100 * tar[far].tar:.1f}", f"{tar[far].threshold:.3f}") if far in tar else None for far in rates],
        "num_same": f"{one.num_same:,}",
        "num_different": f"{one.num_different:,}",
    }
