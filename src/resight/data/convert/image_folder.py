"""Images without labels: every image at or below a folder."""

from pathlib import Path

from resight.data.convert.folders import IMAGE_SUFFIXES, require_folder
from resight.data.manifest import Manifest
from resight.errors import DataError


def image_folder(folder: str | Path) -> Manifest:
    """Manifest of all images at or below a folder, or of one image; only `image` is known of each.

    Rows are sorted by path. Left out are files that are no image by their name, hidden files, and what lies in
    hidden folders or `__MACOSX`.

    Raises:
        DataError: if the path is missing, or there is no image.
    """
    path = Path(folder).expanduser()
    if path.is_file():
        return Manifest.from_columns({"image": [path.name]}, path.parent)
    root = require_folder(folder, "images")
    files = (file for file in root.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    inside = (file.relative_to(root) for file in files)
    names = sorted(file.as_posix() for file in inside if not any(_is_hidden(part) for part in file.parts))
    if not names:
        raise DataError(f"{root} holds no image ({', '.join(sorted(IMAGE_SUFFIXES))}); check the path")
    return Manifest.from_columns({"image": names}, root)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
