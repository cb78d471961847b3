"""The simplest layout: one folder for each identity, named after it, with its images inside."""

import re
from pathlib import Path

from resight.data.columns import SPLITS
from resight.data.convert.folders import first_few, folder_names, image_names, require_folder
from resight.data.manifest import Manifest
from resight.data.validation import Progress
from resight.errors import DataError


def folder_per_identity(
    folder: str | Path, *, camera_pattern: str | None = None, progress: Progress | None = None
) -> Manifest:
    """Manifest of `folder/<pid>/<image>`, or of `folder/<split>/<pid>/<image>` with splits train, query, gallery.

    As soon as one folder of the first level is named after a split, all of them have to be; otherwise `split` is null
    in every row (make one with `split_manifest`). Rows are sorted by folder, then by name. Hidden files and files that
    are no image are left out.

    Args:
        folder: the data set's folder.
        camera_pattern: regular expression with one group, searched in each file name; the group is the camera, such as
            `r"cam([0-9]+)"`. Without it no camera is known.
        progress: called with (identity folders read, their number).

    Raises:
        DataError: if the folder is missing or empty, an identity's folder holds no image, an image lies outside the
            identities' folders, or the pattern is none or does not match a name.
    """
    root = require_folder(folder, "one folder for each identity")
    pattern = _compile(camera_pattern)
    places = _identity_folders(root)
    images: list[str] = []
    cameras: list[str | None] = []
    counts: list[int] = []
    for number, (_, place) in enumerate(places, start=1):
        names = image_names(root / place)
        images += [f"{place}/{name}" for name in names]
        cameras += [_camera(pattern, name) for name in names]
        counts.append(len(names))
        if progress:
            progress(number, len(places))
    empty = [place for (_, place), count in zip(places, counts, strict=True) if not count]
    if empty:
        raise DataError(
            f"{root}: {len(empty):,} identity folders hold no image: {first_few(empty)}; fill or remove them"
        )
    unmatched = [image for image, camera in zip(images, cameras, strict=True) if camera is None]
    if pattern and unmatched:
        text = f"{len(unmatched):,} file names do not match: {first_few(unmatched)}"
        raise DataError(f"{root}: camera_pattern {camera_pattern!r}: {text}; correct the pattern or the names")
    rows = [place for place, count in zip(places, counts, strict=True) for _ in range(count)]
    columns = {"image": images, "pid": [Path(place).name for _, place in rows], "split": [split for split, _ in rows]}
    manifest = Manifest.from_columns({**columns, "camid": cameras} if pattern else columns, root)
    manifest.require_valid()
    return manifest


def _identity_folders(root: Path) -> list[tuple[str | None, str]]:
    """(split or None, path of the identity's folder relative to `root`), in order."""
    first = folder_names(root)
    named = [name for name in SPLITS if name in first]
    others = [name for name in first if name not in SPLITS]
    if named and others:
        found = f"{', '.join(named)} beside {first_few(others)}"
        raise DataError(f"{root}: expected folders of splits or folders of identities, came {found}; separate them")
    for place in (root, *(root / name for name in named)):
        loose = image_names(place)
        if loose:
            raise DataError(
                f"{place}: {len(loose):,} images lie in no identity's folder: {first_few(loose)}; move them"
            )
        if not folder_names(place):
            raise DataError(f"{place}: expected one folder for each identity, came none; check the path")
    if not named:
        return [(None, name) for name in first]
    return [(split, f"{split}/{name}") for split in named for name in folder_names(root / split)]


def _compile(camera_pattern: str | None) -> re.Pattern[str] | None:
    if camera_pattern is None:
        return None
    try:
        pattern = re.compile(camera_pattern)
    except re.error as error:
        raise DataError(f"camera_pattern {camera_pattern!r} is no regular expression: {error}") from error
    if pattern.groups != 1:
        raise DataError(
            f"camera_pattern {camera_pattern!r}: expected one group, such as 'cam([0-9]+)', came {pattern.groups}"
        )
    return pattern


def _camera(pattern: re.Pattern[str] | None, name: str) -> str | None:
    match = pattern.search(name) if pattern else None
    return match.group(1) if match else None
