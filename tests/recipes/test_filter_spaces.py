"""Nets of every kind as spaces of features: ours, fine-tuned ones, and files of other code."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from resight.data.manifest import Manifest
from resight.data.transforms import IMAGENET_MEAN, EvalTransform
from resight.errors import ModelFormatError
from resight.pretrain.export import load_backbone
from resight.recipes import TrainRecipe, update
from resight.recipes.filter_spaces import open_space
from resight.recipes.pretrain_run import pretrain
from resight.recipes.pretrain_schema import PretrainRecipe
from resight.recipes.run import train
from tests.recipes.pretrain_runs import tiny_pretraining

CPU = torch.device("cpu")
IMAGES = torch.rand(3, 3, 32, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def recipe(tiny_manifest: Manifest) -> PretrainRecipe:
    return tiny_pretraining(tiny_manifest.root, train={"epochs": 1}, schedule={"warmup_epochs": 0})


def test_a_run_its_file_and_its_weights_alone_are_one_space(recipe: PretrainRecipe, tmp_path: Path) -> None:
    pretrain(recipe, tmp_path / "run")
    file = tmp_path / "run" / "backbone.safetensors"
    net, _ = load_backbone(file)
    torch.save({"teacher": {f"backbone.{name}": value for name, value in net.state_dict().items()}}, tmp_path / "o.pth")
    spaces = [open_space(path, "x", recipe, CPU) for path in (tmp_path / "run", file, tmp_path / "o.pth")]
    with torch.no_grad():
        expected = net(IMAGES)
        for space in spaces:
            assert_close(space.net(IMAGES), expected)
    assert {space.transform for space in spaces} == {EvalTransform((32, 16), IMAGENET_MEAN, (0.229, 0.224, 0.225))}
    assert len({space.fingerprint for space in spaces}) == 1


def test_a_run_that_is_not_finished(recipe: PretrainRecipe, tmp_path: Path) -> None:
    pretrain(recipe, tmp_path / "run")
    expected = open_space(tmp_path / "run", "x", recipe, CPU).fingerprint
    (tmp_path / "run" / "backbone.safetensors").unlink()
    assert open_space(tmp_path / "run", "x", recipe, CPU).fingerprint == expected


def test_a_fine_tuned_model(tiny_recipe: TrainRecipe, recipe: PretrainRecipe, tmp_path: Path) -> None:
    train(update(tiny_recipe, {"train": {"epochs": 1}}), tmp_path / "run")
    space = open_space(tmp_path / "run", "x", recipe, CPU)
    features = space.net(torch.rand(2, 3, *space.transform.image_size))
    assert_close(features.norm(dim=1), torch.ones(2))


def test_what_is_no_net(recipe: PretrainRecipe, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"there is no .*nowhere"):
        open_space(tmp_path / "nowhere", "x", recipe, CPU)
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(ModelFormatError, match=r"does not fit the net.*--proxy RECIPE"):
        open_space(tmp_path / "other.pth", "x", recipe, CPU)
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(ModelFormatError, match="broken"):
        open_space(tmp_path / "broken.safetensors", "x", recipe, CPU)
