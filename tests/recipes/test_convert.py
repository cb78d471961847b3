from pathlib import Path

import numpy as np
import pytest
import torch

import resight
from resight.data.transforms import EvalTransform
from resight.errors import ModelFormatError, RecipeError
from resight.models.reid import ReIDModel
from resight.models.weights import WeightFile, read_weights
from resight.models.weights.weight_file import from_tensors
from resight.recipes import TrainRecipe, update
from resight.recipes.convert import convert_weights
from tests.models.weights.official import backbone_state, dino_state, official_state, tiny_model

MODEL = {"name": "vit_nano", "image_size": [32, 16], "patch_size": 8, "shape": {"width": 24, "depth": 2, "heads": 3}}


def _recipe(**model: object) -> TrainRecipe:
    return update(TrainRecipe(title="a test"), {"model": {**MODEL, "jigsaw_parts": 2, **model}})


def _file(model: ReIDModel) -> WeightFile:
    return from_tensors(official_state(model), source="some/where/transformer_120.pth")


def test_an_official_file_becomes_a_model_folder_with_the_same_features(tmp_path: Path) -> None:
    source = tiny_model(jigsaw=True, num_cameras=3)
    torch.save(official_state(source), tmp_path / "x.pth")
    recipe = _recipe(jigsaw=True, side_information="camera")
    embedder, report = convert_weights(read_weights(tmp_path / "x.pth"), recipe)
    embedder.save(tmp_path / "model")
    loaded = resight.load(tmp_path / "model")
    image = np.random.default_rng(0).integers(0, 256, (40, 20, 3), dtype=np.uint8)
    pixels = EvalTransform((32, 16), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))(resight.inference.embedder.open_image(image))
    for name, index in (("1", 0), ("3", 2), ("4", -1)):
        with torch.no_grad():
            expected = source.eval()(pixels[None], torch.tensor([index])).embedding
        np.testing.assert_allclose(loaded.embed(image, cameras=[name]), expected.numpy(), atol=1e-6)
    assert loaded.card.cameras == ("1", "2", "3")
    assert loaded.card.about == {"recipe": "a test", "converted_from": "x.pth", "kind": "transreid"}
    assert report.fits
    assert {name for name in report.left_out if "classifier" in name} == {
        f"necks.{i}.classifier.weight" for i in range(3)
    }


def test_the_recipes_transform_goes_along() -> None:
    recipe = update(_recipe(), {"augment": {"mean": [0.1, 0.2, 0.3]}, "evaluate": {"flip": True}})
    card = convert_weights(_file(tiny_model()), recipe)[0].card
    assert (card.transform.mean, card.transform.image_size, card.flip) == ((0.1, 0.2, 0.3), (32, 16), True)
    assert card.cameras == ()


@pytest.mark.parametrize(
    ("file", "recipe", "message"),
    [
        ({"jigsaw": True}, {}, "has a jigsaw branch; use model.jigsaw=true"),
        ({}, {"jigsaw": True}, "has no jigsaw branch; use model.jigsaw=false"),
        ({"jigsaw": True}, {"jigsaw": True, "jigsaw_parts": 4}, "has 2 jigsaw parts; use model.jigsaw_parts=2"),
        (
            {"num_cameras": 3},
            {},
            "side information for 3 cameras x views; use model.side_information=camera, view or both",
        ),
        ({}, {"side_information": "camera"}, "has no side information; use model.side_information=none"),
        ({}, {"image_size": [48, 16]}, "trained on another grid of patches than images of 48x16 at stride 8 give"),
        ({}, {"stride": 4}, "at stride 4 give; give the image size and stride that it was trained with"),
        ({}, {"shape": {"width": 24, "depth": 3, "heads": 3}}, "does not fit the model"),
    ],
)
def test_a_recipe_that_does_not_agree(file: dict[str, object], recipe: dict[str, object], message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        convert_weights(_file(tiny_model(**file)), _recipe(**recipe))


@pytest.mark.parametrize(
    ("jigsaw", "lost", "message"),
    [
        (True, ("bottleneck_", "classifier_"), "damaged: it has necks of 1 branches but one jigsaw branch beside"),
        (True, ("b2.",), "damaged: it has necks of 3 branches but no jigsaw branch"),
        (True, ("b1.0.attn",), "lacks what every vit_nano has, .*; it is damaged or holds another net"),
        (False, ("base.pos_embed",), "lacks what every vit_nano has"),
    ],
)
def test_a_damaged_file_is_not_described_as_another(jigsaw: bool, lost: tuple[str, ...], message: str) -> None:
    model = tiny_model(jigsaw=jigsaw, num_cameras=3)
    state = {name: value for name, value in official_state(model).items() if not name.startswith(lost)}
    file = from_tensors(state, source="x.pth")
    with pytest.raises(ModelFormatError, match=message):
        convert_weights(file, _recipe(jigsaw=jigsaw, side_information="camera"))


def test_a_jigsaw_without_necks_tells_no_number_of_parts() -> None:
    model = tiny_model(jigsaw=True, num_classes=0, neck="none")
    file = from_tensors(model.state_dict(), source="ours.safetensors")
    embedder, _ = convert_weights(file, _recipe(jigsaw=True, neck="none"))
    assert embedder.card.settings["jigsaw_parts"] == 2


def test_the_size_that_fits_is_named() -> None:
    big = tiny_model(image_size=(256, 128), patch_size=16, stride=12)
    with pytest.raises(ModelFormatError, match=r"use model.image_size=\[256,128\] model.stride=12$"):
        convert_weights(_file(big), _recipe(image_size=[256, 128], patch_size=16))


def test_a_recipe_that_no_model_has() -> None:
    with pytest.raises(RecipeError, match="model: "):
        convert_weights(_file(tiny_model()), _recipe(name="vit_gigantic"))


def test_names_of_cameras_and_views() -> None:
    both = _file(tiny_model(num_cameras=3, num_views=2))
    recipe = _recipe(side_information="both")
    card = convert_weights(both, recipe, cameras=("a", "b", "c"), views=("front", "rear"))[0].card
    assert (card.cameras, card.views) == (("a", "b", "c"), ("front", "rear"))
    assert convert_weights(both, recipe, cameras=("a", "b", "c"))[0].card.views == ("0", "1")
    for cameras in ((), ("a", "b", "c", "d")):
        with pytest.raises(ModelFormatError, match="6 cameras x views, but"):
            convert_weights(both, recipe, cameras=cameras)
    one = convert_weights(_file(tiny_model(num_views=2)), _recipe(side_information="view"))[0].card
    assert (one.cameras, one.views) == ((), ("0", "1"))
    with pytest.raises(ModelFormatError, match="3 cameras x views, but 2 cameras and 0 views"):
        convert_weights(_file(tiny_model(num_cameras=3)), _recipe(side_information="camera"), cameras=("a", "b"))


@pytest.mark.parametrize("image_size", [[32, 16], [48, 16]])
def test_a_pre_training_file_may_be_resized(image_size: list[int]) -> None:
    for state in (dino_state(tiny_model(), prefix=""), backbone_state(tiny_model())):
        embedder, report = convert_weights(from_tensors(state, source="x"), _recipe(image_size=image_size))
        assert bool(report.resized) == (image_size == [48, 16])
        assert embedder.card.transform.image_size == tuple(image_size)
        assert "necks.0.norm.weight" in report.fresh
