"""Weight files on disk: what is in them, read without running anything that they hold."""

import argparse
import re
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from resight.errors import ModelFormatError

_NUMBER: Any = np.float64(0).__reduce__()[0]  # what rebuilds a numpy number
# What official checkpoints hold beside tensors: settings, and metrics as numpy numbers.
HARMLESS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    argparse.Namespace,
    np.dtype,
    *{type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64, np.int32)},
    (_NUMBER, "numpy.core.multiarray.scalar"),
    (_NUMBER, "numpy._core.multiarray.scalar"),
]


def open_checkpoint(path: Path) -> Mapping[str, Any]:
    """The content of a `.safetensors` file, or of a torch file of any other name (.pth, .pt, .bin), on the CPU.

    Tensors stay on disk until they are used, where the format allows it. Nothing in the file is executed: of what is
    neither tensor nor plain value only `HARMLESS` is rebuilt.

    Raises:
        ModelFormatError: if there is no such file, it is damaged or of another format, it asks for code, or it holds no
            named values.
    """
    if not path.is_file():
        raise ModelFormatError(f"there is no weight file {path}; expected a .pth, .pt, .bin or .safetensors file")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _load_torch(path)
    except Exception as error:
        raise ModelFormatError(_explain(path, error)) from error
    if not isinstance(content, Mapping):
        raise ModelFormatError(
            f"{path} holds a {type(content).__name__}, not tensors by name; save the state_dict() of the model"
        )
    return content


def _load_torch(path: Path) -> Any:
    with warnings.catch_warnings(), torch.serialization.safe_globals(HARMLESS):
        warnings.simplefilter("ignore")  # of a pickle protocol that may fail: if it does, the error says so
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))


def _explain(path: Path, error: Exception) -> str:
    refused = re.search(r"GLOBAL ([\w.]+)", str(error))
    if refused is not None:
        return (
            f"{path} was not loaded: it asks for {refused[1].rstrip('.')}, which is code, and a weight file must not "
            "run code. If you trust its maker, load it where that code is installed, save its state_dict() alone, and "
            "pass that file"
        )
    if path.stat().st_size == 0:
        return f"{path} is empty; copy or download it again"
    reason = str(error).rpartition("WeightsUnpickler error:")[2].strip().partition("\n")[0]
    return (
        f"{path} is no weight file that can be read, or is damaged; copy or download it again "
        f"({type(error).__name__}: {reason[:200]})"
    )
