import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from resight.errors import TrainingError
from resight.train import RunFolder

RECIPE: dict[str, Any] = {"title": "a", "train": {"epochs": 2, "lr": 1e-5}, "data": {"source": Path("/x/y.csv")}}


def _begin(run: RunFolder) -> None:
    run.log({"epoch": 1, "loss": 0.5})
    run.close()


def test_a_new_folder_says_what_was_asked_and_where(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a" / "run", RECIPE)
    stored = yaml.safe_load(run.recipe.read_text())
    assert stored == {"title": "a", "train": {"epochs": 2, "lr": 1e-5}, "data": {"source": "/x/y.csv"}}
    environment = json.loads(run.environment.read_text())
    assert environment["torch"]
    assert environment["resight"]
    assert environment["command"].startswith(Path(sys.argv[0]).name)


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(TrainingError, match=r"is not empty; choose another folder, or continue that run with --resume"):
        RunFolder.create(tmp_path, RECIPE)
    with pytest.raises(TrainingError, match=r"holds no run; choose another folder$"):
        RunFolder.create(tmp_path, RECIPE, resume=True)
    assert [file.name for file in tmp_path.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_where_a_run_was_killed_before_it_began_is_new(tmp_path: Path, resume: bool) -> None:
    (tmp_path / ".recipe.yaml.tmp").write_text("half")
    run = RunFolder.create(tmp_path, RECIPE, resume=resume)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["environment.json", "recipe.yaml"]
    assert run.environment.is_file()


def test_a_run_killed_between_recipe_and_environment_gets_its_environment(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE)
    run.environment.unlink()
    RunFolder.create(tmp_path / "run", RECIPE, resume=True)
    assert run.environment.is_file()


def test_resume_with_other_settings_names_them_and_the_way_out(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE)
    _begin(run)
    other = {**RECIPE, "train": {"epochs": 3, "lr": 1e-5}, "title": "b"}
    with pytest.raises(TrainingError, match=r"other settings \(title, train\.epochs\)") as caught:
        RunFolder.create(tmp_path / "run", other, resume=True)
    assert f"resight train {run.recipe} -o {run.path} --resume" in str(caught.value)


def test_resume_with_settings_that_are_free_stores_them(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE)
    _begin(run)
    other = {**RECIPE, "title": "b", "data": {"source": "/z.csv"}}
    with pytest.raises(TrainingError, match=r"other settings \(data\.source\)"):
        RunFolder.create(tmp_path / "run", other, free=("title", "data.sourc"), resume=True)
    RunFolder.create(tmp_path / "run", other, free=("title", "data"), resume=True)
    assert yaml.safe_load(run.recipe.read_text()) == other


def test_resume_needs_the_same_data(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE, data={"rows": 3, "names": ("a",)})
    _begin(run)
    RunFolder.create(tmp_path / "run", RECIPE, data={"rows": 3, "names": ("a",)}, resume=True)
    with pytest.raises(TrainingError, match=r"other training rows \(rows differ\); .*data\.json"):
        RunFolder.create(tmp_path / "run", RECIPE, data={"rows": 4, "names": ("a",)}, resume=True)
    run.data.unlink()
    RunFolder.create(tmp_path / "run", RECIPE, data={"rows": 4, "names": ("a",)}, resume=True)
    assert json.loads(run.data.read_text())["rows"] == 4


@pytest.mark.parametrize("resume", [False, True])
def test_a_run_without_row_and_checkpoint_makes_way(tmp_path: Path, resume: bool) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE, data={"rows": 3})
    run.write_weights({})
    run.metrics.write_text('{"epo')
    RunFolder.create(tmp_path / "run", {"title": "b"}, data={"rows": 4}, resume=resume)
    assert yaml.safe_load(run.recipe.read_text()) == {"title": "b"}
    assert sorted(file.name for file in run.path.iterdir()) == ["data.json", "environment.json", "recipe.yaml"]
    run.checkpoint.parent.mkdir()
    RunFolder.create(tmp_path / "run", RECIPE)
    run.checkpoint.touch()
    with pytest.raises(TrainingError, match="is not empty"):
        RunFolder.create(tmp_path / "run", RECIPE)


def test_resume_of_a_run_whose_recipe_is_damaged(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE)
    _begin(run)
    run.recipe.write_text("a: [1,")
    with pytest.raises(TrainingError, match="cannot be read, so the run cannot be continued"):
        RunFolder.create(tmp_path / "run", RECIPE, resume=True)


def test_rows_skip_a_line_that_a_kill_cut(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE)
    assert run.rows() == []
    run.log({"epoch": 1, "loss": 0.5})
    run.log({"epoch": 2, "loss": 0.25})
    run.close()
    with run.metrics.open("a") as file:
        file.write('{"epoch": 3, "lo')
    assert run.rows() == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]
    run.cut_rows(1)
    assert run.metrics.read_text() == '{"epoch": 1, "loss": 0.5}\n'


def test_tensorboard_holds_each_epoch_once_after_a_resume(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = RunFolder.create(tmp_path / "run", RECIPE)
    for epoch in (1, 2, 3):
        run.log({"epoch": epoch, "loss": 1.0, "name": "not a number"})
    run.close()
    again = RunFolder.create(tmp_path / "run", RECIPE, resume=True)
    again.cut_rows(1)
    for epoch in (2, 3):
        again.log({"epoch": epoch, "loss": 2.0})
    again.close()
    events = accumulator.EventAccumulator(str(run.tensorboard))
    events.Reload()
    assert events.Tags()["scalars"] == ["loss"]
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 1.0), (2, 2.0), (3, 2.0)]


def test_without_tensorboard_the_rows_are_still_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    run = RunFolder.create(tmp_path / "run", RECIPE)
    run.log({"epoch": 1, "loss": 0.5})
    run.close()
    assert run.rows() == [{"epoch": 1, "loss": 0.5}]
    assert not run.tensorboard.exists()


def test_report(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE)
    run.write_report({"mean_ap": 0.5})
    assert json.loads(run.report_json.read_text()) == {"mean_ap": 0.5}


def test_a_recipe_of_an_older_version_means_the_defaults_of_keys_that_it_lacks(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", RECIPE)
    _begin(run)
    defaults = {"train": {"epochs": 9, "clip": None, "share": (1, 2)}, "model": {"shape": {}, "width": 4}}
    now = {**RECIPE, "train": {**RECIPE["train"], "clip": None, "share": (1, 2)}, "model": {"shape": {}, "width": 4}}
    with pytest.raises(TrainingError, match=r"other settings \(model, train\.share\)"):
        RunFolder.create(tmp_path / "run", now, resume=True)
    other = {**now, "model": {"shape": {}, "width": 5}, "train": {**now["train"], "epochs": 9}}
    with pytest.raises(TrainingError, match=r"other settings \(model\.width, train\.epochs\)"):
        RunFolder.create(tmp_path / "run", other, defaults=defaults, resume=True)
    RunFolder.create(tmp_path / "run", now, defaults=defaults, resume=True)
    assert yaml.safe_load(run.recipe.read_text())["model"]["width"] == 4
