import os
import re
import signal
import sys
from pathlib import Path

import pytest
from torch.utils.data import get_worker_info

from resight.data.dataset import CropDataset
from resight.recipes import run as run_module
from resight.recipes.evaluation_set import Listener
from resight.train import RunFolder
from tests.cli.conftest import Run


def test_train_from_a_file(run: Run, tiny_csv: Path, overrides: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    result = run("train", "market1501_baseline", *overrides, "train.precision=fp32", "--data", tiny_csv, "-o", folder)
    assert result.code == 0, result.err
    assert result.out.startswith("mAP ")
    assert "Rank-1" in result.out
    assert "array(" not in result.out
    lines = result.err.splitlines()
    assert lines[0].startswith("training: epoch 1/2, loss ")
    assert lines[1].startswith("training: epoch 2/2, loss ")
    assert lines[2:] == [f"model: {folder / 'model'}", f"page: {folder / 'report.html'}"]
    assert (folder / "report.html").is_file()

    again = run("train", folder / "recipe.yaml", "-o", folder, "--resume", "--json")
    assert again.code == 0, again.err
    assert again.json["run"] == str(folder)
    assert 0 <= again.json["report"]["mean_ap"] <= 1
    assert "epoch" not in again.err


def test_fp16_recipes_train_without_a_gpu(run: Run, tiny_csv: Path, overrides: list[str], tmp_path: Path) -> None:
    result = run("train", "market1501_baseline", *overrides, "train.epochs=1", "-d", tiny_csv, "-o", tmp_path / "run")
    assert result.code == 0, result.err


def test_a_measured_precision_is_said(run: Run, tiny_csv: Path, overrides: list[str], tmp_path: Path) -> None:
    words = ["market1501_baseline", *overrides, "train.precision=auto", "train.epochs=1", "-d", tiny_csv]
    result = run("train", *words, "-o", tmp_path / "run")
    assert result.code == 0, result.err
    first = result.err.splitlines()[0]
    assert re.match(r"precision: (fp32|bf16) is used: a training step on .* takes [\d.]+ ms in fp32, ", first), first
    assert (tmp_path / "run" / "precision.json").is_file()


def test_without_the_report_extra_nothing_is_lost(run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = run("train", trained / "recipe.yaml", "-o", trained, "--resume")
    assert result.code == 0
    assert result.out.startswith("mAP ")
    assert (trained / "model" / "card.json").is_file()
    assert "no page: this needs the package 'jinja2'" in result.err
    assert "pip install 'resight[report]', then repeat the command with --resume" in result.err


def test_resume_where_there_is_no_run(run: Run, trained: Path, tmp_path: Path) -> None:
    result = run("train", trained / "recipe.yaml", "-o", tmp_path / "typo", "--resume")
    assert (result.code, result.out) == (1, "")
    assert f"there is no run in {tmp_path / 'typo'} to resume; check --output" in result.err
    assert not (tmp_path / "typo").exists()


def test_the_recipe_of_a_run_gives_the_run_its_name(
    run: Run, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    result = run("train", "recipe.yaml", "--json")
    assert result.code == 0, result.err
    assert result.json["run"] == str(Path("runs") / "trained")
    assert (trained / "runs" / "trained" / "model" / "card.json").is_file()


def test_a_manifest_as_source_of_a_recipe_that_names_a_format(
    run: Run, tiny_csv: Path, overrides: list[str], tmp_path: Path
) -> None:
    words = ["market1501_baseline", *overrides, "train.precision=fp32", "train.epochs=1", f"data.source={tiny_csv}"]
    result = run("train", *words, "-o", tmp_path / "run")
    assert result.code == 0, result.err


def test_a_used_folder(run: Run, trained: Path) -> None:
    result = run("train", trained / "recipe.yaml", "-o", trained)
    assert (result.code, result.out) == (1, "")
    assert "is not empty; choose another folder, or continue that run with --resume" in result.err


def test_resume_with_other_settings(run: Run, trained: Path) -> None:
    result = run("train", trained / "recipe.yaml", "train.epochs=9", "-o", trained, "--resume")
    assert result.code == 1
    assert "other settings (train.epochs)" in result.err
    assert f"resight train {trained / 'recipe.yaml'} -o {trained} --resume" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["market1501_transreid"], "does not say where its data is; give --data PATH"),
        (
            ["market1501_transreid", "-d", "missing"],
            "missing: expected a folder with a data set, but it does not exist",
        ),
        (["market1501_transreid", "-d", "missing.csv"], "missing.csv"),
        (["market"], "there is no recipe named 'market'; did you mean"),
        (["missing.yaml"], "there is no recipe file missing.yaml"),
        (["vehicle_baseline", "train.epoch=3"], "did you mean train.epochs"),
        (["vehicle_baseline", "train.epochs=x"], "train.epochs: "),
    ],
)
def test_bad_input(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("train", *arguments)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: ")
    assert message in result.err
    assert not (tmp_path / "runs").exists()


def test_a_corrupt_image_in_a_worker_process(run: Run, tiny_csv: Path, overrides: list[str], tmp_path: Path) -> None:
    for image in tiny_csv.parent.glob("000[1-4]_*.png"):
        image.write_bytes(b"no image")
    arguments = ["market1501_baseline", *overrides, "train.precision=fp32", "data.workers=1", "-d", tiny_csv]
    result = run("train", *arguments, "-o", tmp_path / "run")
    assert result.code == 1
    assert result.err.startswith("error: not one of the 4 images of a batch can be read; the first: cannot read ")
    assert len(result.err.splitlines()) == 1


def test_a_worker_process_that_is_killed(
    run: Run, tiny_csv: Path, overrides: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel does when memory runs out."""

    def die(dataset: CropDataset, *_: object) -> None:
        assert get_worker_info() is not None
        os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(CropDataset, "__getitems__", die)
    arguments = ["market1501_baseline", *overrides, "train.precision=fp32", "data.workers=1", "-d", tiny_csv]
    result = run("train", *arguments, "-o", tmp_path / "run")
    assert result.code == 1
    assert result.err.startswith("error: a process that loads images ended unexpectedly, perhaps for want of memory")
    assert "lower data.workers" in result.err
    assert len(result.err.splitlines()) == 1


def test_ctrl_c_says_how_to_go_on(run: Run, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(recipe: object, folder: Path, *, resume: bool, listener: Listener) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_module, "train", interrupted)
    assert run("train", trained / "recipe.yaml", "-o", tmp_path / "new").err == "error: interrupted\n"
    RunFolder.create(tmp_path / "new", {})
    result = run("train", trained / "recipe.yaml", "-o", tmp_path / "new")
    assert result.code == 130
    assert result.err == (
        f"to go on later, repeat the command with --resume; the run is in {tmp_path / 'new'}\nerror: interrupted\n"
    )


def test_other_ranks_print_nothing(run: Run, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    result = run("train", trained / "recipe.yaml", "-o", trained, "--resume", "--json")
    assert (result.code, result.out, result.err) == (0, "", "")
