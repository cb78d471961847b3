"""The whole procedure on 32 images: proxies, pass, going on, several targets."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from resight.data.manifest import Manifest
from resight.errors import DataError, ModelFormatError
from resight.filtering.scoring import PassSettings
from resight.folder_lock import hold_folder
from resight.recipes import TrainRecipe, update
from resight.recipes.filter_request import FilterRequest
from resight.recipes.filter_run import FilterListener, score
from resight.recipes.pretrain_run import pretrain
from resight.recipes.run import train
from tests.pretrain.toy import SHAPE
from tests.recipes.pretrain_runs import tiny_pretraining
from tests.recipes.runs import Stopped, stop_at

ONE_EPOCH: dict[str, Any] = {"train": {"epochs": 1}, "schedule": {"warmup_epochs": 0}}


@pytest.fixture
def request_(tiny_manifest: Manifest, tmp_path: Path) -> FilterRequest:
    recipe = update(tiny_pretraining(tiny_manifest.root), ONE_EPOCH)
    tiny_manifest.write(tmp_path / "target.csv")
    settings = PassSettings(batch_size=4, rows_per_block=8)
    target_recipe = update(recipe, {"optimizer": {"lr": 0.01}})
    return FilterRequest(
        pool=tiny_manifest.root, targets=(tmp_path / "target.csv",), recipe=recipe, target_recipe=target_recipe,
        settings=settings,
    )  # fmt: skip


def stopping(name: str, *, at: tuple[int, int] | None = None, image: int | None = None) -> FilterListener:
    """Raises `Stopped` at a step of that proxy's training, or at an image of the pass."""

    @contextmanager
    def training(what: str, epochs: int) -> Any:
        yield stop_at(*at) if what == name and at is not None else stop_at(-1, -1)

    @contextmanager
    def scoring() -> Any:
        def show(done: int, total: int) -> None:
            if image is not None and done >= image:
                raise Stopped

        yield show

    return FilterListener(training=training, scoring=scoring)


def test_from_pool_and_target_to_scores(request_: FilterRequest, tmp_path: Path) -> None:
    scores = score(request_, tmp_path / "out")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"filter.json", "source", "target", "target.parquet", "scores.parquet", "codes.bin"}
    assert scores.columns == ("cfs", "width", "height", "aspect", "sharpness", "nearest") == request_.columns
    assert len(Manifest.read(tmp_path / "out" / "target.parquet")) == 16, "the training rows alone"
    cfs = scores.scores("cfs")
    assert len(cfs) == 32
    assert ((cfs > 0) & (cfs <= 1.00001)).all()
    assert len(np.unique(cfs)) > 3
    assert (scores.scores("width") == 32).all()


@pytest.mark.parametrize(
    "moment",
    [{"name": "source proxy", "at": (0, 3)}, {"name": "target proxy", "at": (0, 2)}, {"name": "", "image": 12}],
)
def test_going_on_gives_the_same_scores(request_: FilterRequest, tmp_path: Path, moment: dict[str, Any]) -> None:
    with pytest.raises(Stopped):
        score(request_, tmp_path / "out", listener=stopping(**moment))
    with pytest.raises(DataError, match="go on with --resume"):
        score(request_, tmp_path / "out")
    stopped = score(request_, tmp_path / "out", resume=True)
    whole = score(request_, tmp_path / "whole")
    for name in whole.columns:
        assert np.array_equal(stopped.scores(name), whole.scores(name)), name
    assert (tmp_path / "out" / "codes.bin").read_bytes() == (tmp_path / "whole" / "codes.bin").read_bytes()


def test_given_proxies_give_the_scores_of_trained_ones(request_: FilterRequest, tmp_path: Path) -> None:
    trained = score(request_, tmp_path / "out")
    source, target = tmp_path / "out" / "source", tmp_path / "out" / "target" / "backbone.safetensors"
    given = score(replace(request_, source=source, target_proxies=(target,)), tmp_path / "given")
    assert np.array_equal(given.scores("cfs"), trained.scores("cfs"))
    assert not (tmp_path / "given" / "source").exists()
    half = score(replace(request_, source=source), tmp_path / "half")
    assert np.array_equal(half.scores("cfs"), trained.scores("cfs")), "the target proxy goes on from a given source too"
    bare = score(replace(request_, source=source, target_proxies=(target,), targets=()), tmp_path / "bare")
    assert bare.columns == ("cfs", "width", "height", "aspect", "sharpness")


