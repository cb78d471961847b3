"""What converters ask of a folder: that it exists, its images in order, its subfolders in order."""

import os
from collections.abc import Sequence
from pathlib import Path

from resight.errors import DataError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def require_folder(folder: str | Path, what: str) -> Path:
    """The folder as a Path.

    Args:
        folder: must exist.
        what: what it should hold, for the message.

    Raises:
        DataError: if it does not exist or is a file.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        came = "it is a file" if path.exists() else "it does not exist"
        raise DataError(f"{path}: expected a folder with {what}, but {came}; check the path")
    return path


def image_names(folder: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES) -> list[str]:
    """Names of the images directly in `folder`, ascending; other files and hidden ones are left out."""
    allowed = tuple(suffixes)
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.lower().endswith(allowed) and entry.is_file()]
    return sorted(name for name in names if not name.startswith("."))


def folder_names(folder: Path) -> list[str]:
    """Names of the folders directly in `folder`, ascending, without hidden ones and `__MACOSX`."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return sorted(name for name in names if not name.startswith(".") and name != "__MACOSX")


def first_few(names: Sequence[str]) -> str:
    """The first five names, and how many more there are, for a message."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
