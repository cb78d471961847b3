import json
from pathlib import Path

import pytest
import timm
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from resight.data.manifest import Manifest
from resight.errors import DataError, ModelFormatError, RecipeError, TrainingError
from resight.models.weights import read_weights
from resight.recipes import TrainRecipe, load_recipe, update
from resight.recipes.evaluation_set import Listener
from resight.recipes.pretrain_run import pretrain
from resight.recipes.pretrain_schema import PretrainRecipe
from resight.recipes.run import train
from tests.recipes.pretrain_runs import tiny_pretraining
from tests.recipes.runs import Stopped, rows_of, stop_at


def backbone_of(folder: Path) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in load_file(folder / "backbone.safetensors").items()}


@pytest.mark.parametrize("method", ["dino", "mocov2", "mocov3", "moby"])
def test_a_run_leaves_a_backbone_and_what_explains_it(method: str, tiny_manifest: Manifest, tmp_path: Path) -> None:
    recipe = tiny_pretraining(tiny_manifest.root, method)
    outcome = pretrain(recipe, tmp_path / "run")
    run = tmp_path / "run"
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file() and "tensorboard" not in str(path)}
    assert files == {
        "recipe.yaml", "data.json", "environment.json", "metrics.jsonl", "checkpoints/last.pt", "crops.png",
        "backbone.safetensors",
    }  # fmt: skip
    assert load_recipe(str(run / "recipe.yaml"), schema=PretrainRecipe) == recipe
    assert [row["epoch"] for row in rows_of(run)] == [1, 2]
    assert {"loss", "feature_std", "feature_rank"} <= set(outcome.rows[-1])
    assert ("teacher_entropy" in outcome.rows[-1]) == (method == "dino")
    with Image.open(run / "crops.png") as sheet:
        assert sheet.width > (4 if method == "dino" else 2) * 16
    file = run / "backbone.safetensors"
    with safe_open(file, framework="pt") as opened:
        header = opened.metadata()
    about = json.loads(header["about"])
    assert (about["method"], about["epochs"], about["images"]) == (method, 2, 32)
    arguments = json.loads(header["timm_arguments"])
    net = timm.create_model(header["timm_model"], **arguments, checkpoint_path=file)
    assert net.embed_dim == 12


@pytest.mark.parametrize("moment", [(0, 3), (0, 8), (1, 2)])
def test_a_stopped_run_goes_on_bitwise(moment: tuple[int, int], tiny_manifest: Manifest, tmp_path: Path) -> None:
    recipe = tiny_pretraining(tiny_manifest.root)
    pretrain(recipe, tmp_path / "whole")
    with pytest.raises(Stopped):
        pretrain(recipe, tmp_path / "stopped", listener=stop_at(*moment))
    pretrain(recipe, tmp_path / "stopped", resume=True)
    assert backbone_of(tmp_path / "stopped") == backbone_of(tmp_path / "whole")
    assert rows_of(tmp_path / "stopped") == rows_of(tmp_path / "whole")


def test_another_method_or_width_does_not_go_on(tiny_manifest: Manifest, tmp_path: Path) -> None:
    pretrain(tiny_pretraining(tiny_manifest.root), tmp_path / "run")
    for changed in (
        tiny_pretraining(tiny_manifest.root, "moby"),
        tiny_pretraining(tiny_manifest.root, model={"shape": {"width": 24}}),
    ):
        with pytest.raises(TrainingError, match="other settings"):
            pretrain(changed, tmp_path / "run", resume=True)


def test_the_probe_looks_after_epochs_and_steps(tiny_manifest: Manifest, tiny_csv: Path, tmp_path: Path) -> None:
    probe = {"source": tiny_csv, "every": 1, "steps": 3}
    outcome = pretrain(tiny_pretraining(tiny_manifest.root, probe=probe), tmp_path / "run")
    assert outcome.probe == json.loads((tmp_path / "run" / "report.json").read_text())
    assert set(outcome.probe) == {"knn_accuracy", "probe_map"}
    plain = tiny_pretraining(tiny_manifest.root)
    pretrain(plain, tmp_path / "plain")
    rows = rows_of(tmp_path / "run")
    assert 0 <= rows[0]["knn_accuracy"] <= 1
    assert 0 <= rows[0]["probe_map"] <= 1
    looks = [json.loads(line) for line in (tmp_path / "run" / "steps.jsonl").read_text().splitlines()]
    assert [(look["epoch"], look["step"]) for look in looks] == [(1, 3), (1, 6), (2, 3), (2, 6)]
    assert all("knn_accuracy" in look for look in looks)
    assert backbone_of(tmp_path / "run") == backbone_of(tmp_path / "plain"), "looking changes nothing"


