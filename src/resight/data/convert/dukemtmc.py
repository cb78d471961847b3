"""DukeMTMC-reID: Market-1501's folders, no junk, distractors with ordinary numbers."""

import re
from pathlib import Path

from resight.data.convert.market1501 import FOLDERS
from resight.data.convert.named_files import convert_named_files
from resight.data.manifest import Manifest

NAME = re.compile(r"(?P<pid>[0-9]{4})_c(?P<camid>[1-8])_f(?P<frame>[0-9]+)(?=\.)")
EXAMPLE = "0005_c2_f0046985.jpg"


def dukemtmc(folder: str | Path, *, strict: bool = True) -> Manifest:
    """Manifest of DukeMTMC-reID: `bounding_box_train`, `query`, `bounding_box_test`.

    Columns: `pid` as written (`0005`), `camid` `1` to `8`, `frame`. The 408 distractors of the gallery are identities
    without a query; nothing is junk.

    Args:
        folder: the data set's folder.
        strict: raise if a .jpg, .jpeg or .png has another name; otherwise leave it out and log the number.

    Raises:
        DataError: if none of the three folders exists, one of them holds no image, or a file name is another.
    """
    return convert_named_files(folder, FOLDERS, NAME, EXAMPLE, strict=strict)