def test_several_targets(request_: FilterRequest, tiny_manifest: Manifest, tmp_path: Path) -> None:
    first, second = tmp_path / "one.csv", tmp_path / "two.csv"
    tiny_manifest.select(range(8)).write(first)
    tiny_manifest.select(range(8, 16)).write(second)
    several = replace(request_, targets=(first, second))
    union = score(several, tmp_path / "union")
    assert union.columns[0] == "cfs"
    assert "cfs_1" not in union.columns
    assert len(Manifest.read(tmp_path / "union" / "target.parquet")) == 16
    best = score(replace(several, combine="best"), tmp_path / "best")
    assert best.columns == replace(several, combine="best").columns
    each = [best.scores("cfs_1"), best.scores("cfs_2")]
    assert np.array_equal(best.scores("cfs"), np.maximum(*each))
    assert not np.array_equal(*each)
    assert (tmp_path / "best" / "target-2" / "backbone.safetensors").is_file()


def test_what_stops_before_training(request_: FilterRequest, tiny_manifest: Manifest, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    tiny_manifest.select([0, 1]).write(few)
    with pytest.raises(DataError, match="the target has 2 images, but a step of training takes 4"):
        score(replace(request_, targets=(few,)), tmp_path / "out")
    with pytest.raises(DataError, match="there is nothing"):
        score(replace(request_, targets=(tmp_path / "nowhere",)), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with (
        hold_folder(tmp_path / "out", "filtering", DataError),
        pytest.raises(DataError, match="another process is filtering"),
    ):
        score(request_, tmp_path / "out")
    few.touch()
    with pytest.raises(DataError, match="not a folder"):
        score(request_, few)


def test_other_settings_do_not_go_on(request_: FilterRequest, tmp_path: Path) -> None:
    score(request_, tmp_path / "out")
    changed = replace(request_, target_recipe=update(request_.target_recipe, {"train": {"epochs": 3}}))
    with pytest.raises(DataError, match="begun with another target_recipe"):
        score(changed, tmp_path / "out", resume=True)
    half = replace(request_, settings=replace(request_.settings, autocast=torch.bfloat16))
    with pytest.raises(DataError, match="made with another precision"):
        score(half, tmp_path / "out", resume=True)
    workers = replace(request_, recipe=update(request_.recipe, {"data": {"workers": 1}}))
    score(workers, tmp_path / "out", resume=True)


def test_given_proxies_of_other_weights_do_not_go_on(request_: FilterRequest, tmp_path: Path) -> None:
    score(request_, tmp_path / "out")
    runs = [tmp_path / "out" / "source", tmp_path / "out" / "target"]
    given = replace(request_, source=runs[0], target_proxies=(runs[1],))
    score(given, tmp_path / "given")
    score(given, tmp_path / "given", resume=True)
    shutil.copy(runs[0] / "backbone.safetensors", runs[1] / "backbone.safetensors")
    with pytest.raises(DataError, match="made with another target 1 proxy"):
        score(given, tmp_path / "given", resume=True)


@pytest.mark.parametrize("jigsaw", [True, False])
def test_a_fine_tuned_model_is_a_source_without_its_neck(
    request_: FilterRequest, tiny_recipe: TrainRecipe, tmp_path: Path, jigsaw: bool
) -> None:
    model = {"neck_feature": "after", "jigsaw": jigsaw, "patch_size": 8, "stride": 8, "shape": SHAPE}
    train(update(tiny_recipe, {"train": {"epochs": 1}, "model": model}), tmp_path / "tuned")
    still = replace(
        request_, source=tmp_path / "tuned", target_recipe=update(request_.target_recipe, {"optimizer": {"lr": 1e-9}})
    )
    scores = score(still, tmp_path / "out").scores("cfs")
    assert_allclose(scores, 1, atol=1e-4)
    given = score(replace(still, target_proxies=(tmp_path / "out" / "target",)), tmp_path / "given")
    assert np.array_equal(given.scores("cfs"), scores)
    both = score(replace(still, target_proxies=(tmp_path / "tuned",)), tmp_path / "both")
    assert_allclose(both.scores("cfs"), 1, atol=1e-6, err_msg="embeddings of one model")


def test_proxies_of_different_widths(request_: FilterRequest, tmp_path: Path) -> None:
    score(request_, tmp_path / "out")
    wide = update(request_.recipe, {"model": {"shape": {**SHAPE, "width": 2 * SHAPE["width"]}}})
    pretrain(wide, tmp_path / "wide")
    given = replace(request_, source=tmp_path / "out" / "source", target_proxies=(tmp_path / "wide",))
    with pytest.raises(ModelFormatError, match=r"one width, came source \d+, target 1 \d+"):
        score(given, tmp_path / "given")


def test_scores_of_a_pool_that_has_changed_are_not_taken(request_: FilterRequest, tmp_path: Path) -> None:
    score(request_, tmp_path / "out")
    images = sorted(request_.pool.rglob("*.png")) + sorted(request_.pool.rglob("*.jpg"))
    images[0].unlink()
    with pytest.raises(DataError, match="images have come or gone since"):
        score(request_, tmp_path / "out", resume=True)
