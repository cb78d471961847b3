"""A whole run with what the strong baseline adds to the loss, stopped and resumed."""

from pathlib import Path

import pytest

from resight.recipes import TrainRecipe, update
from resight.recipes.evaluation_set import Listener
from resight.recipes.run import train


class Stopped(Exception):  # noqa: N818
    pass


def test_a_stopped_run_with_centers_ends_as_an_undisturbed_one(tiny_recipe: TrainRecipe, tmp_path: Path) -> None:
    changes = {
        "loss": {"center_weight": 0.1, "margin": 0.3, "label_smoothing": 0.1},
        "model": {"classifier": "arcface", "neck_feature": "after"},
        "augment": {"erase_fill": "mean"},
    }
    recipe = update(tiny_recipe, changes)
    whole = train(recipe, tmp_path / "whole")
    assert all(row["center_loss"] > 0 for row in whole.folder.rows())

    def on_step(epoch: int, step: int, steps: int, loss: float) -> None:
        if (epoch, step) == (1, 1):
            raise Stopped

    with pytest.raises(Stopped):
        train(recipe, tmp_path / "stopped", listener=Listener(on_step=on_step))
    train(recipe, tmp_path / "stopped", resume=True)
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert weights[0] == weights[1]
