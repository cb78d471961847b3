"""From runs to the HTML page about them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from resight.evaluation import RankList, Report, choose_rows, rank_lists
from resight.inference import Embedder
from resight.recipes.build import dump_recipe
from resight.recipes.evaluation_set import EvaluationSet, report_numbers
from resight.recipes.run import Outcome
from resight.report import RunResult, write_page

Vectors = tuple[np.ndarray, np.ndarray]


def run_result(name: str, outcome: Outcome) -> RunResult:
    """What the page shows of a finished run.

    Raises:
        ValueError: if the run was not evaluated.
    """
    if outcome.report is None or outcome.test is None or outcome.vectors is None:
        raise ValueError(f"the run in {outcome.folder.path} was not evaluated; its data has no query and gallery rows")
    rows = outcome.folder.rows()
    if rows:  # the result itself is the last point of the curves
        rows[-1] = {**rows[-1], **report_numbers(outcome.report)}
    speeds = [row["images_per_second"] for row in rows if "images_per_second" in row]
    return RunResult(
        name=name,
        report=outcome.report,
        curves=rows,
        num_parameters=outcome.num_parameters,
        images_per_second=float(np.median(speeds)) if speeds else 0.0,
        settings=dump_recipe(outcome.recipe),
        rank_lists=choose_rank_lists(outcome.report, outcome.test, outcome.vectors),
    )


def choose_rank_lists(
    report: Report, test: EvaluationSet, vectors: Vectors, *, num_hard: int = 8, num_others: int = 8
) -> list[RankList]:
    """The queries of the lowest average precision and some of the others, with their first hits.

    Args:
        report: of these vectors. Of both directions only query against gallery is shown.
        test: their rows.
        vectors: embeddings of query and gallery.
        num_hard: how many of the worst.
        num_others: how many of the others.
    """
    query, gallery = vectors
    precision = report.average_precision[: len(test.query)]
    forward = replace(report, average_precision=precision, num_valid=int((~np.isnan(precision)).sum()))
    return rank_lists(
        query,
        test.query,
        gallery,
        test.gallery,
        rows=choose_rows(forward, num_hard=num_hard, num_others=num_others),
        metric=test.section.metric,
        cross_camera=test.section.cross_camera,
    )


def write_run_page(outcome: Outcome) -> Path:
    """`report.html` in the run's folder."""
    title = outcome.recipe.title or outcome.folder.path.name
    return write_page(outcome.folder.report_html, [run_result(outcome.folder.path.name, outcome)], title=title)


def write_runs_page(path: Path, outcomes: Mapping[str, Outcome], *, title: str, description: str) -> Path:
    """One page about several runs on the same data; the first is what the others are compared with."""
    results: Sequence[RunResult] = [run_result(name, outcome) for name, outcome in outcomes.items()]
    return write_page(path, results, title=title, description=description)


def write_evaluation_page(
    path: Path, *, name: str, embedder: Embedder, test: EvaluationSet, report: Report, vectors: Vectors
) -> Path:
    """A page about a stored model on some data."""
    settings: dict[str, Any] = {
        "model": embedder.card.name,
        **embedder.card.settings,
        "evaluate": test.section.model_dump(),
    }
    result = RunResult(
        name=name,
        report=report,
        num_parameters=sum(parameter.numel() for parameter in embedder.model.parameters()),
        settings=settings,
        rank_lists=choose_rank_lists(report, test, vectors),
    )
    return write_page(path, [result], title=f"Evaluation of {name}")
