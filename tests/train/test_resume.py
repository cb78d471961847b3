from pathlib import Path
from typing import Any

import pytest
import torch

from resight.errors import TrainingError
from resight.train import Hooks
from resight.train.checkpoint import load_checkpoint, save_checkpoint
from tests.train.toy import BATCHES, assert_same, state_of, toy_model, toy_trainer

Rows = list[dict[str, Any]]


class Stopped(Exception):  # noqa: N818
    """Stands for a kill: nothing runs after it."""


def _stop_after(steps: int, rows: Rows | None = None) -> Hooks:
    left = [steps]

    def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise Stopped

    return Hooks(on_step=on_step, on_row=(lambda row: None) if rows is None else rows.append)


def _without_speed(rows: Rows) -> Rows:
    return [{name: value for name, value in row.items() if name != "images_per_second"} for row in rows]


RUNS: list[dict[str, Any]] = [
    {},
    {"save_steps": 1, "average_decay": 0.9, "accumulation": 2, "clip_norm": 0.5},
    {"save_steps": 1, "precision": "bf16", "clock": "step"},
    {"save_every": 2, "epochs": 3, "optimizer": "sgd"},
    {"save_steps": 3, "optimizer": "muon"},
]


@pytest.mark.parametrize("settings", RUNS, ids=["plain", "everything", "bf16", "sparse", "muon"])
def test_a_run_stopped_anywhere_and_resumed_ends_bitwise_as_an_undisturbed_one(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    rows: Rows = []
    settings = {"epochs": 2, **settings}
    undisturbed = toy_trainer(hooks=Hooks(on_row=rows.append), **settings)
    undisturbed.fit()
    for stop in (4, BATCHES, BATCHES + 3, 2 * BATCHES):
        path = tmp_path / f"{stop}.pt"
        seen: Rows = []
        with pytest.raises(Stopped):
            toy_trainer(path, hooks=_stop_after(stop, seen), **settings).fit()
        # Other initial weights: everything has to come from the checkpoint, or from the start.
        model = toy_model(seed=1) if path.is_file() else toy_model()
        again = toy_trainer(path, model=model, **settings)
        if path.is_file():
            again.resume()
        seen = [row for row in seen if row["epoch"] <= again.epoch]
        again.hooks = Hooks(on_row=seen.append)
        torch.manual_seed(stop)  # the state of the global generator must not matter
        again.fit()
        assert_same(state_of(again), state_of(undisturbed), f"stopped after {stop}")
        assert _without_speed(seen) == _without_speed(rows)


def test_save_steps_saves_inside_the_epoch_between_optimizer_steps(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    saved = []

    def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
        if path.is_file():
            state = load_checkpoint(path)
            saved.append((state["epoch"], state["step"], state["updates"]))

    toy_trainer(path, hooks=Hooks(on_step=on_step), epochs=1, accumulation=2, save_steps=1).fit()
    assert saved == [(0, 2, 1), (0, 2, 1), (0, 4, 2)]
    assert load_checkpoint(path)["epoch"] == 1


def test_resume_without_a_place() -> None:
    with pytest.raises(TrainingError, match="no checkpoint to resume from"):
        toy_trainer().resume()


def test_resume_of_another_model(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    toy_trainer(path, epochs=1).fit()
    state = load_checkpoint(path)
    state["model"].pop("encoder.cls_token")
    save_checkpoint(path, state)
    with pytest.raises(TrainingError, match=r"does not fit this run.*encoder\.cls_token"):
        toy_trainer(path).resume()


def test_resume_inside_an_epoch_with_another_number_of_processes(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    with pytest.raises(Stopped):
        toy_trainer(path, hooks=_stop_after(2), save_steps=1).fit()
    save_checkpoint(path, {**load_checkpoint(path), "processes": 2})
    with pytest.raises(TrainingError, match=r"shared, not 1"):
        toy_trainer(path).resume()


def test_resume_of_a_finished_run_trains_nothing(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    first = toy_trainer(path)
    first.fit()
    again = toy_trainer(path, model=toy_model(seed=1), hooks=Hooks(on_step=lambda *_: pytest.fail("a step")))
    again.resume()
    again.fit()
    assert_same(state_of(again), state_of(first))
