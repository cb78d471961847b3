"""Checkpoints of a run, each either whole or not there."""

import pickle
from pathlib import Path
from typing import Any

import torch

from resight.errors import TrainingError
from resight.files import whole_file

FORMAT_VERSION = 1


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes the state; see `resight.files.whole_file`.

    Args:
        path: of the checkpoint file; its folder is made.
        state: tensors, numbers, strings, and lists and dicts of them.

    Raises:
        TrainingError: if it cannot be written, such as on a full disk; the checkpoint before it is kept.
    """
    try:
        with whole_file(path) as temporary:
            torch.save({"format_version": FORMAT_VERSION, **state}, temporary)
    except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
        reason = str(error).partition("\n")[0]
        kept = "the one before it is kept" if path.is_file() else "there is none yet"
        raise TrainingError(
            f"the checkpoint {path} could not be written ({reason}); {kept}. Make room or mend the disk, then resume"
        ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The state, on the CPU; nothing in the file is executed.

    Raises:
        TrainingError: if the file is missing or no checkpoint that this version can read.
    """
    if not path.is_file():
        raise TrainingError(f"there is no checkpoint at {path}; start the run without resuming")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(f"{path} is not a checkpoint that can be read, or is damaged: {reason}") from error
    if not isinstance(state, dict) or "format_version" not in state:
        raise TrainingError(f"{path} is not a training checkpoint of resight")
    if state["format_version"] != FORMAT_VERSION:
        raise TrainingError(
            f"{path} has format {state['format_version']}, but this version of resight reads {FORMAT_VERSION}; "
            "finish the run with the version that began it (environment.json names it)"
        )
    return state
