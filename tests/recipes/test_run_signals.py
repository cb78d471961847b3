"""Signals to whole runs in processes of their own: Ctrl-C and SIGTERM as a terminal and a scheduler send them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from resight.recipes import TrainRecipe, update
from resight.recipes.run import train
from resight.train.checkpoint import load_checkpoint
from tests.recipes.runs import rows_of, weights_of

pytestmark = pytest.mark.slow

SIGNALLED = """
import os, signal, sys
from pathlib import Path
from resight.recipes import load_recipe
from resight.recipes.evaluation_set import Listener
from resight.recipes.run import train

recipe, folder, number, whom = load_recipe(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

def on_step(epoch, step, steps, loss):
    if (epoch, step) != (1, 1):
        return
    if whom == "group":
        os.killpg(0, number)
    elif os.environ.get("RANK", "0") == whom:
        os.kill(os.getpid(), number)

train(recipe, folder, listener=Listener(on_step=on_step))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "signalled.py"
    path.write_text(SIGNALLED)
    return path


def _file(recipe: TrainRecipe, folder: Path) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    return file


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_a_signal_to_the_workers_too(
    tiny_recipe: TrainRecipe, tmp_path: Path, script: Path, number: int, code: int
) -> None:
    """The step that runs needs another batch, of workers that got the signal as well."""
    changes = {"epochs": 3, "accumulation": 2, "average_decay": 0.9, "save_every": 0}
    recipe = update(tiny_recipe, {"train": changes, "model": {"drop_path": 0.3}, "data": {"workers": 2}})
    train(update(recipe, {"data": {"workers": 0}}), tmp_path / "whole")
    command = [sys.executable, script, _file(recipe, tmp_path), tmp_path / "run", int(number), "group"]
    words = list(map(str, command))
    result = subprocess.run(words, capture_output=True, text=True, check=False, start_new_session=True)
    assert result.returncode == code, result.stderr
    state = load_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")
    assert (state["epoch"], state["step"]) == (1, 2), "the optimiser step was finished"
    train(recipe, tmp_path / "run", resume=True)
    assert weights_of(tmp_path / "run") == weights_of(tmp_path / "whole")
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "whole")


def test_one_of_two_processes_is_told_to_stop(tiny_recipe: TrainRecipe, tmp_path: Path, script: Path) -> None:
    """Both finish the step, one saves, and both leave."""
    recipe = update(tiny_recipe, {"train": {"epochs": 3, "save_every": 3}})
    file = _file(recipe, tmp_path)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def torchrun(*words: object) -> subprocess.CompletedProcess[str]:
        command = [*launcher, *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    assert torchrun(script, file, tmp_path / "run", int(signal.SIGTERM), 1).returncode != 0
    assert load_checkpoint(tmp_path / "run" / "checkpoints" / "last.pt")["epoch"] in (1, 2)
    for folder in ("run", "whole"):
        words = ["-m", "resight.cli.main", "train", file, "-o", tmp_path / folder]
        result = torchrun(*words, *(["--resume"] if folder == "run" else []))
        assert result.returncode == 0, result.stderr
    assert weights_of(tmp_path / "run") == weights_of(tmp_path / "whole")
    assert rows_of(tmp_path / "run") == rows_of(tmp_path / "whole")
