"""MSMT17, first (V1) and second (V2, blurred faces) release: two image folders and four lists."""

import re
from pathlib import Path

from resight.data.convert.folders import first_few, folder_names, require_folder
from resight.data.convert.lists import on_disk, read_lines, require_listed_once
from resight.data.manifest import Manifest
from resight.data.validation import Progress
from resight.errors import DataError

IMAGE_FOLDERS = {"V1": ("train", "test"), "V2": ("mask_train_v2", "mask_test_v2")}
LISTS = {
    "list_train.txt": "train",
    "list_val.txt": "train",
    "list_query.txt": "query",
    "list_gallery.txt": "gallery",
}

# 0000_000_01_0303morning_0008_0.jpg: identity, number of the image, camera, date and time of day, frame, box;
# the second release has some that end in _ex
NAME = re.compile(r"[0-9]+_[0-9]+_(?P<camid>[0-9]+)_[^/]*")


def msmt17(folder: str | Path, *, val: bool = True, strict: bool = True, progress: Progress | None = None) -> Manifest:
    """Manifest of MSMT17.

    Rows are in the order of the lists. The numbers of the training and of the test identities overlap and mean other
    people, so `pid` is `train_0000` to `train_1040` and `test_0000` to `test_3059`; in text order these are the labels
    of the lists. `camid` is `1` to `15`.

    Args:
        folder: holds `train` and `test` (V1) or `mask_train_v2` and `mask_test_v2` (V2; V1 counts if both are there),
            and list_train.txt, list_val.txt, list_query.txt, list_gallery.txt.
        val: train on list_train and list_val, as TransReID does; false: on list_train alone, as BoT and fast-reid do.
        strict: raise if a listed image is missing; otherwise leave it out and log the number.
        progress: called with (images looked for, their number).

    Raises:
        DataError: if a folder, a list or a listed image is missing, an image is listed twice, or a line is no image and
            label.
    """
    root = require_folder(folder, "MSMT17")
    train, test = _image_folders(root)
    columns: dict[str, list[str]] = {"image": [], "pid": [], "camid": [], "split": []}
    for name, split in LISTS.items():
        if name == "list_val.txt" and not val:
            continue
        place, side = (train, "train") if split == "train" else (test, "test")
        for line in read_lines(root / name, "an image and its label"):
            image, label, camera = _parts(root / name, line)
            columns["image"].append(f"{place}/{image}")
            columns["pid"].append(f"{side}_{label:04d}")
            columns["camid"].append(str(camera))
            columns["split"].append(split)
    require_listed_once(root, columns["image"])
    found = on_disk(root, columns["image"], strict=strict, progress=progress)
    manifest = Manifest.from_columns(columns, root).select(found)
    manifest.require_valid()
    return manifest


def _image_folders(root: Path) -> tuple[str, str]:
    for train, test in IMAGE_FOLDERS.values():
        if (root / train).is_dir() and (root / test).is_dir():
            return train, test
    wanted = " or ".join(f"{train}/ and {test}/ ({name})" for name, (train, test) in IMAGE_FOLDERS.items())
    raise DataError(f"{root}: expected {wanted}; folders found: {first_few(folder_names(root)) or 'none'}")


def _parts(path: Path, line: str) -> tuple[str, int, int]:
    """(image, label, camera) of a line."""
    image, _, label = line.replace("\t", " ").rpartition(" ")
    image = image.strip()
    match = NAME.fullmatch(image.rpartition("/")[2])
    if match is None or not (label.isascii() and label.isdigit()):
        raise DataError(
            f"{path}: expected lines such as '0000/0000_000_01_0303morning_0008_0.jpg 0', came {line!r}; correct it"
        )
    return image, int(label), int(match["camid"])
