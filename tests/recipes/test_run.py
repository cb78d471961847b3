import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

import resight
from resight.data.manifest import Manifest
from resight.errors import DataError, RecipeError, TrainingError
from resight.recipes import TrainRecipe, load_recipe, update
from resight.recipes.evaluation_set import Listener
from resight.recipes.run import Outcome, train
from tests.recipes.runs import EVERYTHING, rows_of, weights_of, write_changed


def test_a_run_leaves_everything(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    stages: list[str] = []
    embedded: list[tuple[int, int]] = []
    listener = Listener(on_stage=stages.append, on_embed=lambda *counts: embedded.append(counts))
    outcome = train(tiny_recipe, tmp_path / "run", listener=listener)
    run = tmp_path / "run"
    files = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file() and "tensorboard" not in str(path)}
    assert files == {
        "recipe.yaml", "data.json", "environment.json", "metrics.jsonl", "report.json", "checkpoints/last.pt",
        "model/card.json", "model/model.safetensors",
    }  # fmt: skip
    assert load_recipe(str(run / "recipe.yaml")) == tiny_recipe
    assert [row["epoch"] for row in rows_of(run)] == [1, 2]
    assert outcome.report is not None
    assert json.loads((run / "report.json").read_text())["mean_ap"] == outcome.report.mean_ap
    assert outcome.numbers()["mean_ap"] == outcome.report.mean_ap
    assert outcome.embedder.card.metrics["mean_ap"] == outcome.report.mean_ap
    assert stages == ["reading the data", "training", "evaluating"]
    assert embedded[-1] == (16, 16)