def test_fine_tuning_starts_from_a_run(tiny_manifest: Manifest, tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    pretrain(tiny_pretraining(tiny_manifest.root), tmp_path / "pretrained")
    found = read_weights(tmp_path / "pretrained")
    assert (found.kind, found.grid) == ("timm", (4, 2))
    model = {
        "weights": str(tmp_path / "pretrained"),
        "patch_size": 8,
        "image_size": [48, 16],
        "shape": {"mlp_ratio": 2.0},
    }
    recipe = update(tiny_recipe, {"model": model, "train": {"epochs": 1}})
    train(recipe, tmp_path / "run")
    report = json.loads((tmp_path / "run" / "weights.json").read_text())
    assert "4x2 -> 6x2" in json.dumps(report)
    assert report["notes"] == [
        "its images were normalised otherwise, as by augment.mean=[0.485,0.456,0.406] augment.std=[0.229,0.224,0.225]"
    ]
    same = update(recipe, {"augment": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}})
    train(same, tmp_path / "same")
    assert not json.loads((tmp_path / "same" / "weights.json").read_text())["notes"]
    with pytest.raises(ModelFormatError, match="no weights"):
        train(update(recipe, {"model": {"weights": str(tmp_path)}}), tmp_path / "other")


def test_what_cannot_be_run(tiny_manifest: Manifest, tmp_path: Path) -> None:
    pool = tiny_manifest.root
    with pytest.raises(RecipeError, match="give --pool PATH"):
        pretrain(PretrainRecipe(), tmp_path / "run")
    with pytest.raises(RecipeError, match=r"method=moby needs views\.kind=byol"):
        update(PretrainRecipe(), {"method": "moby"})
    with pytest.raises(RecipeError, match=r"DinoSettings has no queue; it has prototypes"):
        pretrain(tiny_pretraining(pool, options={"queue": 8}), tmp_path / "run")
    with pytest.raises(RecipeError, match=r"local crops of 64x8 .* are not smaller"):
        pretrain(tiny_pretraining(pool, views={"local_size": [64, 8]}), tmp_path / "run")
    with pytest.raises(RecipeError, match="warmup_epochs=2 leaves nothing of 2 epochs"):
        pretrain(tiny_pretraining(pool, schedule={"warmup_epochs": 2}), tmp_path / "run")
    with pytest.raises(DataError, match="32"):
        pretrain(tiny_pretraining(pool, data={"batch_size": 64}), tmp_path / "run")
    with pytest.raises(RecipeError, match=r"one of `resight pretrain`"):
        load_recipe("market1501_transreid", schema=PretrainRecipe)
    with pytest.raises(RecipeError, match=r"small_dino is a recipe of `resight pretrain`"):
        load_recipe("small_dino")


def test_another_order_of_the_pool_does_not_go_on(tiny_manifest: Manifest, tmp_path: Path) -> None:
    """Else images of the epoch would come twice and others never."""
    recipe = tiny_pretraining(tiny_manifest.root)
    with pytest.raises(Stopped):
        pretrain(recipe, tmp_path / "run", listener=stop_at(0, 3))
    with pytest.raises(TrainingError, match=r"other settings \(data\.run\).*resight pretrain .*recipe\.yaml -o"):
        pretrain(update(recipe, {"data": {"run": 4}}), tmp_path / "run", resume=True)


def test_looks_inside_an_epoch(tiny_manifest: Manifest, tmp_path: Path) -> None:
    changes = {"train": {"look_steps": 3, "epochs": 1}, "schedule": {"warmup_epochs": 0}}
    recipe = tiny_pretraining(tiny_manifest.root, "mocov3", **changes)
    told: list[dict[str, float]] = []
    pretrain(recipe, tmp_path / "run", listener=Listener(on_look=told.append))
    looks = [json.loads(line) for line in (tmp_path / "run" / "steps.jsonl").read_text().splitlines()]
    assert looks == told
    assert [(look["epoch"], look["step"]) for look in looks] == [(1, 3), (1, 6)]
    assert {"loss", "feature_std", "feature_rank", "images_per_second"} <= set(looks[0])


def test_heads_of_another_number_are_not_taken_in_silence(
    tiny_manifest: Manifest, tiny_recipe: TrainRecipe, tmp_path: Path
) -> None:
    """Tensors of 2 and of 3 heads have the same shapes."""
    run = tmp_path / "pretrained"
    pretrain(tiny_pretraining(tiny_manifest.root, model={"shape": {"heads": 2}}), run)
    model = {"patch_size": 8, "image_size": [32, 16], "shape": {"mlp_ratio": 2.0}}
    for file in (run / "backbone.safetensors", run / "checkpoints" / "last.pt"):
        wrong = update(tiny_recipe, {"model": {**model, "weights": str(file)}, "train": {"epochs": 1}})
        with pytest.raises(ModelFormatError, match=r"heads \(2 in the file, 3 in the model.*shape=\{heads: 2\}"):
            train(wrong, tmp_path / "wrong")
        right = update(wrong, {"model": {"shape": {"heads": 2}}})
        train(right, tmp_path / file.stem)
