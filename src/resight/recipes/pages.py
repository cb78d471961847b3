"""From runs to the HTML page about them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resight.evaluation import RankList, Report, rank_lists
from resight.inference import Embedder
from resight.recipes.build import dump_recipe
from resight.recipes.evaluation_set import EvaluationSet
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


def choose_rank_lists(report: Report, test: EvaluationSet, vectors: Vectors, *, each: int = 8) -> list[RankList]:
    """Some queries whose first hit is wrong, worst first, and some of all kinds whose first hit is right.

    Args:
        report: of these vectors, for the order of the queries (query against gallery).
        test: their rows.
        vectors: embeddings of query and gallery.
        each: how many of each sort, at most.
    """
    query, gallery = vectors
    precision = report.average_precision[: len(test.query)]
    valid = np.flatnonzero(~np.isnan(precision))
    order = valid[np.argsort(precision[valid], kind="stable")]
    better = order[len(order) // 4 :]
    spread = better[np.linspace(0, len(better) - 1, min(2 * each, len(better))).round().astype(int)]
    candidates = list(dict.fromkeys([*order[: 4 * each].tolist(), *spread.tolist()]))
    lists = rank_lists(
        query,
        test.query,
        gallery,
        test.gallery,
        rows=candidates,
        metric=test.section.metric,
        cross_camera=test.section.cross_camera,
    )
    failed = [found for found in lists if not found.is_right][:each]
    right = [found for found in lists if found.is_right][-2 * each :: 2][:each]
    return failed + right


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
