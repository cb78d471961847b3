import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resight.data.draws import draw_galleries, gallery_masks
from resight.data.manifest import Manifest
from resight.recipes import TrainRecipe, update
from resight.recipes.details import details
from resight.recipes.evaluation_set import EvaluationSet, report_json
from resight.recipes.pages import (
    evaluation_result,
    figures_of,
    run_result,
    write_evaluation,
    write_run_page,
    write_runs_page,
)
from resight.recipes.run import Outcome, train
from resight.recipes.schema import DataSection, EvaluateSection
from resight.recipes.stored import read_result
from resight.report import FigureData


@pytest.fixture
def outcome(tiny_recipe: TrainRecipe, tmp_path: Path) -> Outcome:
    return train(tiny_recipe, tmp_path / "run")


def test_the_page_of_a_run(outcome: Outcome) -> None:
    result = run_result("tiny", outcome)
    assert result.num_parameters == outcome.num_parameters > 1000
    assert result.images_per_second > 0
    assert [row["epoch"] for row in result.curves] == [1, 2]
    assert result.curves[-1]["mean_ap"] == result.report.mean_ap
    assert write_run_page(outcome) == outcome.folder.report_html
    text = outcome.folder.report_html.read_text(encoding="utf-8")
    assert all(f'id="{name}"' in text for name in ("rank-lists", "camera-pairs", "distances", "attention"))


def test_figures_are_stored_and_give_the_page_again(outcome: Outcome) -> None:
    result = run_result("tiny", outcome)
    again = read_result(outcome.folder.path, "tiny")
    assert again.figures is not None
    assert result.figures is not None
    assert again.figures.to_json() == result.figures.to_json()
    assert again.report.to_json() == result.report.to_json()
    assert again.curves == result.curves
    assert again.settings == json.loads(json.dumps(result.settings, default=str))
    assert (again.num_parameters, again.images_per_second) == (result.num_parameters, result.images_per_second)


def test_an_evaluation_in_a_folder(outcome: Outcome, tmp_path: Path) -> None:
    assert outcome.test is not None
    assert outcome.report is not None
    assert outcome.vectors is not None
    result = evaluation_result("my/model", outcome.embedder, outcome.test, outcome.report, outcome.vectors)
    numbers = {**report_json(outcome.report, outcome.test, outcome.vectors), "more": 1}
    page = write_evaluation(tmp_path / "a" / "b", result, numbers)
    assert "Evaluation of my/model" in page.read_text(encoding="utf-8")
    assert json.loads((tmp_path / "a" / "b" / "report.json").read_text())["more"] == 1
    again = read_result(tmp_path / "a" / "b", "name")
    assert again.num_parameters == result.num_parameters > 0
    assert again.settings["model"]["name"] == "vit_nano"
    assert again.figures is not None
    assert again.figures.attention is not None


def test_what_explains_an_evaluation_is_not_calculated_twice(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome.test is not None
    assert outcome.report is not None
    assert outcome.vectors is not None
    known = details(outcome.test, outcome.vectors, outcome.report)
    made = (outcome.embedder, outcome.test, outcome.report, outcome.vectors)
    figures = figures_of(*made)
    monkeypatch.setattr("resight.report.collect.verification", None)
    again = figures_of(*made, known)
    assert again.to_json() == figures.to_json()
    assert again.verification is known.verification


def test_several_runs_in_a_page(outcome: Outcome, tmp_path: Path) -> None:
    page = write_runs_page(tmp_path / "p.html", {"a": outcome, "b": outcome}, title="Two", description="of them")
    text = page.read_text(encoding="utf-8")
    assert all(words in text for words in ("Two", "of them", "Queries that changed", "No query moved."))


def test_nets_without_class_token_have_no_attention(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    outcome = train(update(tiny_recipe, {"model": {"pooling": "average"}}), tmp_path / "pooled")
    assert 'id="attention"' not in write_run_page(outcome).read_text(encoding="utf-8")


def test_both_directions_show_query_against_gallery(outcome: Outcome, tiny_manifest: Manifest) -> None:
    test = EvaluationSet.of(tiny_manifest, EvaluateSection(), DataSection(both_directions=True))
    assert test is not None
    assert outcome.vectors is not None
    report = test.report(*outcome.vectors)
    data = figures_of(outcome.embedder, test, report, outcome.vectors)
    assert len(report.average_precision) == 16
    assert data.num_query == len(data.lists.row) == 8
    assert {data.crops[crop].path for crop in data.lists.query} == {test.query.image_path(row) for row in range(8)}


def test_random_galleries_show_the_first(outcome: Outcome, tiny_manifest: Manifest) -> None:
    rows = tiny_manifest.select(tiny_manifest.column("split") != "train")
    draws = draw_galleries(list(rows.column("pid")), draws=3, seed=0)
    rows = rows.with_column("gallery_draws", draws)
    mask = gallery_masks(rows)[0]
    rows = rows.with_column("split", np.where(mask, "gallery", "query"))
    test = EvaluationSet.of(rows, EvaluateSection(cross_camera=False), DataSection())
    assert test is not None
    vectors = outcome.embedder.embed(test.query), outcome.embedder.embed(test.gallery)
    report = test.report(*vectors)
    data = figures_of(outcome.embedder, test, report, vectors)
    assert data.num_query == 12
    assert data.images is not None
    assert [test.rows().image_path(row) for row in data.images[:12]] == [
        data.crops[crop].path for crop in data.lists.query
    ]
    assert len(data.images) == len(report.average_precision) == 36
    assert len(set(data.images)) <= 16
    assert (data.lists.hit >= 0).sum(1).max() == 4


def test_a_run_without_test_has_no_page(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match="was not evaluated; its data has no query and gallery rows"):
        run_result("tiny", replace(outcome, report=None))


def test_figures_of_a_stopped_write_do_not_stay(outcome: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    run_result("tiny", outcome)
    before = outcome.folder.figures_json.read_bytes()

    def broken(self: FigureData) -> dict[str, object]:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(FigureData, "to_json", broken)
    with pytest.raises(RuntimeError):
        run_result("tiny", outcome)
    assert outcome.folder.figures_json.read_bytes() == before
