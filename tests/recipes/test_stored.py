import json
from pathlib import Path

import pytest

from resight.errors import DataError
from resight.recipes import TrainRecipe
from resight.recipes.pages import write_run_page
from resight.recipes.run import train
from resight.recipes.stored import environment_of, read_result, read_results, short_names, title_of


@pytest.fixture(scope="module")
def report() -> dict[str, object]:
    return {
        "mean_ap": 0.5, "cmc": [0.5, 1.0], "mean_inp": 0.4, "num_query": 2, "num_gallery": 3, "num_valid": 2,
        "num_skipped": 0, "average_precision": [0.25, 0.75], "first_rank": [2, 1], "chance_mean_ap": 0.3,
    }  # fmt: skip


def test_a_run_of_an_older_version_has_curves_and_numbers(
    tmp_path: Path, report: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report))
    (tmp_path / "recipe.yaml").write_text("title: Old\nmodel:\n  name: vit_tiny\n")
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2.0, "images_per_second": 30.0}\n')
    found = read_result(tmp_path, "old")
    assert found.figures is None
    assert found.curves == [
        {"epoch": 1, "loss": 2.0, "images_per_second": 30.0, "mean_ap": 0.5, "mean_inp": 0.4, "rank_1": 0.5}
    ]
    assert (found.images_per_second, found.num_parameters) == (30.0, 0)
    assert found.flat_settings() == {"title": "Old", "model.name": "vit_tiny"}
    assert title_of(tmp_path) == "Old"
    assert environment_of(tmp_path) is None
    assert f"resight train {tmp_path / 'recipe.yaml'} -o {tmp_path} --resume" in caplog.text


def test_images_that_have_moved_leave_blanks(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    outcome = train(tiny_recipe, tmp_path / "run")
    write_run_page(outcome)
    assert environment_of(tmp_path / "run") is not None
    (found,) = read_results([tmp_path / "run"])
    assert found.name == "run"
    assert found.figures is not None
    assert all(crop.path.is_file() for crop in found.figures.crops)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no folder .*; pass the folder of a run"),
        ({}, "holds no run and no evaluation"),
        ({"recipe.yaml": "title: x"}, r"has no report\.json: it is not finished"),
        ({"report.json": "{"}, r"report\.json cannot be read"),
        ({"report.json": "[]"}, "expected an object, came list"),
        ({"report.json": "{}"}, "entries are missing: mean_ap"),
    ],
)
def test_folders_that_are_none(tmp_path: Path, content: dict[str, str] | None, message: str) -> None:
    folder = tmp_path / "run"
    if content is not None:
        folder.mkdir()
        for name, text in content.items():
            (folder / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_result(folder, "run")


def test_a_recipe_that_is_not_yaml(tmp_path: Path, report: dict[str, object]) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report))
    (tmp_path / "recipe.yaml").write_text("a: [")
    with pytest.raises(DataError, match=r"recipe\.yaml cannot be read"):
        read_result(tmp_path, "run")


def test_names_are_as_short_as_they_can_be() -> None:
    assert short_names([Path("/runs/a"), Path("/runs/b")]) == ["a", "b"]
    assert short_names([Path("/x/a"), Path("/y/a"), Path("/y/b")]) == ["x/a", "y/a", "y/b"]
    assert short_names([Path("/x/a"), Path("/x/a")]) == ["a (1)", "a (2)"]


@pytest.mark.parametrize(
    "changes", [{"cmc": "many"}, {"cmc": None}, {"mean_ap": [1]}, {"first_rank": [1]}, {"num_query": 99}]
)
def test_a_report_with_wrong_values(tmp_path: Path, report: dict[str, object], changes: dict[str, object]) -> None:
    (tmp_path / "report.json").write_text(json.dumps({**report, **changes}))
    with pytest.raises(DataError, match=r"report\.json cannot be read: .*; write it again with `resight evaluate`"):
        read_result(tmp_path, "run")


def test_an_evaluation_without_figures_is_told_how_to_get_them(
    tmp_path: Path, report: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert read_result(tmp_path, "run").figures is None
    assert f"to make it: resight evaluate MODEL DATA -o {tmp_path}" in caplog.text
