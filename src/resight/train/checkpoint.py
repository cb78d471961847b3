"""Checkpoints that are either whole or not there."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from resight.errors import TrainingError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes the state beside its place, then moves it there in one step.

    A kill, a full disk or a power cut leaves the checkpoint that was there before.

    Args:
        path: of the checkpoint file; its folder is made.
        state: tensors, numbers, strings, and lists and dicts of them.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state, on the CPU; nothing in the file is executed.

    Raises:
        TrainingError: if the file is missing or no checkpoint of ours.
    """
    if not path.is_file():
        raise TrainingError(f"there is no checkpoint at {path}; start the run without resuming")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise TrainingError(f"{path} is not a checkpoint that can be read: {error}") from error
    if not isinstance(state, dict) or "format_version" not in state:
        raise TrainingError(f"{path} is not a training checkpoint of resight")
    return state
