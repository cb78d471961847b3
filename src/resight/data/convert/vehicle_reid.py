"""Vehicle-Re-ID-Dataset (Khoa-Nguyen-Truong, Apache-2.0): real traffic, two cameras, one image from each."""

import re
from pathlib import Path

from resight.data.convert.folders import first_few, require_folder
from resight.data.convert.lists import read_lines, require_listed_once
from resight.data.manifest import Manifest
from resight.errors import DataError

NAME = re.compile(r"(?P<pid>(?P<type>[A-Za-z-]+)_[0-9]+)_cam(?P<camid>[12])\.jpe?g")


def vehicle_reid(folder: str | Path, *, query_camera: str = "1") -> Manifest:
    """Manifest of the two-camera vehicle set: `images/`, `train.txt`, `val.txt`.

    Names in train.txt become split train. Of those in val.txt the images of `query_camera` become query, the others
    gallery. The set's protocol evaluates both directions: convert once with query_camera="1", once with "2", and
    report the mean.

    Columns: `pid` such as `car_0088`, `camid` `1` or `2`, and the user column `vehicle_type`.

    Args:
        folder: holds `images`, `train.txt` and `val.txt`.
        query_camera: "1" or "2".

    Raises:
        DataError: if a list or an image is missing, a name is odd, or an image is listed twice.
    """
    root = require_folder(folder, "images/, train.txt and val.txt")
    if query_camera not in ("1", "2"):
        raise DataError(f"query_camera: expected '1' or '2', came {query_camera!r}")
    names = {name: sorted(read_lines(root / name, "one image name")) for name in ("train.txt", "val.txt")}
    everything = [name for listed in names.values() for name in listed]
    require_listed_once(root, everything)
    absent = [name for name in everything if not (root / "images" / name).is_file()]
    if absent:
        raise DataError(
            f"{root / 'images'}: {len(absent):,} listed images are missing: {first_few(absent)}; restore them"
        )
    parts = [_parts(root, name) for name in everything]
    test = [query_camera == part["camid"] for part in parts]
    in_train = len(names["train.txt"])
    splits = ["train"] * in_train + ["query" if is_query else "gallery" for is_query in test[in_train:]]
    manifest = Manifest.from_columns(
        {
            "image": [f"images/{name}" for name in everything],
            "pid": [part["pid"] for part in parts],
            "camid": [part["camid"] for part in parts],
            "split": splits,
            "vehicle_type": [part["type"] for part in parts],
        },
        root,
    )
    manifest.require_valid()
    return manifest


def _parts(root: Path, name: str) -> dict[str, str]:
    match = NAME.fullmatch(name)
    if match is None:
        raise DataError(
            f"{root}: expected names such as car_0088_cam2.jpg in the lists, came {name!r}; correct the list"
        )
    return match.groupdict()
