"""From runs and evaluations to the HTML page about them, and the numbers that it can be made from again."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resight.data.draws import gallery_masks
from resight.environment import environment
from resight.evaluation import Report
from resight.files import whole_file
from resight.inference import Embedder, attention_maps
from resight.recipes.build import dump_recipe
from resight.recipes.details import Details, Vectors, first_sides, image_numbers
from resight.recipes.evaluation_set import EvaluationSet, report_numbers, rerank_of
from resight.recipes.run import Outcome
from resight.recipes.stored import StoredEvaluation, title_of
from resight.report import FigureData, RunResult, collect_figures, write_page


def run_result(name: str, outcome: Outcome) -> RunResult:
    """What the page shows of a finished run; also stores figures.json in its folder.

    Raises:
        ValueError: if the run was not evaluated.
    """
    if outcome.report is None or outcome.test is None or outcome.vectors is None:
        raise ValueError(f"the run in {outcome.folder.path} was not evaluated; its data has no query and gallery rows")
    figures = figures_of(outcome.embedder, outcome.test, outcome.report, outcome.vectors)
    figures.write(outcome.folder.figures_json)
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
        figures=figures,
    )


def figures_of(
    embedder: Embedder,
    test: EvaluationSet,
    report: Report,
    vectors: Vectors,
    details: Details | None = None,
    *,
    multi_query: bool = False,
) -> FigureData:
    """The data of all pictures of an evaluation.

    Of both directions only query against gallery is shown, of random galleries the first.

    Args:
        embedder: the model, for its attention.
        test: the rows.
        report: of these vectors.
        vectors: embeddings of query and gallery.
        details: of this report, where they are known: what of them has all queries is not calculated again.
        multi_query: whether these query embeddings are those of several images each.
    """
    repeated = multi_query or bool(gallery_masks(test.rows()))
    return collect_figures(
        report,
        *first_sides(test, vectors),
        metric=test.section.metric,
        cross_camera=test.section.cross_camera,
        rerank=rerank_of(test.section),
        attend=lambda shown: attention_maps(embedder, shown),
        images=image_numbers(test, multi_query=multi_query) if repeated else None,
        whole=None if details is None else (details.camera_pairs, details.verification),
    )


def write_run_page(outcome: Outcome) -> Path:
    """`report.html` in the run's folder, and figures.json beside it."""
    title = outcome.recipe.title or outcome.folder.path.name
    return write_page(outcome.folder.report_html, [run_result(outcome.folder.path.name, outcome)], title=title)


def write_runs_page(path: Path, outcomes: Mapping[str, Outcome], *, title: str, description: str) -> Path:
    """One page about several runs on the same data; the first is what the others are compared with."""
    results = [run_result(name, outcome) for name, outcome in outcomes.items()]
    return write_page(path, results, title=title, description=description)


def evaluation_result(
    name: str,
    embedder: Embedder,
    test: EvaluationSet,
    report: Report,
    vectors: Vectors,
    *,
    details: Details | None = None,
    multi_query: bool = False,
) -> RunResult:
    """What the page shows of a stored model on some data.

    Args:
        name: of the model, as the user gave it.
        embedder: the model.
        test: the rows.
        report: of these vectors.
        vectors: embeddings of query and gallery.
        details: as in `figures_of`.
        multi_query: as in `figures_of`.
    """
    settings: dict[str, Any] = {
        "model": {"name": embedder.card.name, **embedder.card.settings},
        "evaluate": {
            **test.section.model_dump(),
            "both_directions": test.both_directions,
            "multi_query": multi_query,
        },
    }
    return RunResult(
        name=name,
        report=report,
        num_parameters=sum(parameter.numel() for parameter in embedder.model.parameters()),
        settings=settings,
        figures=figures_of(embedder, test, report, vectors, details, multi_query=multi_query),
    )


def write_evaluation(folder: Path, result: RunResult, numbers: Mapping[str, Any]) -> Path:
    """Stores an evaluation in a folder that `resight report` reads, and its page; returns the page.

    Args:
        folder: gets report.json, figures.json, evaluation.json, environment.json and report.html.
        result: of `evaluation_result`.
        numbers: for report.json: of the report, and whatever else was found out.
    """
    stored = StoredEvaluation(folder)
    _write_json(stored.report_json, numbers)
    _write_json(
        stored.evaluation_json,
        {"name": result.name, "parameters": result.num_parameters, "settings": result.settings},
    )
    _write_json(stored.environment, environment())
    if result.figures is not None:
        result.figures.write(stored.figures_json)
    return write_page(stored.report_html, [result], title=title_of(folder))


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=2, default=str) + "\n", encoding="utf-8")
