"""LUPerson: unlabelled crops in folders, and the list that TransReID-SSL's filter (CFS) left of them."""

from pathlib import Path

from resight.data.convert.folders import require_folder
from resight.data.convert.image_folder import image_folder
from resight.data.convert.lists import on_disk, read_lines, require_listed_once
from resight.data.manifest import Manifest
from resight.data.plain_pickle import read_plain_pickle
from resight.data.validation import Progress
from resight.errors import DataError

LISTS = ("CFS_list.pkl", "cfs_list.pkl")


def luperson(
    folder: str | Path,
    *,
    cfs_list: Path | None = None,
    keep: int | None = None,
    strict: bool = True,
    progress: Progress | None = None,
) -> Manifest:
    """Manifest of LUPerson as image files: all of them, or the first ones of a list. Only `image` is known.

    The list is sorted with the best image first; TransReID-SSL keeps 2,090,122 (50 %) of the 4,180,243 images. Rows
    have the order of the list, and without one that of the paths.

    Args:
        folder: `LUP`, with the crops in or below `images`, or the folder of the crops itself.
        cfs_list: list of paths relative to the crops' folder, as a pickle (CFS_list.pkl) or as text with a path on each
            line. None: with `keep`, CFS_list.pkl in `folder`.
        keep: how many of the list; None: all of it.
        strict: raise if a listed image is missing; otherwise leave it out and log the number.
        progress: called with (images looked for, their number); without a list, with folders.

    Raises:
        DataError: if there are no images, the list is missing, is none or too short, or a listed image is missing or
            listed twice.
    """
    root = require_folder(folder, "images")
    crops = root / "images" if (root / "images").is_dir() else root
    if cfs_list is None and keep is None:
        return image_folder(crops, progress=progress)
    path = _find_list(root) if cfs_list is None else cfs_list.expanduser()
    names = read_list(path)
    if keep is not None and not 1 <= keep <= len(names):
        raise DataError(f"keep: expected 1 to {len(names)}, which is what {path} holds, came {keep}")
    names = names[:keep]
    require_listed_once(path, names)
    found = on_disk(crops, names, strict=strict, progress=progress)
    manifest = Manifest.from_columns({"image": names}, crops).select(found)
    manifest.require_valid()
    return manifest


def _find_list(root: Path) -> Path:
    for name in LISTS:
        if (root / name).is_file():
            return root / name
    raise DataError(f"{root}: keep needs a list, but there is no {' or '.join(LISTS)}; give it with cfs_list=PATH")


def read_list(path: Path) -> list[str]:
    """The image paths of a list, in its order.

    Args:
        path: of a pickle, or of a text (.txt) with a path on each line.

    Raises:
        DataError: if there is none, or it is no list of paths.
    """
    if path.suffix == ".txt":
        return read_lines(path, "an image")
    names = read_plain_pickle(path)
    if not isinstance(names, (list, tuple)) or not names or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"{path}: expected a pickled list of image paths, came {type(names).__name__}; write the paths to a .txt "
            "file instead, one on each line"
        )
    return list(names)
