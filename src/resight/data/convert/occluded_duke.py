"""Occluded-Duke: a choice of DukeMTMC-reID's images in which every query is occluded."""

from pathlib import Path

import numpy as np

from resight.data.convert.dukemtmc import EXAMPLE, NAME
from resight.data.convert.folders import require_folder
from resight.data.convert.lists import on_disk, read_lines
from resight.data.convert.market1501 import FOLDERS
from resight.data.convert.named_files import convert_named_files, manifest_of_names
from resight.data.manifest import Manifest
from resight.data.validation import Progress

LISTS = {"train": "train.list", "query": "query.list", "gallery": "gallery.list"}


def occluded_duke(
    folder: str | Path, *, lists: Path | None = None, strict: bool = True, progress: Progress | None = None
) -> Manifest:
    """Manifest of Occluded-Duke, from its own folder or from DukeMTMC-reID and the three list files.

    Its own folder has the layout and names of DukeMTMC-reID. With lists nothing is copied: the rows point into
    DukeMTMC-reID. There a listed query that is not in `query` is an image of `bounding_box_test`, which may stand in
    the gallery as well; the evaluation leaves it out for that query.

    Columns as `dukemtmc`.

    Args:
        folder: of Occluded-Duke; with `lists`, of DukeMTMC-reID.
        lists: folder with `train.list`, `query.list` and `gallery.list`, one file name on each line.
        strict: raise if a name is another or a listed image is missing; otherwise leave it out and log the number.
        progress: called with (images looked for, their number).

    Raises:
        DataError: if a folder, a list or a listed image is missing, or a file name is another.
    """
    if lists is None:
        return convert_named_files(folder, FOLDERS, NAME, EXAMPLE, strict=strict)
    root = require_folder(folder, "DukeMTMC-reID")
    lists = require_folder(lists, "train.list, query.list and gallery.list")
    names = {split: read_lines(lists / file, "one image name") for split, file in LISTS.items()}
    places = {
        "train": [f"bounding_box_train/{name}" for name in names["train"]],
        "query": [_query_place(root, name) for name in names["query"]],
        "gallery": [f"bounding_box_test/{name}" for name in names["gallery"]],
    }
    found = on_disk(root, [place for listed in places.values() for place in listed], strict=strict, progress=progress)
    splits = np.split(found, np.cumsum([len(listed) for listed in places.values()])[:-1])
    images = {
        split: [place for place, there in zip(listed, mask.tolist(), strict=True) if there]
        for (split, listed), mask in zip(places.items(), splits, strict=True)
    }
    return manifest_of_names(root, images, NAME, EXAMPLE, strict=strict)


def _query_place(root: Path, name: str) -> str:
    place = f"query/{name}"
    return place if (root / place).is_file() else f"bounding_box_test/{name}"
