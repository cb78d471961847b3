from pathlib import Path

import pytest
import yaml

from resight.data.manifest import Manifest
from resight.recipes.pretrain_build import dump_pretrain_recipe
from tests.cli.conftest import Run
from tests.recipes.pretrain_runs import tiny_pretraining


@pytest.fixture
def tiny_file(tiny_manifest: Manifest, tmp_path: Path) -> Path:
    path = tmp_path / "tiny_pretraining.yaml"
    path.write_text(yaml.safe_dump(dump_pretrain_recipe(tiny_pretraining(tiny_manifest.root))))
    return path


def test_pretrain_then_train_from_it(run: Run, tiny_file: Path, tiny_csv: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = run("pretrain", tiny_file, "train.epochs=1", "schedule.warmup_epochs=0", "--probe", tiny_csv, "-o", folder)
    assert result.code == 0, result.err
    assert "pre-training: epoch 1/1, loss " in result.err
    assert f"resight train RECIPE --init {folder}" in result.err
    assert result.out.startswith("backbone: ")
    words = ["model.name=vit_nano", "model.image_size=[32, 16]", "model.patch_size=8", "model.stride=null"]
    words += ["model.shape={width: 12, depth: 2, heads: 3, mlp_ratio: 2.0}", "sampler.ids_per_batch=2"]
    words += ["sampler.images_per_id=2", "train.epochs=1"]
    tuned = run(
        "train", "vehicle_baseline", *words, "data.format=null", "-d", tiny_csv, "--init", folder, "-o", tmp_path / "b"
    )
    assert tuned.code == 0, tuned.err
    assert "weights: " in tuned.err
    again = run("pretrain", folder / "recipe.yaml", "-o", folder, "--resume", "--json")
    assert again.code == 0, again.err
    assert again.json["backbone"] == str(folder / "backbone.safetensors")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what to run"),
        (["small_dino", "--method", "dino"], "not both"),
        (["small_dino"], "give --pool PATH"),
        (["--method", "dino", "model.nam=vit"], "did you mean model.name"),
        (["--method", "dino", "--pool", "nowhere"], "there is nothing"),
        (["vehicle"], "`resight train`; expected one of `resight pretrain`"),
        (["small_dino", "--resume", "-o", "nothing"], "there is no run in nothing"),
    ],
)
def test_wrong_use_is_explained(
    run: Run, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("pretrain", *words)
    assert result.code == 1
    assert message in result.err
    assert "Traceback" not in result.err


def test_an_empty_pool(run: Run, tiny_file: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run("pretrain", tiny_file, "--pool", tmp_path / "empty", "-o", tmp_path / "run")
    assert result.code == 1
    assert "empty" in result.err
