"""Images without labels: every image at or below a folder."""

from pathlib import Path

from resight.data.convert.folders import IMAGE_SUFFIXES, require_folder
from resight.data.manifest import Manifest
from resight.errors import DataError


def image_folder(folder: str | Path) -> Manifest:
    """Manifest of all images at or below a folder, or of one image; only `image` is known of each.

    Rows are sorted by path. Hidden files and files that are no image by their name are left out.

    Raises:
        DataError: if the path is missing, or there is no image.
    """
    path = Path(folder)
    if path.is_file():
        return Manifest.from_columns({"image": [path.name]}, path.parent)
    root = require_folder(folder, "images")
    names = sorted(
        file.relative_to(root).as_posix()
        for file in root.rglob("*")
        if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".") and file.is_file()
    )
    if not names:
        raise DataError(f"{root} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}); check the path")
    return Manifest.from_columns({"image": names}, root)
