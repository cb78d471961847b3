"""WebDataset: images in tars, without labels."""

from pathlib import Path

from resight.data.convert.folders import IMAGE_SUFFIXES, require_folder
from resight.data.manifest import Manifest
from resight.data.shards.members import Member, walk_tar
from resight.data.validation import Progress
from resight.errors import DataError


def webdataset(folder: str | Path, *, progress: Progress | None = None) -> Manifest:
    """Manifest of all images in the tars of a folder, in order; `key` holds what WebDataset calls the sample's key.

    The tars stay as they are: a row says where in which tar its image lies. Other members (`.json`, `.cls`) are left
    out.

    Args:
        folder: with one .tar or more.
        progress: called with (tars read, their number).

    Raises:
        DataError: if there is no tar or no image in them, one is damaged, or two images have the same key.
    """
    root = require_folder(folder, "tars")
    tars = sorted(path.name for path in root.glob("*.tar") if path.is_file())
    if not tars:
        raise DataError(f"{root} holds no .tar; check the path")
    images: list[str] = []
    places: dict[str, int] = {}  # key -> number of its tar
    for number, tar in enumerate(tars):
        for member in walk_tar(root / tar):
            if not member.name.lower().endswith(IMAGE_SUFFIXES):
                continue
            key = _key(member.name)
            if key in places:
                raise DataError(
                    f"{root}: the key {key!r} stands in {tars[places[key]]} and again in {tar}; expected every key once"
                )
            places[key] = number
            images.append(Member(tar, member.name, member.offset, member.size).path)
        if progress:
            progress(number + 1, len(tars))
    if not images:
        raise DataError(f"{root}: its {len(tars):,} tars hold no image ({', '.join(IMAGE_SUFFIXES)})")
    return Manifest.from_columns({"image": images, "key": list(places)}, root)


def _key(name: str) -> str:
    """All up to the first dot of the file name."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]
