"""VehicleID: a training list, test lists of several sizes, and random galleries."""

import re
from pathlib import Path

from resight.data.convert.folders import first_few, require_folder
from resight.data.convert.lists import on_disk, read_lines, require_listed_once
from resight.data.draws import COLUMN, draw_galleries
from resight.data.manifest import Manifest
from resight.data.validation import Progress
from resight.errors import DataError

TRAIN_LIST = "train_list.txt"


def vehicleid(
    folder: str | Path,
    *,
    size: int = 800,
    draws: int = 10,
    seed: int = 0,
    strict: bool = True,
    progress: Progress | None = None,
) -> Manifest:
    """Manifest of VehicleID: `image` and `train_test_split`.

    In each draw one random image of each test identity is the gallery and the others are queries; results are means
    over the draws, which the column `gallery_draws` holds (see `resight.data.draws`). `split` is the first draw.
    Neither cameras nor views are known, so no gallery row is left out. `pid` as in the lists.

    Args:
        folder: the data set's folder (`VehicleID_V1.0`).
        size: number of test identities, by which the test lists are named: 800, 1600, 2400, and in newer copies 3200,
            6000, 13164.
        draws: how many galleries.
        seed: of the draws.
        strict: raise if a listed image is missing; otherwise leave it out and log the number.
        progress: called with (images looked for, their number).

    Raises:
        DataError: if a folder, a list or a listed image is missing, an image is listed twice, or a line is another.
    """
    root = require_folder(folder, "image/ and train_test_split/")
    lists = require_folder(root / "train_test_split", "train_list.txt and the test lists")
    test_list = f"test_list_{size}.txt"
    if not (lists / test_list).is_file():
        others = first_few(sorted(path.name for path in lists.glob("test_list_*.txt"))) or "none"
        raise DataError(f"{lists}: there is no {test_list} for size={size}; test lists found: {others}")
    rows = [(name, *_parts(lists / name, line)) for name in (TRAIN_LIST, test_list) for line in _lines(lists / name)]
    images = [image for _, image, _ in rows]
    require_listed_once(lists, images)
    found = on_disk(root, images, strict=strict, progress=progress)
    kept = [row for row, there in zip(rows, found.tolist(), strict=True) if there]
    test = [pid for name, _, pid in kept if name == test_list]
    bits = draw_galleries(test, draws=draws, seed=seed).tolist()
    in_train = len(kept) - len(test)
    manifest = Manifest.from_columns(
        {
            "image": [image for _, image, _ in kept],
            "pid": [pid for _, _, pid in kept],
            "split": ["train"] * in_train + ["gallery" if bit & 1 else "query" for bit in bits],
            COLUMN: [None] * in_train + bits,
        },
        root,
    )
    manifest.require_valid()
    return manifest


def _lines(path: Path) -> list[str]:
    return read_lines(path, "an image number and a vehicle")


def _parts(path: Path, line: str) -> tuple[str, str]:
    """(image, vehicle) of a line."""
    match = re.fullmatch(r"([0-9]+)\s+([0-9]+)", line)
    if match is None:
        raise DataError(f"{path}: expected lines such as '0211952 14001', came {line!r}; correct it")
    return f"image/{match[1]:0>7}.jpg", match[2]
