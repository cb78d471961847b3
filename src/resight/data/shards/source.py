"""The bytes that are packed for a row of a manifest."""

import io
from pathlib import Path

from resight.data.decode import Box, open_image
from resight.data.image_files import read_image
from resight.data.shards.members import member_place
from resight.errors import DataError

CROP_QUALITY = 95  # of the JPEG of a crop that is cut out of its image

_KINDS = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG", "png"),
    (b"BM", "bmp"),
    (b"GIF8", "gif"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
)


def packed_image(path: Path, box: Box | None) -> tuple[bytes, str]:
    """(encoded bytes, kind such as `jpg`) of one row.

    Without a box the file's own bytes; they are decoded once to see that they can be, unless they come from a shard,
    where that was done. With a box the crop, as JPEG of quality 95 without chroma subsampling.

    Raises:
        DataError: if the image is missing or damaged, or the box lies outside; the message names it.
    """
    try:
        data = read_image(path)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such image") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if box is None and member_place(path) is not None:
        return data, _kind(data, path)
    try:
        image = open_image(data, box)
    except DataError as error:
        raise DataError(f"{path}: {error.__cause__ or error}") from error
    if box is None:
        return data, _kind(data, path)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=CROP_QUALITY, subsampling=0)
    return buffer.getvalue(), "jpg"


def _kind(data: bytes, path: Path) -> str:
    """By the first bytes, since a suffix may lie; else the suffix."""
    for start, kind in _KINDS:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return path.suffix.lower().removeprefix(".") or "image"
