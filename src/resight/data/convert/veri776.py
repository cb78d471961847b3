"""VeRi-776: vehicles in 20 cameras, and the eight viewpoints of its keypoint files."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from resight.data.convert.folders import require_folder
from resight.data.convert.lists import read_lines
from resight.data.convert.named_files import convert_named_files
from resight.data.manifest import Manifest
from resight.errors import DataError

_logger = logging.getLogger(__name__)

FOLDERS = {"image_train": "train", "image_query": "query", "image_test": "gallery"}
KEYPOINT_FILES = ("keypoint_train.txt", "keypoint_test.txt")

# 0030_c008_00049745_0.jpg
NAME = re.compile(r"(?P<pid>-1|[0-9]+)_c(?P<camid>[0-9]+)_(?P<frame>[0-9]+)_[0-9]+(?=\.)")


def veri776(
    folder: str | Path,
    *,
    keypoints: Path | None = None,
    without_view: Literal["drop", "keep"] = "drop",
    strict: bool = True,
) -> Manifest:
    """Manifest of VeRi-776: `image_train`, `image_query`, `image_test`.

    Columns: `pid` as written (`0030`), `camid` `1` to `20`, `frame`; `junk` true and `pid` null where the name says -1.
    `viewid` where there are keypoint files: `0` front, `1` rear, `2` left, `3` left-front, `4` left-rear, `5` right,
    `6` right-front, `7` right-rear. It is looked up by file name, in keypoint_train.txt first, for all three splits.

    Args:
        folder: the data set's folder.
        keypoints: folder of keypoint_train.txt and keypoint_test.txt; None: the data set's folder. Without these files
            every image is kept and no view is known.
        without_view: images that stand in no keypoint file: "drop" leaves them out, as the official code does, and
            logs their number; "keep" keeps them with an unknown view.
        strict: raise if a .jpg, .jpeg or .png has another name; otherwise leave it out and log the number.

    Raises:
        DataError: if a folder is missing or empty, a file name or a line of a keypoint file is another, or a split
            would lose all its images.
    """
    manifest = convert_named_files(folder, FOLDERS, NAME, "0030_c008_00049745_0.jpg", strict=strict)
    place = manifest.root if keypoints is None else require_folder(keypoints, " and ".join(KEYPOINT_FILES))
    files = [place / name for name in KEYPOINT_FILES if (place / name).is_file()]
    if not files:
        if keypoints is not None:
            raise DataError(f"{place}: expected {' or '.join(KEYPOINT_FILES)}, but neither is there")
        _logger.warning("%s: no keypoint files, so no viewpoint is known", place)
        return manifest
    views: dict[str, str] = {}
    for file in reversed(files):  # what stands in the first file wins
        views.update(_views(file))
    return _with_views(manifest, views, files, drop=without_view == "drop")


def _with_views(manifest: Manifest, views: Mapping[str, str], files: list[Path], *, drop: bool) -> Manifest:
    names = (str(image).rpartition("/")[2] for image in manifest.column("image"))
    found = [views.get(name) for name in names]
    seen = np.array([view is not None for view in found], dtype=bool)
    manifest = manifest.with_column("viewid", found)
    for split in FOLDERS.values():
        rows = manifest.codes("split", [split]) == 0
        missing = int((rows & ~seen).sum())
        if missing and drop and missing == rows.sum():
            raise DataError(
                f"{manifest.root}: none of the {missing:,} images of split {split} stands in "
                f"{' or '.join(file.name for file in files)}, so all would be left out; give both keypoint files, or "
                "keep images without a view with the option without_view=keep"
            )
        if missing:
            what = "left out" if drop else "kept, their view is unknown"
            text = "%s: %s of %s images of split %s have no viewpoint label; they are %s"
            _logger.warning(text, manifest.root, f"{missing:,}", f"{rows.sum():,}", split, what)
    return manifest.select(seen) if drop else manifest


def _views(path: Path) -> dict[str, str]:
    """File name -> view, of a keypoint file: path, 20 pairs of coordinates, view; of equal names the last counts."""
    views = {}
    for line in read_lines(path, "a path, 40 coordinates and a view"):
        fields = line.rsplit(maxsplit=41)
        if len(fields) != 42 or fields[-1] not in tuple("01234567"):
            shown = line if len(line) < 80 else f"{line[:80]}..."
            raise DataError(f"{path}: expected a path, 40 coordinates and a view 0 to 7, came {shown!r}; correct it")
        views[fields[0].replace("\\", "/").rpartition("/")[2]] = fields[-1]
    return views
