"""Data sets whose file names say everything: one folder for each split, identity and camera in each name."""

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from resight.data.convert.folders import first_few, folder_names, image_names, require_folder
from resight.data.manifest import Manifest
from resight.errors import DataError

_logger = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png")
_COLUMNS = ("image", "pid", "camid", "split", "junk")
_NUMBERS = ("sequence", "frame")


def convert_named_files(
    folder: str | Path,
    folders: Mapping[str, str],
    pattern: re.Pattern[str],
    example: str,
    *,
    strict: bool = True,
    suffixes: Sequence[str] = SUFFIXES,
) -> Manifest:
    """Manifest of a data set with one folder for each split and names that hold identity and camera.

    Args:
        folder: holds at least one of the folders named in `folders`; the manifest has the splits of those that exist.
        folders: folder name -> split, in the order that the rows shall have.
        pattern: matched from the start of the base name. Groups `pid` and `camid` are needed, `sequence` and `frame`
            give columns of whole numbers if any name has them.
        example: a good file name, for messages.
        strict: raise if a name does not match; otherwise leave the file out and log their number as a warning.
        suffixes: other files are left out without a word.

    Raises:
        DataError: if none of the folders exists, one of them holds no image, or a name does not match.
    """
    root = require_folder(folder, "a data set")
    present = [name for name in folders if (root / name).is_dir()]
    if not present:
        found = first_few(folder_names(root)) or "none"
        raise DataError(f"{root}: expected at least one of the folders {', '.join(folders)}; folders found: {found}")
    if len(present) < len(folders):
        absent = ", ".join(name for name in folders if name not in present)
        _logger.warning("%s: no folder %s; the manifest has the other splits only", root, absent)
    images: dict[str, list[str]] = {}
    for name in present:
        files = image_names(root / name, suffixes)
        if not files:
            raise DataError(f"{root / name}: expected images ({', '.join(suffixes)}), came none; is the copy complete?")
        images.setdefault(folders[name], []).extend(f"{name}/{file}" for file in files)
    return manifest_of_names(root, images, pattern, example, strict=strict)


def manifest_of_names(
    root: Path, images: Mapping[str, Sequence[str]], pattern: re.Pattern[str], example: str, *, strict: bool = True
) -> Manifest:
    """Manifest of images whose base names hold identity and camera.

    Args:
        root: folder of the relative paths.
        images: split -> paths relative to `root`; the rows keep this order.
        pattern: as in `convert_named_files`; so are `example` and `strict`.
        example: a good file name.
        strict: raise if a name does not match.

    Raises:
        DataError: if a name does not match, or none does.
    """
    columns: dict[str, list[Any]] = {name: [] for name in (*_COLUMNS, *_NUMBERS)}
    odd = [image for split, paths in images.items() for image in _add_rows(columns, paths, split, pattern)]
    if odd:
        text = f"{root}: {len(odd):,} file names do not look like {example}: {first_few(odd)}"
        if strict:
            raise DataError(f"{text}; remove these files, or leave them out with the option strict=false")
        _logger.warning("%s; they are left out", text)
    if not columns["image"]:
        raise DataError(f"{root}: not one file name looks like {example}; is this data set in another layout?")
    for number in _NUMBERS:
        if all(value is None for value in columns[number]):
            del columns[number]
    manifest = Manifest.from_columns(columns, root)
    manifest.require_valid()
    return manifest


def _add_rows(columns: dict[str, list[Any]], images: Sequence[str], split: str, pattern: re.Pattern[str]) -> list[str]:
    """Append one row for each image whose base name matches; return the others."""
    odd = []
    for image in images:
        match = pattern.match(image.rpartition("/")[2])
        if match is None:
            odd.append(image)
            continue
        parts = match.groupdict()
        is_junk = parts["pid"] == "-1"
        columns["image"].append(image)
        columns["pid"].append(None if is_junk else parts["pid"])
        columns["camid"].append(str(int(parts["camid"])))
        columns["split"].append(split)
        columns["junk"].append(is_junk)
        for number in _NUMBERS:
            value = parts.get(number)
            columns[number].append(None if value is None else int(value))
    return odd
