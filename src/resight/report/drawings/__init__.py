"""Every figure of a page as PNG and SVG files, for papers and slides."""

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from resight._optional import require
from resight.files import whole_file
from resight.report.drawings.charts import draw_chart, draw_differences
from resight.report.drawings.pictures import draw_attention, draw_camera_pairs, draw_map, draw_rank_lists
from resight.report.run_result import RunResult
from resight.report.sections.curves import all_charts
from resight.report.sections.distances import histogram, roc

__all__ = ["write_figures"]


def write_figures(folder: Path, runs: Sequence[RunResult]) -> list[Path]:
    """Draw what the page about these runs shows.

    Args:
        folder: for the files; it is made. Files of the same names are replaced.
        runs: as for `write_page`.

    Returns:
        The files: `loss.png`, `loss.svg`, ..; those of one run end with its name where there are several.

    Raises:
        MissingExtraError: if matplotlib is not installed (extra `report`).
    """
    matplotlib = require("matplotlib", extra="report")
    written = []
    style = {"svg.hashsalt": "resight", "font.size": 9, "axes.spines.top": False}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # names in a script that the font lacks
        for name, figure in _figures(runs):
            figure.draw_without_rendering()
            figure.set_layout_engine("none")  # the places that it found stay; it would look for them four times
            for kind, options in (("png", {"dpi": 160}), ("svg", {"metadata": {"Date": None}})):
                path = folder / f"{name}.{kind}"
                with whole_file(path) as temporary:
                    figure.savefig(temporary, format=kind, facecolor="white", bbox_inches="tight", **options)
                written.append(path)
    return written


def _figures(runs: Sequence[RunResult]) -> Iterator[tuple[str, Any]]:
    """Name and figure, one after the other, so that only one is in memory."""
    for name, chart in all_charts(runs).items():
        yield _file_name(name), draw_chart(chart)
    chart_of_all = roc(runs)
    if chart_of_all is not None:
        yield "roc", draw_chart(chart_of_all)
    if len(runs) > 1:
        differences = draw_differences(runs)
        if differences is not None:
            yield "differences", differences
    for run in runs:
        ending = f"_{_file_name(run.name)}" if len(runs) > 1 else ""
        for name, figure in _figures_of_one(run):
            yield name + ending, figure


def _figures_of_one(run: RunResult) -> Iterator[tuple[str, Any]]:
    data = run.figures
    if data is None:
        return
    if data.verification is not None:
        chart = histogram("", data.verification)
        if chart is not None:
            yield "distances", draw_chart(chart)
    if data.camera_pairs is not None and data.camera_pairs.pairs():
        yield "camera_pairs", draw_camera_pairs(data.camera_pairs)
    if data.embedding_map is not None:
        for projection in data.embedding_map.points:
            yield f"embedding_map_{projection.lower()}", draw_map(data, data.embedding_map, projection)
    if data.attention is not None:
        for kind in ("rollout", "last"):
            yield f"attention_{kind}", draw_attention(data, data.attention, kind)
    for reason, figure in draw_rank_lists(run):
        yield f"rank_lists_{reason}", figure


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name).strip("_") or "run"
