"""A pre-training that is killed and resumed ends bitwise as one that ran through."""

import copy
from pathlib import Path
from typing import Any

import pytest

from resight.errors import TrainingError
from resight.train import Hooks
from tests.pretrain.toy import STEPS, toy_backbone, toy_task, toy_trainer
from tests.train.toy import assert_same, weights


class Killed(Exception):  # noqa: N818
    """Nothing runs after it."""


def _kill_after(steps: int) -> Hooks:
    left = [steps]

    def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    return Hooks(on_step=on_step)


RUNS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("dino", {}, {"save_steps": 1}),
    ("dino", {"koleo": 0.1, "masking": 1.0, "freeze_epochs": 0}, {"save_steps": 1, "accumulation": 2}),
    ("mocov2", {}, {"save_steps": 1}),
    ("mocov2", {}, {"save_steps": 1, "accumulation": 2}),
    ("mocov3", {}, {"save_steps": 1}),
    ("moby", {}, {"save_steps": 1}),
]


@pytest.mark.parametrize(("method", "options", "settings"), RUNS)
def test_killed_inside_an_epoch(tmp_path: Path, method: str, options: dict[str, Any], settings: dict[str, Any]) -> None:
    through = toy_task(method, **options)
    whole = toy_trainer(through, **settings)
    whole.fit()
    for stop in (3, STEPS + 3):
        path = tmp_path / f"{stop}.pt"
        with pytest.raises(Killed):
            toy_trainer(toy_task(method, **options), path, hooks=_kill_after(stop), **settings).fit()
        task = toy_task(method, seed=1, **options)  # other weights: everything has to come from the checkpoint
        again = toy_trainer(task, path, **settings)
        again.resume()
        again.fit()
        assert_same(weights(task.model), weights(through.model))
        assert_same(copy.deepcopy(task.state()), copy.deepcopy(through.state()))
        assert_same(again.optimizer.state_dict(), whole.optimizer.state_dict())


def test_training_changes_more_than_the_model() -> None:
    """Else the test above would show nothing of the targets and queues."""
    for method in ("dino", "mocov2", "mocov3", "moby"):
        task = toy_task(method)
        before = copy.deepcopy(task.state())
        toy_trainer(task).fit()
        after = task.state()
        for name in set(before) - {"method", "width", "heads", "patch_center"}:
            with pytest.raises(AssertionError):
                assert_same(copy.deepcopy(after[name]), before[name])


def test_resume_with_another_method(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    toy_trainer(toy_task("moby"), path, epochs=1).fit()
    with pytest.raises(TrainingError, match=r"it is of a pre-training by moby, this run is one by dino\. Resume with"):
        toy_trainer(toy_task("dino"), path).resume()


def test_resume_with_another_width(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    toy_trainer(toy_task("dino"), path, epochs=1).fit()
    wide = toy_task("dino", backbone=toy_backbone(shape={"width": 24}))
    with pytest.raises(TrainingError, match=r"features of 12 numbers, that of this run 24"):
        toy_trainer(wide, path).resume()


def test_resume_with_another_queue(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    toy_trainer(toy_task("mocov2"), path, epochs=1).fit()
    with pytest.raises(TrainingError, match=r"holds 12 keys of 6 numbers, that of this run 8 of 6"):
        toy_trainer(toy_task("mocov2", queue=8), path).resume()


def test_resume_of_a_supervised_run(tmp_path: Path) -> None:
    from tests.train.toy import toy_trainer as supervised

    path = tmp_path / "last.pt"
    supervised(path, epochs=1).fit()
    with pytest.raises(TrainingError, match=r"it is not of a pre-training, this run is one by moby"):
        toy_trainer(toy_task("moby"), path).resume()


def test_a_batch_that_does_not_divide_the_queue() -> None:
    for method in ("mocov2", "moby"):
        with pytest.raises(
            TrainingError, match=r"a queue of 10 keys cannot be filled by batches of 4 .*queue of 8 keys"
        ):
            toy_trainer(toy_task(method, queue=10)).fit()
    toy_trainer(toy_task("mocov2", queue=10, wraps=True)).fit()
