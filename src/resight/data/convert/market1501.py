"""Market-1501, and every data set in its layout."""

import re
from pathlib import Path

from resight.data.convert.named_files import convert_named_files
from resight.data.manifest import Manifest

FOLDERS = {"bounding_box_train": "train", "query": "query", "bounding_box_test": "gallery"}

# 1500_c3s3_062728_03.jpg (Market), 0005_c2_f0046985.jpg (Duke), and other sets in this layout
NAME = re.compile(r"(?P<pid>-1|[0-9]+)_c(?P<camid>[0-9]+)(?:s(?P<sequence>[0-9]+))?(?:_f?(?P<frame>[0-9]+))?(?=[_.])")


def market1501(folder: str | Path, *, strict: bool = True) -> Manifest:
    """Manifest of a data set in the layout of Market-1501.

    Folders `bounding_box_train`, `query`, `bounding_box_test` become the splits train, query, gallery; those that are
    absent are absent from the manifest, with a logged warning. Rows are sorted by folder, then by name.

    Columns: `pid` as written, with its zeros (`0002`; `0000`, Market's distractors, is an identity like any other);
    `camid` without leading zeros; `junk` true and `pid` null where the name says -1; `sequence` and `frame` (int64)
    where the names have them.

    Args:
        folder: the data set's folder, such as `Market-1501-v15.09.15`.
        strict: raise if a .jpg, .jpeg or .png has another name; otherwise leave it out and log the number.

    Raises:
        DataError: if none of the three folders exists, one of them holds no image, or a file name is another.
    """
    return convert_named_files(folder, FOLDERS, NAME, "0002_c1s1_000451_03.jpg", strict=strict)
