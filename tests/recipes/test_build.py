from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from resight.data.convert import CONVERTERS
from resight.data.dataset import Vocabulary
from resight.data.manifest import Manifest
from resight.errors import DataError, RecipeError
from resight.recipes import TrainRecipe, build, update
from resight.train import ConstantSchedule, CosineSchedule, MultiStepSchedule


def test_source_is_a_manifest_or_what_a_converter_reads(tiny_csv: Path, tmp_path: Path) -> None:
    assert len(build.read_source(tiny_csv)) == 32
    options = {"columns": {"pid": "who"}}
    (tmp_path / "own.csv").write_text(f"image,who\n{tiny_csv.parent / '0001_c1_0.png'},7\n")
    assert list(build.read_source(tmp_path / "own.csv", "csv_table", options).column("pid")) == ["7"]


def test_a_folder_needs_a_format(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder; say how to read it.*market1501.*--format NAME"):
        build.read_source(tmp_path)


def test_unknown_format_and_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no converter 'market'; did you mean market1501\?"):
        build.read_source(tmp_path, "market")
    with pytest.raises(DataError, match=r"no converter 'xyz'; known are .*vehicle_reid"):
        build.read_source(tmp_path, "xyz")
    with pytest.raises(DataError, match="market1501 has no option camera_pattern"):
        build.read_source(tmp_path, "market1501", {"camera_pattern": "x"})
    with pytest.raises(DataError, match=r"options \(strict\) are those of a converter; name it with --format"):
        build.read_source(tmp_path / "a.csv", None, {"strict": True})


def test_a_table_where_the_converter_needs_a_folder_is_a_manifest(
    tiny_csv: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    takes_file = {"csv_table", "wildlife", "luperson_lmdb"}
    for format in sorted(set(CONVERTERS) - takes_file):
        assert len(build.read_source(tiny_csv, format)) == 32, format
    assert not caplog.records
    assert len(build.read_source(tiny_csv, "market1501", {"strict": False})) == 32
    assert (
        caplog.records[0].getMessage()
        == f"{tiny_csv} is read as a manifest; options of market1501 are not used: strict"
    )
    (tmp_path / "metadata.csv").write_text(f"image_id,identity,path\n1,whale,{tiny_csv.parent / '0001_c1_0.png'}\n")
    assert list(build.read_source(tmp_path / "metadata.csv", "wildlife").column("pid")) == ["whale"]
    for format in sorted(takes_file):  # each gets the file itself
        with mock.patch.object(build, "convert", return_value="converted") as convert:
            assert build.read_source(tiny_csv, format) == "converted"
            assert convert.call_args.args[:2] == (format, tiny_csv)


@pytest.mark.parametrize("format", [None, "market1501"])
def test_a_source_that_is_missing_is_named(tmp_path: Path, format: str | None) -> None:
    with pytest.raises(DataError, match=r"nowhere\.csv"):
        build.read_source(tmp_path / "nowhere.csv", format)


def test_no_source() -> None:
    with pytest.raises(RecipeError, match=r"does not say where its data is; give --data PATH, or data\.source=PATH"):
        build.build_manifest(TrainRecipe())


@pytest.mark.parametrize(
    ("wants", "cameras", "views"),
    [("none", (), ()), ("camera", ("1", "2"), ()), ("view", (), ("a",)), ("both", ("1", "2"), ("a",))],
)
def test_vocabulary(tiny_manifest: Manifest, wants: str, cameras: tuple, views: tuple) -> None:
    rows = tiny_manifest.with_column("viewid", ["a"] * len(tiny_manifest)).split("train")
    recipe = update(TrainRecipe(), {"model": {"side_information": wants}})
    expected = Vocabulary(("0001", "0002", "0003", "0004"), cameras, views)
    assert build.build_vocabulary(recipe, rows) == expected


@pytest.mark.parametrize("wants", ["view", "both"])
def test_side_information_that_the_data_lacks(tiny_manifest: Manifest, wants: str) -> None:
    recipe = update(TrainRecipe(), {"model": {"side_information": wants}})
    with pytest.raises(
        RecipeError, match=rf"side_information={wants} needs view labels, but no training row has a vie"
    ):
        build.build_vocabulary(recipe, tiny_manifest)


def test_model(tiny_recipe: TrainRecipe) -> None:
    recipe = update(tiny_recipe, {"model": {"side_information": "camera"}, "train": {"gradient_checkpointing": True}})
    model = build.build_model(recipe, Vocabulary(("a", "b", "c"), ("1", "2"), ()))
    assert model.num_classes == 3
    assert model.embedding_dim == 12
    assert model.encoder.side_information.num_cameras == 2
    assert model.encoder.gradient_checkpointing


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "vit_basee"}, r"model: there is no model named 'vit_basee'; did you mean vit_base"),
        ({"shape": {"widht": 3}}, r"model: unknown fields of shape: \['widht'\]"),
        ({"shape": {"width": 10, "heads": 3}}, r"model: .*10 cannot be split over 3 heads"),
        ({"jigsaw": True, "jigsaw_shift": 400}, r"model: "),
        ({"patch_size": 64}, r"model: "),
        ({"shape": {"width": 12.5}}, r"model\.shape\.width: .*valid integer, got 12\.5"),
        ({"shape": {"width": None}}, r"model\.shape\.width: .*valid integer, got None"),
        ({"shape": {"depth": True}}, r"model\.shape\.depth: .*valid integer, got True"),
        ({"shape": {"qkv_bias": 3}}, r"model\.shape\.qkv_bias: .*valid boolean, got 3"),
        ({"shape": {"mlp_ratio": -1}}, r"model\.shape\.mlp_ratio: expected a number above 0, got -1"),
        ({"name": "resnet50", "shape": {"ibn": None}}, r"model\.shape\.ibn: .*valid boolean, got None"),
    ],
)
def test_a_model_that_cannot_be(tiny_recipe: TrainRecipe, changes: dict, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build.build_model(update(tiny_recipe, {"model": changes}), Vocabulary(("a", "b")))


@pytest.mark.parametrize("name", ["test_convnext", "test_vit"])
def test_any_net_with_gradient_checkpointing(tiny_recipe: TrainRecipe, name: str) -> None:
    model = tiny_recipe.model.model_copy(update={"name": name, "shape": {}, "image_size": (64, 32)})
    recipe = tiny_recipe.model_copy(update={"model": model})
    recipe = update(recipe, {"train": {"gradient_checkpointing": True}})
    built = build.build_model(recipe, Vocabulary(("a", "b", "c")))
    assert built.encoder.gradient_checkpointing is True
    assert (built.necks[0].classifier.weight.shape, built.embedding_dim) == ((3, 64), 64)
    with (
        mock.patch("timm.models.convnext.ConvNeXt.set_grad_checkpointing", side_effect=AssertionError),
        pytest.raises(RecipeError, match="model: timm has no gradient checkpointing for a ConvNeXt"),
    ):
        build.build_model(update(recipe, {"model": {"name": "test_convnext"}}), Vocabulary(("a", "b")))


def test_task_has_centers_where_the_recipe_has_a_center_loss(tiny_recipe: TrainRecipe) -> None:
    model = build.build_model(tiny_recipe, Vocabulary(("a", "b", "c")))
    assert build.build_task(tiny_recipe, model).centers is None
    recipe = update(tiny_recipe, {"loss": {"center_weight": 0.01, "center_lr": 0.25}})
    centers = build.build_task(recipe, model).centers
    assert centers is not None
    assert (centers.weight, centers.optimizer.param_groups[0]["lr"]) == (0.01, 0.25)
    assert centers.state().shape == (3, 12)


def test_classifier_and_neck(tiny_recipe: TrainRecipe) -> None:
    names = Vocabulary(("a", "b", "c"))
    changes = {"classifier": "arcface", "classifier_scale": 20, "classifier_margin": 0.2, "jigsaw": True,
               "jigsaw_parts": 2, "jigsaw_shift": 1, "image_size": [32, 32]}  # fmt: skip
    model = build.build_model(update(tiny_recipe, {"model": changes}), names)
    classifiers = [neck.classifier for neck in model.necks]
    assert [(classifier.scale, classifier.margin) for classifier in classifiers] == [(20, 0.2)] * 3
    plain = build.build_model(update(tiny_recipe, {"model": {"neck": "none"}}), names)
    assert plain.necks[0].classifier.bias is not None
    with pytest.raises(RecipeError, match="linear classifier has neither scale nor margin"):
        build.build_model(update(tiny_recipe, {"model": {"classifier_margin": 0.2}}), names)


def test_schedules() -> None:
    def of(**changes: object) -> object:
        section = update(TrainRecipe(), {"schedule": changes}).schedule
        return build.build_schedule(section, base_lr=0.01, epochs=30)

    assert of() == CosineSchedule(0.01, 30, warmup_epochs=5, warmup_factor=0.01, final_factor=0.002)
    expected = MultiStepSchedule((10, 20), gamma=0.5, warmup_epochs=3, warmup_factor=0.01)
    assert of(name="multistep", milestones=[10, 20], gamma=0.5, warmup_epochs=3) == expected
    assert of(name="constant") == ConstantSchedule()


def test_transforms_share_size_and_normalisation() -> None:
    recipe = update(TrainRecipe(), {"augment": {"mean": [0.1, 0.2, 0.3], "flip": 0}, "model": {"image_size": [64, 32]}})
    train, evaluate = build.build_train_transform(recipe), build.build_eval_transform(recipe)
    assert train.image_size == evaluate.image_size == (64, 32)
    assert train.mean == evaluate.mean == (0.1, 0.2, 0.3)
    assert train.flip == 0


def test_a_shuffled_epoch_has_every_image_once() -> None:
    labels = np.arange(30) % 4
    changes = {"sampler": {"name": "shuffle", "ids_per_batch": 2, "images_per_id": 4}, "loss": {"triplet_weight": 0}}
    recipe = update(TrainRecipe(), changes)
    epochs = []
    for epoch in (0, 1):
        ranks = [build.build_sampler(recipe, labels, rank=rank, world_size=2).epoch(epoch) for rank in (0, 1)]
        assert len(ranks[0]) == len(ranks[1])
        rows = [int(row) for rank in ranks for batch in rank for row in batch]
        assert sorted(rows) == list(range(30))
        epochs.append(rows)
    assert epochs[0] != epochs[1]


def test_shuffled_images_are_not_mined() -> None:
    with pytest.raises(RecipeError, match=r"sampler.name=shuffle draws images.*set loss.triplet_weight=0"):
        update(TrainRecipe(), {"sampler": {"name": "shuffle"}})
