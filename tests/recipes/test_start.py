"""Runs that start from weights: `model.weights`."""

import json
from pathlib import Path

import pytest
import torch

import resight
from resight.data.manifest import Manifest
from resight.errors import ModelFormatError
from resight.models import create_model
from resight.models.weights import WeightReport
from resight.models.weights.weight_file import from_tensors
from resight.recipes import TrainRecipe, load_recipe, update
from resight.recipes.evaluation_set import Listener
from resight.recipes.run import train
from tests.models.tiny import shake
from tests.models.weights.official import backbone_state, official_state

SHAPE = {"shape": {"width": 12, "depth": 2, "heads": 3}, "patch_size": 16}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """An official file of the net that the recipe trains, for other identities and no camera."""
    model = shake(create_model("vit_nano", num_classes=9, image_size=(32, 32), **SHAPE))
    torch.save(official_state(model), tmp_path / "transformer_120.pth")
    return tmp_path / "transformer_120.pth"


def _still(recipe: TrainRecipe, weights: object) -> TrainRecipe:
    """Training that changes next to nothing: what comes out is what it started from."""
    changes = {"model": {"weights": str(weights)}, "optimizer": {"name": "sgd", "lr": 1e-12}, "train": {"epochs": 1}}
    return update(recipe, changes)


def test_a_run_starts_from_its_weights(tiny_recipe: TrainRecipe, weights: Path, tmp_path: Path) -> None:
    told: list[WeightReport] = []
    recipe = _still(tiny_recipe, weights)
    outcome = train(recipe, tmp_path / "run", listener=Listener(on_start=told.append))
    state = torch.load(weights)
    model = resight.load(tmp_path / "run").model
    assert torch.allclose(model.encoder.cls_token, state["base.cls_token"], atol=1e-6)
    assert torch.allclose(outcome.embedder.model.encoder.blocks[0].norm1.weight, state["base.blocks.0.norm1.weight"])
    assert [report.fresh for report in told] == [{"necks.0.classifier.weight": "9 classes in the file, 4 in the model"}]
    written = json.loads((tmp_path / "run" / "weights.json").read_text())
    assert written == json.loads(json.dumps(told[0].to_json()))
    assert written["resized"] == {"encoder.pos_embed": "2x2 -> 2x1"}


def test_a_relative_path_is_stored_as_an_absolute_one(
    tiny_recipe: TrainRecipe, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train(_still(tiny_recipe, weights.name), tmp_path / "run")
    assert load_recipe(str(tmp_path / "run" / "recipe.yaml")).model.weights == str(weights)
    assert load_recipe(str(tmp_path / "run" / "recipe.yaml")) == _still(tiny_recipe, weights)


def test_a_resumed_run_does_not_need_them(tiny_recipe: TrainRecipe, weights: Path, tmp_path: Path) -> None:
    recipe = update(_still(tiny_recipe, weights), {"optimizer": {"lr": 1e-2}, "train": {"epochs": 2}})
    whole = train(recipe, tmp_path / "whole").embedder.model.state_dict()

    class Stopped(Exception):  # noqa: N818
        pass

    def stop(row: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        train(update(recipe, {"train": {"save_steps": 1}}), tmp_path / "run", listener=Listener(on_row=stop))
    weights.unlink()
    told: list[WeightReport] = []
    resumed = update(recipe, {"train": {"save_steps": 1}})
    again = train(resumed, tmp_path / "run", resume=True, listener=Listener(on_start=told.append))
    assert not told
    assert all(torch.equal(value, whole[name]) for name, value in again.embedder.model.state_dict().items())
    assert (tmp_path / "run" / "weights.json").is_file()


def test_a_run_that_has_no_checkpoint_yet_starts_from_them_again(
    tiny_recipe: TrainRecipe, weights: Path, tmp_path: Path
) -> None:
    told: list[WeightReport] = []
    train(_still(tiny_recipe, weights), tmp_path / "run", resume=True, listener=Listener(on_start=told.append))
    assert len(told) == 1


def test_bad_weights_stop_a_run_before_it_leaves_anything(
    tiny_recipe: TrainRecipe, weights: Path, tmp_path: Path
) -> None:
    for problem, message in ((tmp_path / "gone.pth", "no weight file"), (tmp_path, "holds no weights")):
        with pytest.raises(ModelFormatError, match=message):
            train(_still(tiny_recipe, problem), tmp_path / "run")
    other = update(_still(tiny_recipe, weights), {"model": {"shape": {"depth": 3}}})
    with pytest.raises(ModelFormatError, match="does not fit the model"):
        train(other, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_starts_from_another_run(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    train(tiny_recipe, tmp_path / "first")
    recipe = update(_still(tiny_recipe, tmp_path / "first"), {"model": {"side_information": "camera"}})
    train(recipe, tmp_path / "second")
    first, second = (resight.load(tmp_path / name).model.state_dict() for name in ("first", "second"))
    assert torch.allclose(first["encoder.pos_embed"], second["encoder.pos_embed"], atol=1e-6)
    report = json.loads((tmp_path / "second" / "weights.json").read_text())
    assert report["kind"] == "resight"
    assert set(report["fresh"]) == {"encoder.side_information.table", "necks.0.classifier.weight"}


def test_timm_is_asked_for_the_net_of_the_recipe(
    tiny_recipe: TrainRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_manifest: Manifest
) -> None:
    asked: list[str] = []
    model = shake(create_model("vit_nano", num_classes=0, image_size=(32, 32), **SHAPE))

    def timm_weights(name: str) -> object:
        asked.append(name)
        return from_tensors(backbone_state(model), source="timm's")

    monkeypatch.setattr("resight.models.weights.load.timm_weights", timm_weights)
    train(_still(tiny_recipe, "timm"), tmp_path / "run")
    assert asked == ["vit_nano"]
    assert load_recipe(str(tmp_path / "run" / "recipe.yaml")).model.weights == "timm"
