"""Pickles of lists, dictionaries, text and numbers, read without running any code that they may hold."""

import pickle
from pathlib import Path
from typing import Any

from resight.errors import DataError

# What the unpickler raises on damaged files.
_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    MemoryError,
    OverflowError,
)


class _PlainUnpickler(pickle.Unpickler):
    """Refuses every name: without one, a pickle can neither call a function nor make an object."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it holds {module}.{name}, but only lists, dictionaries, text and numbers may be")


def read_plain_pickle(path: Path) -> Any:
    """What the pickle holds.

    Raises:
        DataError: if the file is missing or broken, or holds anything but plain containers, text and numbers.
    """
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="utf-8").load()
    except OSError as error:
        raise DataError(f"{path}: expected a pickle, but it cannot be read: {error}") from error
    except _BROKEN as error:
        raise DataError(f"{path}: cannot be read as a plain pickle: {error}") from error
