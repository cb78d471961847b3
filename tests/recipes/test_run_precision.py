"""Whole runs whose precision is measured, and whose accumulated batches are joined."""

import json
from pathlib import Path
from typing import Any

import pytest

from resight.errors import RecipeError
from resight.recipes import TrainRecipe, load_recipe, update
from resight.recipes.evaluation_set import Listener
from resight.recipes.run import train
from resight.train import PrecisionChoice, gradients
from resight.train.checkpoint import load_checkpoint
from tests.recipes.runs import EVERYTHING, Stopped, rows_of, stop_at, weights_of

BF16 = PrecisionChoice("bf16", "a device", {"fp32": 0.2, "bf16": 0.1}, {"fp16": "a reason"})


def test_what_was_measured_is_written_and_kept(
    tiny_recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(update(tiny_recipe, {"train": {"precision": "bf16"}}), tmp_path / "told")
    recipe = update(tiny_recipe, {"train": {"precision": "auto", "save_every": 0}})
    measured: list[PrecisionChoice] = []

    def measure(*_: Any, **__: Any) -> PrecisionChoice:
        measured.append(BF16)
        return BF16

    monkeypatch.setattr(gradients, "measure_precision", measure)
    heard: list[PrecisionChoice] = []
    listener = Listener(on_step=stop_at(1, 1).on_step, on_precision=heard.append)
    with pytest.raises(Stopped):
        train(recipe, tmp_path / "run", listener=listener)
    folder = tmp_path / "run"
    assert json.loads((folder / "precision.json").read_text()) == {
        "chosen": "bf16",
        "device": "a device",
        "seconds_per_step": {"fp32": 0.2, "bf16": 0.1},
        "out": {"fp16": "a reason"},
    }
    assert load_recipe(str(folder / "recipe.yaml")).train.precision == "auto"
    train(recipe, folder, resume=True)
    assert heard == measured == [BF16], "not measured again, though only the choice was saved before the stop"
    assert weights_of(folder) == weights_of(tmp_path / "told")
    assert rows_of(folder) == rows_of(tmp_path / "told")


def test_a_run_that_failed_while_measuring_does_not_occupy_its_folder(
    tiny_recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = update(tiny_recipe, {"train": {"precision": "auto"}})

    def stop(choice: PrecisionChoice) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        train(recipe, tmp_path / "run", listener=Listener(on_precision=stop))
    assert (tmp_path / "run" / "precision.json").is_file()
    train(tiny_recipe, tmp_path / "run")
    assert not (tmp_path / "run" / "precision.json").exists()


def test_on_this_device_it_is_measured_and_trains(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    train(update(tiny_recipe, {"train": {"precision": "auto", "epochs": 1}}), tmp_path / "run")
    choice = json.loads((tmp_path / "run" / "precision.json").read_text())
    assert choice["chosen"] in choice["seconds_per_step"]
    assert load_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")["precision"] == choice["chosen"]


def test_joined_batches_stopped_and_resumed(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = update(update(tiny_recipe, EVERYTHING), {"train": {"accumulation": 2, "mining": "joined"}})
    recipe = update(recipe, {"loss": {"center_weight": 0.1}})
    whole = train(recipe, tmp_path / "whole")
    separate = train(update(recipe, {"train": {"mining": "batch"}}), tmp_path / "separate")
    assert [row["epoch"] for row in whole.folder.rows()] == [1, 2, 3]
    assert [row["triplet_loss"] for row in rows_of(separate.folder.path)] != [
        row["triplet_loss"] for row in rows_of(tmp_path / "whole")
    ]
    with pytest.raises(Stopped):
        train(recipe, tmp_path / "stopped", listener=stop_at(1, 2))
    train(recipe, tmp_path / "stopped", resume=True)
    assert weights_of(tmp_path / "stopped") == weights_of(tmp_path / "whole")
    assert rows_of(tmp_path / "stopped") == rows_of(tmp_path / "whole")


def test_joined_needs_batches_to_join(tiny_recipe: TrainRecipe) -> None:
    with pytest.raises(RecipeError, match=r"train: mining=joined joins .*; set accumulation to 2 or more"):
        update(tiny_recipe, {"train": {"mining": "joined"}})
