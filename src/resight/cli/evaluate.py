"""`resight evaluate`: a model and a manifest in, numbers out."""

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resight.cli import evaluate_options as options
from resight.cli.console import is_first_process, note, out, print_json, progress_bar

if TYPE_CHECKING:
    from resight.data.manifest import Manifest
    from resight.evaluation import Report
    from resight.functional import Rerank
    from resight.inference import EvaluationProtocol
    from resight.recipes.details import Details, Vectors
    from resight.recipes.evaluation_set import EvaluationSet
    from resight.report import RunResult


def evaluate(
    model: options.Model,
    data: options.Data,
    format: options.Format = None,
    metric: options.Metric = None,
    max_rank: options.MaxRank = None,
    cross_camera: options.CrossCamera = None,
    both_directions: options.BothDirections = None,
    flip: options.Flip = None,
    multi_query: options.MultiQuery = False,
    rerank: options.Reranked = None,
    k1: options.K1 = None,
    k2: options.K2 = None,
    weight: options.Lambda = None,
    by: options.By = None,
    camera_pairs: options.CameraTable = False,
    threshold_at_fpr: options.ThresholdAtFpr = None,
    batch_size: options.BatchSize = 64,
    workers: options.Workers = 0,
    output: options.Output = None,
    page: options.Page = None,
    no_page: options.NoPage = False,
    json: options.Json = False,
) -> None:
    """Evaluate a model: mAP, Rank-k and mINP on the query and gallery rows of a manifest.

    Example: resight evaluate runs/market1501_transreid market.parquet --page ranks.html

    Of a run folder, numbers and page are kept in its folder evaluations, each protocol in its own; `resight report`
    compares such folders. A model that is no run is evaluated without a page, unless --output or --page says where.

    Metric, ranks, cameras, directions, re-ranking and mirroring are those that the model was trained with, where no
    option says otherwise.

    Several GPUs: torchrun --nproc-per-node 4 -m resight.cli.main evaluate ...
    """
    from resight.inference import join_processes, load, unknown_names
    from resight.recipes.build import read_source
    from resight.recipes.details import details
    from resight.recipes.evaluation_set import Listener

    _check_places(output, page, no_page)
    join_processes()
    embedder = load(model)
    manifest = read_source(data, format)
    reranking = _rerank(embedder.card.protocol.rerank, rerank, {"k1": k1, "k2": k2, "weight": weight})
    given = {"metric": metric, "max_rank": max_rank, "cross_camera": cross_camera, "both_directions": both_directions}
    protocol = replace(embedder.card.protocol, rerank=reranking, **_said(given))
    flip = embedder.card.flip if flip is None else flip
    test = _test_of(manifest, data, protocol, flip=flip, batch_size=batch_size, workers=workers)
    _check_questions(test, by, threshold_at_fpr, multi_query)
    for line in unknown_names(test.rows(), embedder.card):
        note(line)
    with progress_bar("embedding") as on_embed:
        query, gallery = test.embed(embedder, Listener(on_embed=on_embed))
    if not is_first_process():
        return
    vectors = (test.merge_queries(query, gallery) if multi_query else query, gallery)
    report = test.report(*vectors)
    fars = () if threshold_at_fpr is None else (threshold_at_fpr,)
    calibration = embedder.card.calibration
    found = details(test, vectors, report, by=by, fars=fars, calibration=calibration, multi_query=multi_query)
    said = {**asdict(protocol), "flip": flip, "multi_query": multi_query}
    numbers = _numbers(report, test, vectors, found, said)
    if json:
        print_json(numbers)
    else:
        _print(numbers, report, found, camera_table=camera_pairs, fpr=threshold_at_fpr)
        out.print(f"protocol: {_in_words(protocol, flip)}{', several images a query' if multi_query else ''}")
    trained = {**asdict(embedder.card.protocol), "flip": embedder.card.flip, "multi_query": False}
    folder = output or (_folder(Path(model), data, said, trained) if page is None else None)
    if not no_page and (folder or page):
        from resight.recipes.pages import evaluation_result

        result = evaluation_result(model, embedder, test, report, vectors, details=found, multi_query=multi_query)
        _write(page, folder, result, numbers)


def _check_places(output: Path | None, page: Path | None, no_page: bool) -> None:
    """What cannot be written is told now, and not after all images were embedded."""
    from resight.errors import DataError

    if no_page and (output or page):
        raise DataError("--no-page writes nothing; leave it out, or leave out --output and --page")
    if output is not None and output.exists() and not output.is_dir():
        raise DataError(f"--output: expected a folder, but {output} is a file; --page writes a page alone")
    if page is not None and page.is_dir():
        raise DataError(f"--page: expected an HTML file, but {page} is a folder; --output writes into a folder")


