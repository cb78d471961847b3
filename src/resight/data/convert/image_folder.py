"""Images without labels: every image at or below a folder."""

import os
from pathlib import Path

from resight.data.convert.folders import IMAGE_SUFFIXES, image_names, require_folder
from resight.data.manifest import Manifest
from resight.data.validation import Progress
from resight.errors import DataError


def image_folder(folder: str | Path, *, progress: Progress | None = None) -> Manifest:
    """Manifest of all images at or below a folder, or of one image; only `image` is known of each.

    Rows are sorted by path. Left out are files that are no image by their name, hidden files, and what lies in
    hidden folders or `__MACOSX`.

    Args:
        folder: or an image.
        progress: called with (folders read, folders found so far).

    Raises:
        DataError: if the path is missing, or there is no image.
    """
    path = Path(folder).expanduser()
    if path.is_file():
        return Manifest.from_columns({"image": [path.name]}, path.parent)
    root = require_folder(folder, "images")
    names: list[str] = []
    folders = 1
    for done, (place, below, _) in enumerate(os.walk(root), start=1):
        below[:] = [name for name in below if not _is_hidden(name)]  # os.walk goes into these only
        inside = Path(place).relative_to(root).as_posix()
        prefix = "" if inside == "." else f"{inside}/"
        names += [prefix + name for name in image_names(Path(place))]
        folders += sum(not Path(place, name).is_symlink() for name in below)
        if progress:
            progress(done, folders)
    names.sort()
    if not names:
        raise DataError(f"{root} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}); check the path")
    return Manifest.from_columns({"image": names}, root)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
