from pathlib import Path

import pytest
import yaml

from resight.data.manifest import Manifest
from resight.errors import TrainingError
from resight.recipes import TrainRecipe, load_recipe, update
from resight.recipes.evaluation_set import Listener
from resight.recipes.run import train
from tests.recipes.runs import EVERYTHING, Stopped, rows_of, stop_at, weights_of, write_changed


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_stopped_run_ends_as_an_undisturbed_one(tiny_recipe: TrainRecipe, tmp_path: Path, accumulation: int) -> None:
    recipe = update(update(tiny_recipe, EVERYTHING), {"train": {"accumulation": accumulation}})
    whole = train(recipe, tmp_path / "whole")
    for epoch, step in ((0, 1), (1, 2)):
        folder = tmp_path / f"{epoch}_{step}"
        with pytest.raises(Stopped):
            train(recipe, folder, listener=stop_at(epoch, step))
        again = train(recipe, folder, resume=True)
        assert weights_of(folder) == weights_of(tmp_path / "whole"), (epoch, step)
        assert rows_of(folder) == rows_of(tmp_path / "whole"), (epoch, step)
        assert again.report is not None
        assert whole.report is not None
        assert again.report.to_json() == whole.report.to_json()


def test_stopped_between_row_and_checkpoint_or_in_the_evaluation(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = update(tiny_recipe, {"train": {"evaluate_every": 1}})
    train(recipe, tmp_path / "whole")

    def stop(*_: object) -> None:
        raise Stopped

    for name, listener in (("row", Listener(on_row=stop)), ("embed", Listener(on_embed=stop))):
        folder = tmp_path / name
        with pytest.raises(Stopped):
            train(recipe, folder, listener=listener)
        train(recipe, folder, resume=True)
        assert rows_of(folder) == rows_of(tmp_path / "whole"), name
        assert weights_of(folder) == weights_of(tmp_path / "whole"), name


def test_rows_of_epochs_without_checkpoint_are_written_once(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = update(tiny_recipe, {"train": {"save_every": 0, "epochs": 3}})
    with pytest.raises(Stopped):
        train(recipe, tmp_path / "run", listener=stop_at(1, 1))
    assert len(rows_of(tmp_path / "run")) == 1
    train(recipe, tmp_path / "run", resume=True)
    assert [row["epoch"] for row in rows_of(tmp_path / "run")] == [1, 2, 3]


def test_resume_of_a_finished_run_changes_nothing(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    first = train(tiny_recipe, tmp_path / "run")
    rows, weights = rows_of(tmp_path / "run"), weights_of(tmp_path / "run")
    again = train(tiny_recipe, tmp_path / "run", resume=True)
    assert (rows_of(tmp_path / "run"), weights_of(tmp_path / "run")) == (rows, weights)
    assert again.report is not None
    assert first.report is not None
    assert again.report.to_json() == first.report.to_json()


def test_a_resume_may_change_what_no_weight_depends_on(
    tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path
) -> None:
    train(tiny_recipe, tmp_path / "run")
    rows, weights = rows_of(tmp_path / "run"), weights_of(tmp_path / "run")
    tiny_manifest.root.rename(tmp_path / "moved")
    changes = {
        "title": "again", "data": {"source": tmp_path / "moved" / "tiny.csv"},
        "train": {"save_every": 2, "save_steps": 1, "evaluate_every": 2}, "evaluate": {"flip": True, "max_rank": 3},
    }  # fmt: skip
    changed = update(tiny_recipe, changes)
    outcome = train(changed, tmp_path / "run", resume=True)
    assert (rows_of(tmp_path / "run"), weights_of(tmp_path / "run")) == (rows, weights)
    assert outcome.report is not None
    assert len(outcome.report.cmc) == 3
    assert load_recipe(str(tmp_path / "run" / "recipe.yaml")) == changed


def test_a_run_of_a_version_with_fewer_settings_goes_on(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    train(tiny_recipe, tmp_path / "run")
    rows, file = rows_of(tmp_path / "run"), tmp_path / "run" / "recipe.yaml"
    stored = yaml.safe_load(file.read_text())
    del stored["train"]["mining"], stored["data"]["cache"], stored["evaluate"]
    file.write_text(yaml.safe_dump(stored))
    train(tiny_recipe, tmp_path / "run", resume=True)
    assert rows_of(tmp_path / "run") == rows
    assert load_recipe(str(file)) == tiny_recipe
    del stored["model"]["shape"]  # which this run does not have from the defaults
    file.write_text(yaml.safe_dump(stored))
    with pytest.raises(TrainingError, match=r"other settings \(model\.shape\.depth"):
        train(tiny_recipe, tmp_path / "run", resume=True)


def test_a_resume_needs_the_training_rows_that_the_run_began_with(
    tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path
) -> None:
    train(tiny_recipe, tmp_path / "run")
    swapped = {"0001": "0002", "0002": "0001"}
    pids = [swapped.get(pid, pid) for pid in tiny_manifest.column("pid")]
    other = write_changed(tiny_manifest, tmp_path / "tiny" / "other.csv", pid=pids)
    with pytest.raises(TrainingError, match=r"begun with other training rows \(labels_sha256 differ\)"):
        train(update(tiny_recipe, {"data": {"source": other}}), tmp_path / "run", resume=True)


def test_a_run_that_failed_in_its_first_step_does_not_occupy_its_folder(
    tiny_recipe: TrainRecipe, tmp_path: Path
) -> None:
    with pytest.raises(Stopped):
        train(tiny_recipe, tmp_path / "run", listener=stop_at(0, 1))
    other = update(tiny_recipe, {"train": {"epochs": 1}})
    train(other, tmp_path / "run")
    assert load_recipe(str(tmp_path / "run" / "recipe.yaml")) == other


def test_a_run_is_trained_by_one_process_at_a_time(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    def on_stage(stage: str) -> None:
        if stage == "training":
            with pytest.raises(TrainingError, match="another process is training in"):
                train(tiny_recipe, tmp_path / "run", resume=True)

    train(tiny_recipe, tmp_path / "run", listener=Listener(on_stage=on_stage))
    assert [row["epoch"] for row in rows_of(tmp_path / "run")] == [1, 2]
