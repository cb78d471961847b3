"""Lists of images that come with a data set: one entry on each line, and the images it names on disk."""

import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resight.data.convert.folders import first_few
from resight.data.validation import Progress
from resight.errors import DataError

_logger = logging.getLogger(__name__)


def read_lines(path: Path, what: str) -> list[str]:
    """The lines in order, without the blank ones and the white space around.

    A byte order mark, CRLF and a missing last newline do no harm.

    Args:
        path: of the list, UTF-8.
        what: what stands on each line, for messages.

    Raises:
        DataError: if there is no such file, it is not UTF-8, or it holds no line.
    """
    if not path.is_file():
        raise DataError(f"{path}: expected a list with {what} on each line, but there is no such file")
    try:
        with path.open(encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file]
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected a list in UTF-8: {error}") from error
    filled = [line for line in lines if line]
    if not filled:
        raise DataError(f"{path}: expected {what} on each line, but the list is empty")
    return filled


def require_listed_once(place: Path, images: Sequence[str]) -> None:
    """Raises `DataError` if an image is named twice.

    Args:
        place: the list, or the folder of the lists, for the message.
        images: what the lists name.
    """
    if len(set(images)) < len(images):
        twice = [name for name, count in Counter(images).items() if count > 1]
        raise DataError(f"{place}: {len(twice):,} images are listed twice: {first_few(twice)}; keep each in one place")


def on_disk(
    root: Path, images: Sequence[str], *, strict: bool, progress: Progress | None = None
) -> npt.NDArray[np.bool_]:
    """Which of the listed images are files below `root`, (N,).

    Args:
        root: folder that the images' paths start from.
        images: N relative paths.
        strict: raise if one is missing; otherwise log their number.
        progress: called with (images looked for, their number).

    Raises:
        DataError: if one is missing and `strict`, or all are.
    """
    found = np.zeros(len(images), dtype=bool)
    for position, image in enumerate(images):
        found[position] = os.path.isfile(f"{root}/{image}")  # noqa: PTH113 (fast)
        if progress and ((position + 1) % 1000 == 0 or position + 1 == len(images)):
            progress(position + 1, len(images))
    missing = [image for image, there in zip(images, found.tolist(), strict=True) if not there]
    if missing:
        text = f"{root}: {len(missing):,} of {len(images):,} listed images are missing: {first_few(missing)}"
        if not found.any():
            raise DataError(f"{text}; is this the folder that the list is about?")
        if strict:
            raise DataError(f"{text}; restore them, or leave them out with the option strict=false")
        _logger.warning("%s; they are left out", text)
    return found
