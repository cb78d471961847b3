"""An official checkpoint on disk, loaded as a user does, gives the recorded features."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from resight.models import create_model
from resight.models.reid import ReIDModel, join_branches
from resight.models.weights import load_weights
from resight.models.weights.matching import net_state
from tests.golden.build import build_encoder, side_inputs
from tests.golden.discovery import GoldenCase, parametrize


def _check(case: GoldenCase, path: Path, *, jigsaw: bool) -> None:
    inputs, outputs = case.load("inputs"), case.load("outputs")
    torch.save({f"module.{name}": value for name, value in case.load("weights").items()}, path)
    model = ReIDModel(build_encoder(case.settings, jigsaw=jigsaw), case.settings["num_classes"])
    report = load_weights(model, path)
    assert set(report.matched) == set(model.state_dict())
    with torch.no_grad():
        output = model.eval()(inputs["image"], **side_inputs(inputs, case.settings))
    assert_close(join_branches(output.features), outputs["eval_feature_neck_before"], **case.tolerance())
    assert_close(join_branches(output.neck_features), outputs["eval_feature_neck_after"], **case.tolerance())


@parametrize("jpm")
def test_jigsaw(case: GoldenCase, tmp_path: Path) -> None:
    _check(case, tmp_path / "transformer_120.pth", jigsaw=True)


@parametrize("baseline")
def test_baseline(case: GoldenCase, tmp_path: Path) -> None:
    _check(case, tmp_path / "transformer_120.pth", jigsaw=False)


@parametrize("pos_embed")
def test_the_backbone_of_a_dino_checkpoint(case: GoldenCase, tmp_path: Path) -> None:
    inputs, outputs = case.load("inputs"), case.load("outputs")
    backbone = {key.removeprefix("dino_checkpoint/"): value for key, value in inputs.items() if key.startswith("dino_")}
    if not backbone:
        pytest.skip("this case holds no checkpoint of a backbone")
    torch.save({"teacher": {f"module.backbone.{key}": value for key, value in backbone.items()}}, tmp_path / "x.pth")
    shape = {"width": backbone["cls_token"].shape[-1], "depth": 1, "heads": 3}
    model = create_model("vit_nano", num_classes=5, image_size=(96, 32), shape=shape)
    report = load_weights(model, tmp_path / "x.pth")
    assert report.resized == {"encoder.pos_embed": "4x2 -> 6x2"}
    loaded = net_state(model.state_dict())
    expected = {key.removeprefix("dino_loaded/"): value for key, value in outputs.items() if key.startswith("dino_")}
    assert loaded.keys() == expected.keys()
    for name, value in expected.items():
        assert_close(loaded[name], value, **case.tolerance())
