import json
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open

from resight.errors import ModelFormatError
from resight.models import create_model
from resight.models.weights import load_weights, read_weights
from resight.pretrain.backbone import BackboneSettings, create_backbone
from resight.pretrain.export import export_backbone, load_backbone, timm_recipe
from tests.pretrain.toy import SHAPE, toy_backbone

SETTINGS = [
    toy_backbone(drop_path=0.0),
    toy_backbone(registers=2),
    toy_backbone(shape={"convolution_stem": True}),
    BackboneSettings("test_resnet", (32, 32)),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=["vit", "registers", "ics", "timm"])
def test_there_and_back(tmp_path: Path, settings: BackboneSettings) -> None:
    net = create_backbone(settings).eval()
    export_backbone(net, settings, tmp_path / "net.safetensors", about={"method": "dino"})
    again, found = load_backbone(tmp_path / "net.safetensors")
    images = torch.randn(2, 3, *settings.image_size)
    assert torch.equal(net(images), again(images))
    assert found.name == settings.name
    assert found.image_size == settings.image_size


@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[1], SETTINGS[3]], ids=["vit", "registers", "timm"])
def test_timm_loads_it_by_what_the_header_says(tmp_path: Path, settings: BackboneSettings) -> None:
    path = tmp_path / "net.safetensors"
    net = create_backbone(settings).eval()
    export_backbone(net, settings, path)
    with safe_open(path, framework="pt") as file:
        header = file.metadata()
    arguments = json.loads(header["timm_arguments"])
    if settings.name == "test_resnet":
        arguments.pop("img_size")
    same = timm.create_model(header["timm_model"], **arguments, checkpoint_path=str(path)).eval()
    images = torch.randn(2, 3, *settings.image_size)
    torch.testing.assert_close(same(images), net(images))


def test_fine_tuning_starts_from_it(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    net = create_backbone(SETTINGS[0]).eval()
    export_backbone(net, SETTINGS[0], path)
    model = create_model("vit_nano", num_classes=3, image_size=(32, 16), patch_size=8, shape=SHAPE)
    assert load_weights(model, read_weights(path)).fits
    images = torch.randn(2, 3, 32, 16)
    torch.testing.assert_close(model.eval().encoder(images)[:, 0], net(images))


def test_nets_that_timm_does_not_have() -> None:
    assert timm_recipe(BackboneSettings("vit_small_ics")) is None
    assert timm_recipe(BackboneSettings("vit_small_transreid")) is None
    assert timm_recipe(BackboneSettings("resnet50_ibn_a")) is None
    assert timm_recipe(BackboneSettings("resnet50")) == ("resnet50", {"num_classes": 0})


def test_a_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(ModelFormatError, match="is no backbone that resight has exported"):
        load_backbone(path)