def _said(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _test_of(
    manifest: "Manifest", data: Path, protocol: "EvaluationProtocol", *, flip: bool, batch_size: int, workers: int
) -> "EvaluationSet":
    from resight.errors import DataError
    from resight.recipes.evaluation_set import EvaluationSet, section_of
    from resight.recipes.schema import DataSection

    data_section = DataSection(both_directions=protocol.both_directions, workers=workers)
    test = EvaluationSet.of(manifest, section_of(protocol, flip=flip, batch_size=batch_size), data_section)
    if test is None:
        raise DataError(f"{data} has neither query nor gallery rows; make a split with: resight data split {data}")
    return test


def _check_questions(test: "EvaluationSet", by: str | None, fpr: float | None, multi_query: bool) -> None:
    """What cannot be answered is told now, and not after all images were embedded."""
    from resight.errors import DataError
    from resight.evaluation.groups import group_codes

    if by is not None:
        group_codes(test.query, by)
    if fpr is not None and not 0 < fpr < 1:
        raise DataError(f"--threshold-at-fpr: expected a fraction between 0 and 1, came {fpr:g}")
    if multi_query:
        test.check_multi_query()


def _numbers(
    report: "Report", test: "EvaluationSet", vectors: "Vectors", found: "Details", protocol: dict[str, Any]
) -> dict[str, Any]:
    """What --json prints and report.json keeps: the numbers, and how they came about."""
    from resight.recipes.evaluation_set import report_json

    return {**report_json(report, test, vectors), **found.to_json(), "protocol": protocol}


def _print(
    numbers: Mapping[str, Any], report: "Report", found: "Details", *, camera_table: bool, fpr: float | None
) -> None:
    from resight.cli.details import print_details
    from resight.evaluation import Report

    for name, part in numbers.get("datasets", {}).items():
        out.print(f"{name}: {Report.from_json(part).summary()}")
    out.print(report.summary())
    print_details(found, report, camera_table=camera_table, fpr=fpr)


def _folder(model: Path, data: Path, protocol: Mapping[str, Any], trained: Mapping[str, Any]) -> Path | None:
    """Where the evaluation of a run is kept; None for a model that is no run, or one that nobody may write to.

    Named by the data, and by what of the protocol is not as in the training.
    """
    if not (model / "recipe.yaml").is_file() or not (model / "model").is_dir() or not os.access(model, os.W_OK):
        return None
    differing = [_name_part(name, value) for name, value in protocol.items() if value != trained[name]]
    return model / "evaluations" / "_".join([data.resolve().stem, *differing])


def _name_part(name: str, value: Any) -> str:
    """A setting as part of a file name: cosine, any-camera, rerank-20-6-0.3, no-flip, 10-ranks."""
    if name in ("metric", "max_rank"):
        return str(value).replace("_", "-") if name == "metric" else f"{value}-ranks"
    if isinstance(value, dict):
        return "-".join([name, *(f"{number:g}" for number in value.values())])
    others = {"cross_camera": "any-camera", "both_directions": "one-direction"}
    words = name.replace("_", "-")
    return words if value else others.get(name, f"no-{words}")


def _write(page: Path | None, folder: Path | None, result: "RunResult", numbers: dict[str, Any]) -> None:
    from resight.errors import MissingExtraError
    from resight.recipes.pages import write_evaluation
    from resight.report import write_page

    try:
        if folder is not None:
            note(f"page: {write_evaluation(folder, result, numbers)}")
        if page is not None:
            note(f"page: {write_page(page, [result], title=f'Evaluation of {result.name}')}")
    except MissingExtraError as error:
        note(f"no page: {error}")


def _rerank(stored: "Rerank | None", wanted: bool | None, given: dict[str, Any]) -> "Rerank | None":
    """Of the card, unless options say otherwise."""
    from resight.errors import DataError
    from resight.functional import Rerank

    given = _said(given)
    if wanted is None:
        wanted = stored is not None
    if given and not wanted:
        raise DataError("--k1, --k2 and --lambda are settings of the re-ranking; pass --rerank as well")
    return replace(stored or Rerank(), **given) if wanted else None


def _in_words(protocol: "EvaluationProtocol", flip: bool) -> str:
    return ", ".join(
        (
            protocol.metric.replace("_", " "),
            "across cameras" if protocol.cross_camera else "any camera",
            "both directions" if protocol.both_directions else "one direction",
            "mirrored too" if flip else "not mirrored",
            f"{protocol.max_rank} ranks",
            *([] if protocol.rerank is None else [f"re-ranked with {protocol.rerank}"]),
        )
    )
