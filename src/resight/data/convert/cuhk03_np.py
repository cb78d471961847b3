"""CUHK03-NP: CUHK03 with the protocol of Market-1501, crops by hand or by a detector."""

import re
from pathlib import Path
from typing import Literal

from resight.data.convert.folders import require_folder
from resight.data.convert.market1501 import FOLDERS
from resight.data.convert.named_files import convert_named_files
from resight.data.manifest import Manifest

# 0001_c1_1_01.png; Market-1501's names have a sequence (c1s1), Duke's an f before the frame
NAME = re.compile(r"(?P<pid>[0-9]+)_c(?P<camid>[12])(?:_[0-9]+)+(?=\.)")


def cuhk03_np(
    folder: str | Path, *, crops: Literal["labeled", "detected"] = "detected", strict: bool = True
) -> Manifest:
    """Manifest of CUHK03-NP: `labeled` and `detected`, each with the folders of Market-1501.

    Columns: `pid` as written (`0001`), `camid` `1` or `2`.

    Args:
        folder: holds `labeled` and `detected`; or one of these two itself, then `crops` has no effect.
        crops: "labeled" (boxes by hand) or "detected".
        strict: raise if a .jpg, .jpeg or .png has another name; otherwise leave it out and log the number.

    Raises:
        DataError: if a folder is missing or empty, or a file name is another.
    """
    root = require_folder(folder, "labeled/ and detected/")
    inside = any((root / name).is_dir() for name in FOLDERS)
    place = root if inside else require_folder(root / crops, "bounding_box_train, query and bounding_box_test")
    return convert_named_files(place, FOLDERS, NAME, "0001_c1_1_01.png", strict=strict)
