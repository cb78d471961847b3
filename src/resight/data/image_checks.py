"""Checks that have to open the images: broken files, boxes outside the image, tiny crops, equal content."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resight.data.columns import BOX_COLUMNS, IMAGE
from resight.data.decode import open_image
from resight.data.finding import Finding, Severity, examples
from resight.data.image_files import read_image
from resight.data.manifest import Manifest
from resight.data.validation import Progress
from resight.errors import DataError

_BATCH = 1024
_MISSING, _READ, _BROKEN, _NO_PATH = 0, 1, 2, 3


@dataclass(frozen=True)
class Images:
    """What reading told about the image of each row.

    Attributes:
        state: (N,) int8: missing, read, broken, or no path to look at.
        size: (N, 2) int64: width and height in pixels, upright; 0 where not decoded.
        content: (N,) object: hash of the file's bytes, or None.
        min_side: pixels; smaller crops are tiny.
        decoded: whether the images were decoded.
    """

    state: npt.NDArray[np.int8]
    size: npt.NDArray[np.int64]
    content: npt.NDArray[np.object_]
    min_side: int
    decoded: bool


def inspect_images(
    manifest: Manifest,
    *,
    decode: bool,
    duplicate_content: bool,
    min_side: int,
    workers: int | None,
    progress: Progress | None,
) -> list[Finding]:
    """Read each distinct image once, in threads, and run every check of this file on what came out."""
    encoded = manifest.table.column(IMAGE).combine_chunks().dictionary_encode()
    names = encoded.dictionary.to_pylist()
    state = np.zeros(len(names) + 1, dtype=np.int8)
    state[-1] = _NO_PATH  # of the rows whose image is null; another check names them
    size = np.zeros((len(names) + 1, 2), dtype=np.int64)
    content = np.full(len(names) + 1, None, dtype=object)

    def read(name: str) -> tuple[int, tuple[int, int], bytes | None]:
        return _read(manifest.root / name, decode, duplicate_content)

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for start in range(0, len(names), _BATCH):
            results = pool.map(read, names[start : start + _BATCH])
            for position, result in enumerate(results, start=start):
                state[position], size[position], content[position] = result
                if progress:
                    progress(position + 1, len(names))
    rows = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    images = Images(state[rows], size[rows], content[rows], min_side, decode)
    return [finding for look in IMAGE_CHECKS for finding in look(manifest, images)]


def _read(path: Path, decode: bool, hash_content: bool) -> tuple[int, tuple[int, int], bytes | None]:
    try:
        data = read_image(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return _MISSING, (0, 0), None
    except OSError:
        return _BROKEN, (0, 0), None
    content = hashlib.blake2b(data, digest_size=16).digest() if hash_content else None
    if not decode:
        return _READ, (0, 0), content
    try:
        return _READ, open_image(data).size, content
    except DataError:
        return _BROKEN, (0, 0), content


def _missing(manifest: Manifest, images: Images) -> Iterator[Finding]:
    message = f"images are no file on disk; relative ones are looked for in {manifest.root}"
    yield from _rows("missing_file", "error", message, manifest, images.state == _MISSING)


def _broken(manifest: Manifest, images: Images) -> Iterator[Finding]:
    message = "images cannot be decoded: broken, cut off, or no image; copy them again or drop the rows"
    yield from _rows("broken_image", "error", message, manifest, images.state == _BROKEN)


def _boxes_outside(manifest: Manifest, images: Images) -> Iterator[Finding]:
    if not images.decoded:
        return
    x, y, width, height = (manifest.column(name) for name in BOX_COLUMNS)
    over = np.maximum(np.maximum(-x, -y), np.maximum(x + width - images.size[:, 0], y + height - images.size[:, 1]))
    gone = (x >= images.size[:, 0]) | (y >= images.size[:, 1]) | (x + width <= 0) | (y + height <= 0)
    known = images.state == _READ
    message = "boxes lie outside their image; are they x, y, width, height in pixels?"
    yield from _rows("box_outside", "error", message, manifest, known & gone)
    message = "boxes reach over the edge of their image by a pixel or more"
    yield from _rows("box_beyond_edge", "warning", message, manifest, known & ~gone & (over >= 1))


def _tiny(manifest: Manifest, images: Images) -> Iterator[Finding]:
    if not images.decoded:
        return
    width, height = (manifest.column(name) for name in ("box_w", "box_h"))
    side = np.where(np.isnan(width), images.size.min(axis=1), np.fmin(width, height))
    tiny = (images.state == _READ) & (side < images.min_side)
    yield from _rows("tiny_image", "warning", f"crops have a side below {images.min_side} pixels", manifest, tiny)


def _same_content(manifest: Manifest, images: Images) -> Iterator[Finding]:
    """Files of equal bytes under two names; an error where they carry two identities."""
    known = np.flatnonzero([value is not None for value in images.content])
    if not len(known):
        return
    _, codes = np.unique([images.content[row].hex() for row in known], return_inverse=True)
    order = known[np.argsort(codes, kind="stable")]
    groups = np.sort(codes)
    firsts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
    first = np.repeat(order[firsts], np.diff(np.append(firsts, len(order))))  # first row with that content
    names = manifest.column(IMAGE)
    pids = manifest.codes("pid", manifest.identities())
    copy = np.zeros(len(manifest), dtype=bool)
    copy[order] = names[order] != names[first]
    clash = np.zeros(len(manifest), dtype=bool)
    clash[order] = copy[order] & (pids[order] != pids[first]) & (pids[order] >= 0) & (pids[first] >= 0)
    message = "files have the content of a file of another identity"
    yield from _rows("content_under_two_identities", "error", message, manifest, clash)
    message = "files have the content of another file of the same identity, or of one without identity"
    yield from _rows("same_content", "warning", message, manifest, copy & ~clash)


def _rows(
    name: str, severity: Severity, message: str, manifest: Manifest, bad: npt.NDArray[np.bool_]
) -> Iterator[Finding]:
    """A finding about the rows of the mask (N,), if there are any."""
    if bad.any():
        yield Finding(name, severity, message, int(bad.sum()), examples(manifest, bad))


IMAGE_CHECKS: tuple[Callable[[Manifest, Images], Iterator[Finding]], ...] = (
    _missing,
    _broken,
    _boxes_outside,
    _tiny,
    _same_content,
)
