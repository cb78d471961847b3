"""Finished runs and evaluations as they lie in their folders, for pages that need no model."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from resight.errors import DataError, ResightError
from resight.evaluation import Report
from resight.inference import read_card
from resight.recipes.evaluation_set import report_numbers
from resight.report import FigureData, RunResult
from resight.train import RunFolder

_logger = logging.getLogger(__name__)


class StoredEvaluation:
    """Paths in the folder of an evaluation: what a run folder has of its own, without the training."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.evaluation_json = path / "evaluation.json"
        self.report_json = path / "report.json"
        self.figures_json = path / "figures.json"
        self.environment = path / "environment.json"
        self.report_html = path / "report.html"


def read_results(folders: Sequence[Path]) -> list[RunResult]:
    """What pages show of these runs or evaluations, each by the shortest name that tells it from the others.

    Raises:
        DataError: if a folder holds no evaluated run; see `read_result`.
    """
    names = short_names([folder.expanduser().resolve() for folder in folders])
    return [read_result(folder.expanduser(), name) for folder, name in zip(folders, names, strict=True)]


def read_result(folder: Path, name: str) -> RunResult:
    """What pages show of a run folder, or of a folder that `resight evaluate` wrote.

    Where figures.json is missing (a run of an older version), there are curves and numbers alone, and a log line.

    Raises:
        DataError: if the folder is not there, holds no report.json, or a file in it cannot be read.
    """
    stored = StoredEvaluation(folder)
    if not stored.report_json.is_file():
        raise DataError(_what_is_missing(folder))
    report = _read_report(stored.report_json)
    figures = None
    if stored.figures_json.is_file():
        figures = FigureData.read(stored.figures_json)
    else:
        _logger.warning(
            "%s has no figures.json, so its page has no rank lists, maps and histograms; to make it: %s",
            folder,
            _how_to_repeat(folder),
        )
    run = RunFolder(folder)
    if not run.recipe.is_file():
        about = _read_json(stored.evaluation_json) if stored.evaluation_json.is_file() else {}
        return RunResult(
            name, report, num_parameters=int(about.get("parameters", 0)), settings=about.get("settings", {}),
            figures=figures,
        )  # fmt: skip
    rows = run.rows()
    if rows:  # the result itself is the last point of the curves
        rows[-1] = {**rows[-1], **report_numbers(report)}
    speeds = [row["images_per_second"] for row in rows if "images_per_second" in row]
    return RunResult(
        name=name,
        report=report,
        curves=rows,
        num_parameters=_num_parameters(run.model),
        images_per_second=float(np.median(speeds)) if speeds else 0.0,
        settings=_read_recipe(run.recipe),
        figures=figures,
    )


def title_of(folder: Path) -> str:
    """What the page about one folder is called."""
    recipe, evaluation = RunFolder(folder).recipe, StoredEvaluation(folder).evaluation_json
    if recipe.is_file():
        return str(_read_recipe(recipe).get("title") or folder.resolve().name)
    if evaluation.is_file():
        return f"Evaluation of {_read_json(evaluation).get('name', folder.resolve().name)}"
    return folder.resolve().name


def environment_of(folder: Path) -> dict[str, str] | None:
    """What the run was made with; None where it did not say."""
    path = StoredEvaluation(folder).environment
    return {name: str(value) for name, value in _read_json(path).items()} if path.is_file() else None


def short_names(folders: Sequence[Path]) -> list[str]:
    """The last parts of each path, as many as tell all of them apart; a path that is given twice is numbered."""
    depth = 1
    longest = max((len(folder.parts) for folder in folders), default=1)
    while depth < longest and len({folder.parts[-depth:] for folder in folders}) < len(set(folders)):
        depth += 1
    names = ["/".join(folder.parts[-depth:]) for folder in folders]
    return [name if names.count(name) == 1 else f"{name} ({names[:i].count(name) + 1})" for i, name in enumerate(names)]


def _what_is_missing(folder: Path) -> str:
    if not folder.is_dir():
        return f"there is no folder {folder}; pass the folder of a run, or one that `resight evaluate` wrote"
    if RunFolder(folder).recipe.is_file():
        return (
            f"the run in {folder} has no report.json: it is not finished, or its data has no query and gallery rows; "
            f"continue it with: resight train {folder / 'recipe.yaml'} -o {folder} --resume"
        )
    return f"{folder} holds no run and no evaluation (no report.json); pass the folder of a run"


def _how_to_repeat(folder: Path) -> str:
    if RunFolder(folder).recipe.is_file():
        return f"resight train {folder / 'recipe.yaml'} -o {folder} --resume"
    return f"resight evaluate MODEL DATA -o {folder}"


def _read_report(path: Path) -> Report:
    values = _read_json(path)
    try:
        report = Report.from_json(values)
        report.summary()  # formats every number
        is_whole = len(report.average_precision) == len(report.first_rank) == report.num_query
    except (DataError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}; write it again with `resight evaluate`") from error
    if not is_whole:
        raise DataError(
            f"{path} cannot be read: expected numbers of {report.num_query} queries, came "
            f"{len(report.average_precision)} and {len(report.first_rank)}; write it again with `resight evaluate`"
        )
    return report


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path} cannot be read: expected an object, came {type(values).__name__}")
    return values


def _read_recipe(path: Path) -> Mapping[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    return values if isinstance(values, dict) else {}


def _num_parameters(model: Path) -> int:
    """0 where the model is not there."""
    try:
        return int(read_card(model).about.get("parameters", 0))
    except ResightError:
        return 0