def test_the_stored_model_gives_the_evaluated_embeddings(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = update(tiny_recipe, {**EVERYTHING, "train": {"epochs": 1, "precision": "bf16", "average_decay": 0.5}})
    recipe = update(recipe, {"evaluate": {"flip": True}})
    outcome = train(recipe, tmp_path / "run")
    assert outcome.test is not None
    assert outcome.vectors is not None
    model = resight.load(tmp_path / "run")
    assert model.card.cameras == ("1", "2")
    assert model.card.flip
    np.testing.assert_array_equal(model.embed(outcome.test.query, batch_size=256), outcome.vectors[0])


def test_data_without_a_test_is_trained_and_not_evaluated(
    tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path
) -> None:
    tiny_manifest.split("train").write(tmp_path / "train.csv")
    recipe = update(tiny_recipe, {"data": {"source": tmp_path / "train.csv"}, "train": {"evaluate_every": 1}})
    outcome = train(recipe, tmp_path / "run")
    assert (outcome.report, outcome.test, outcome.vectors, outcome.numbers()) == (None, None, None, {})
    assert not (tmp_path / "run" / "report.json").exists()
    assert resight.load(tmp_path / "run").card.metrics == {}


def test_images_in_random_order(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = update(tiny_recipe, {"sampler": {"name": "shuffle", "ids_per_batch": 3}, "loss": {"triplet_weight": 0}})
    steps: list[int] = []
    listener = Listener(on_step=lambda epoch, step, count, loss: steps.append(count))
    outcome = train(recipe, tmp_path / "run", listener=listener)
    assert set(steps) == {3}, "16 images, 6 at a time"
    assert "triplet_loss" not in outcome.folder.rows()[0]


def test_the_seed_decides_the_weights(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        torch.manual_seed(ord(name))
        train(update(tiny_recipe, {"train": {"seed": seed, "epochs": 1}}), tmp_path / name)
    assert weights_of(tmp_path / "a") == weights_of(tmp_path / "b") != weights_of(tmp_path / "c")


def test_a_used_folder_and_other_settings_are_refused(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    train(tiny_recipe, tmp_path / "run")
    with pytest.raises(TrainingError, match="is not empty"):
        train(tiny_recipe, tmp_path / "run")
    with pytest.raises(TrainingError, match=r"train\.epochs"):
        train(update(tiny_recipe, {"train": {"epochs": 9}}), tmp_path / "run", resume=True)


def test_a_test_in_one_camera_is_refused_before_the_training(
    tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path
) -> None:
    source = write_changed(tiny_manifest, tmp_path / "tiny" / "one.csv", camid=["1"] * len(tiny_manifest))
    recipe = update(tiny_recipe, {"data": {"source": source}})
    with pytest.raises(RecipeError, match=r"none of the 8 queries .* use evaluate\.cross_camera=false"):
        train(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    outcome = train(update(recipe, {"evaluate": {"cross_camera": False}}), tmp_path / "run")
    assert outcome.report is not None
    assert outcome.report.num_valid == 8


def test_bad_data_says_what_is_wrong(tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path) -> None:
    count = len(tiny_manifest)
    cases = [
        (write_changed(tiny_manifest, tmp_path / "a.csv", split=["query"] * count), "split 'train' has no rows"),
        (
            write_changed(tiny_manifest.split("train"), tmp_path / "b.csv", pid=[None] * 16),
            "no training row has an identity",
        ),
        (
            write_changed(tiny_manifest.split("train").select(np.arange(4)), tmp_path / "c.csv"),
            "training has 1; lower ids_per_batch",
        ),
        (tmp_path / "missing.csv", "missing.csv"),
    ]
    for path, message in cases:
        with pytest.raises(DataError, match=message):
            train(update(tiny_recipe, {"data": {"source": path}}), tmp_path / "run")
        assert not (tmp_path / "run").exists(), "a run that cannot begin leaves no folder"


def test_an_identity_with_one_image_trains(tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path) -> None:
    rows = tiny_manifest.split("train").select(np.arange(5))
    rows.write(tmp_path / "few.csv")
    recipe = update(tiny_recipe, {"data": {"source": tmp_path / "few.csv"}, "train": {"epochs": 1}})
    assert train(recipe, tmp_path / "run").folder.rows()[0]["loss"] > 0


def test_unlabelled_training_rows_are_left_out_and_counted(
    tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pids = [None if row % 4 == 3 else pid for row, pid in enumerate(tiny_manifest.column("pid"))]
    rows = tiny_manifest.with_column("pid", pids).split("train")
    rows.write(tmp_path / "some.csv")
    outcome: Outcome = train(update(tiny_recipe, {"data": {"source": tmp_path / "some.csv"}}), tmp_path / "run")
    assert outcome.embedder.card.about["identities"] == 4
    assert caplog.messages == ["left out of training: 4 of 16 rows, which have no identity (pid)"]


def test_a_corrupt_image_of_the_training_is_named_counted_and_replaced(
    tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name = tiny_manifest.split("train").column("image")[0]
    (tiny_manifest.root / name).write_bytes(b"no image")
    train(tiny_recipe, tmp_path / "run")
    assert len(caplog.messages) == 1
    assert f"{name}: " in caplog.messages[0]
    assert [row["skipped_images"] for row in rows_of(tmp_path / "run")] == [1] * tiny_recipe.train.epochs


@pytest.mark.parametrize("every", [0, 1])
def test_a_corrupt_image_of_the_test_is_an_error_that_costs_no_training(
    tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path, every: int
) -> None:
    recipe = update(tiny_recipe, {"train": {"evaluate_every": every}})
    train(recipe, tmp_path / "whole")
    image = tiny_manifest.root / tiny_manifest.split("gallery").column("image")[0]
    whole = image.read_bytes()
    image.write_bytes(b"no image")
    with pytest.raises(DataError, match=f"cannot read the image .*{image.name}"):
        train(recipe, tmp_path / "run")
    if every:
        assert [row["epoch"] for row in rows_of(tmp_path / "run")] == [1], "the epoch before the evaluation is kept"
    else:
        assert resight.load(tmp_path / "run").card.metrics == {}
    trained: list[int] = []
    image.write_bytes(whole)
    listener = Listener(on_step=lambda epoch, step, steps, loss: trained.append(epoch))
    train(recipe, tmp_path / "run", resume=True, listener=listener)
    assert set(trained) == ({1} if every else set())
    assert weights_of(tmp_path / "run") == weights_of(tmp_path / "whole")
    assert resight.load(tmp_path / "run").card.metrics


def test_a_missing_image_of_the_test_is_found_before_the_training(
    tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path
) -> None:
    name = tiny_manifest.split("gallery").column("image")[2]
    (tiny_manifest.root / name).unlink()
    with pytest.raises(DataError, match=f"query and gallery: .*{name}"):
        train(tiny_recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_odd_images_train(tiny_recipe: TrainRecipe, tiny_manifest: Manifest, tmp_path: Path) -> None:
    for number, mode in enumerate(("L", "RGBA", "P", "I;16")):
        Image.new(mode, (7, 5)).save(tiny_manifest.root / f"000{number + 1}_c1_0.png")
    assert train(update(tiny_recipe, {"train": {"epochs": 1}}), tmp_path / "run").report is not None


def test_a_model_that_cannot_be_leaves_no_folder(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="view labels"):
        train(update(tiny_recipe, {"model": {"side_information": "view"}}), tmp_path / "run")
    with pytest.raises(RecipeError, match="heads"):
        train(update(tiny_recipe, {"model": {"shape": {"heads": 5}}}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from resight.recipes import load_recipe
from resight.recipes.evaluation_set import Listener
from resight.recipes.run import train

def on_step(epoch, step, steps, loss):
    if (epoch, step) == (1, 1):
        os.kill(os.getpid(), signal.SIGKILL)

train(load_recipe(sys.argv[1]), Path(sys.argv[2]), listener=Listener(on_step=on_step))
"""


MOMENTS = [
    *("step:0:1", "step:0:2", "step:1:1", "step:2:2"),
    *("row:1", "row:3", "save:1", "save:2", "save:5", "save:6", "embedding", "model"),
]


@pytest.mark.slow
def test_kill_9_anywhere_and_resume(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = update(tiny_recipe, EVERYTHING)
    started = time.monotonic()
    train(recipe, tmp_path / "whole")
    seconds = time.monotonic() - started
    moments = [*MOMENTS, *(f"after:{share * seconds:.3f}" for share in (0.1, 0.3, 0.5, 0.7, 0.9))]
    script = Path(__file__).with_name("killed_runs.py")
    command = [sys.executable, script, tmp_path / "whole" / "recipe.yaml", tmp_path / "killed", *moments]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    ends = dict(line.split() for line in result.stdout.splitlines())
    assert {moment: ends[moment] for moment in MOMENTS} == dict.fromkeys(MOMENTS, "killed")
    assert list(ends) == moments
    for moment in moments:
        folder = tmp_path / "killed" / moment
        train(recipe, folder, resume=True)
        assert weights_of(folder) == weights_of(tmp_path / "whole"), moment
        assert rows_of(folder) == rows_of(tmp_path / "whole"), moment
        left = [file.name for file in folder.rglob("*") if file.name.endswith(".tmp")]
        assert not left, f"{moment} left {left}"


def _torchrun(*command: object) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run([*launcher, *map(str, command)], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_two_processes_killed_and_resumed(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    recipe = update(tiny_recipe, {**EVERYTHING, "train": {"epochs": 3, "accumulation": 2, "save_steps": 1}})
    file = tmp_path / "two.yaml"
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    whole = _torchrun("-m", "resight.cli.main", "train", file, "-o", tmp_path / "whole", "--json")
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["report"]["mean_ap"] > 0, "one process speaks"
    assert [row["epoch"] for row in rows_of(tmp_path / "whole")] == [1, 2, 3]
    assert load_file(tmp_path / "whole" / "model" / "model.safetensors")["encoder.cls_token"].isfinite().all()

    (tmp_path / "killed.py").write_text(KILLED)
    assert _torchrun(tmp_path / "killed.py", file, tmp_path / "killed").returncode != 0
    assert not (tmp_path / "killed" / "model").exists()
    resumed = _torchrun("-m", "resight.cli.main", "train", file, "-o", tmp_path / "killed", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert weights_of(tmp_path / "killed") == weights_of(tmp_path / "whole")
    assert rows_of(tmp_path / "killed") == rows_of(tmp_path / "whole")
