"""Starts a run once for each moment and has it killed with SIGKILL there; run as a script, which imports torch once.

    python killed_runs.py RECIPE.yaml FOLDER MOMENT ...

Each run gets FOLDER/MOMENT. A moment is `step:EPOCH:STEP`, `row:EPOCH`, `save:NUMBER` (half of that checkpoint is
written), `embedding`, `model` (half of the result is written) or `after:SECONDS`.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import torch

from resight.inference import card
from resight.recipes import load_recipe
from resight.recipes.evaluation_set import Listener
from resight.recipes.run import train


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_within(module: Any, name: str, call: int) -> None:
    """The nth call of a function that writes a file leaves half of it and kills the process."""
    write, calls = getattr(module, name), [0]

    def half(value: Any, path: Path) -> None:
        write(value, path)
        calls[0] += 1
        if calls[0] == call:
            content = path.read_bytes()
            path.write_bytes(content[: len(content) // 2])
            die()

    setattr(module, name, half)


def listener_for(moment: str) -> Listener:
    kind, *numbers = moment.split(":")
    if kind == "step":
        at = tuple(map(int, numbers))
        return Listener(on_step=lambda epoch, step, steps, loss: die() if (epoch, step) == at else None)
    if kind == "row":
        return Listener(on_row=lambda row: die() if row["epoch"] == int(numbers[0]) else None)
    if kind == "embedding":
        return Listener(on_embed=lambda done, total: die())
    if kind == "save":
        die_within(torch, "save", int(numbers[0]))
    elif kind == "model":
        die_within(card, "save_file", 1)
    elif kind == "after":
        threading.Timer(float(numbers[0]), die).start()
    else:
        raise ValueError(moment)
    return Listener()


def main() -> None:
    recipe, folder = load_recipe(sys.argv[1]), Path(sys.argv[2])
    for moment in sys.argv[3:]:
        child = os.fork()
        if child == 0:
            train(recipe, folder / moment, listener=listener_for(moment))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        end = "killed" if os.WIFSIGNALED(status) else "finished"
        sys.stdout.write(f"{moment} {end}\n")


if __name__ == "__main__":
    main()
