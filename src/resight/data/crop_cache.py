"""Resized crops of a training set, as bytes in a file that all workers, processes and later runs share.

The file holds a check for each row, then the crops. A crop is written before its check, and the check is a sum over the
crop, so a kill or a power cut at any moment leaves a row that counts as absent, never a wrong one. Writers of one row
write the same bytes, so they need not wait for each other. The name of the file is a hash of all that the pixels depend
on; after a change there is simply another file.
"""

import hashlib
import logging
import mmap
import os
import sys
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from torch import Tensor

from resight.data.cache_folder import CacheFolder, hold
from resight.data.decode import Decoder
from resight.data.image_files import lmdb_place
from resight.data.manifest import Manifest
from resight.data.shards.members import member_place
from resight.data.transforms import TrainTransform

_logger = logging.getLogger(__name__)

_FORMAT = 1  # to be raised when the layout or the pixels change
_SALT = 0x9E3779B97F4A7C15  # makes the check of a black crop differ from 0, which is that of an absent one
_PAGE = 4096


class CropCache:
    """The crops of one set in one size.

    Args:
        path: of the file, which exists in its full length.
        rows: N.
        size: (height, width) in pixels.
    """

    def __init__(self, path: Path, rows: int, size: tuple[int, int]) -> None:
        self.path = path
        self.rows = rows
        self.size = size
        self._start = _padded(8 * rows)
        self._step = _step(size)
        self._file = hold(path)
        weakref.finalize(self, os.close, self._file)
        self._bytes = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)
        self._checks = np.frombuffer(self._bytes, np.uint64, rows)
        self._crops = np.frombuffer(self._bytes, np.uint8, rows * self._step, self._start).reshape(rows, self._step)
        self._writes = True

    def read(self, row: int) -> Tensor | None:
        """(3, H, W) uint8, a copy; None where it is not there yet."""
        check = int(self._checks[row])
        if check == 0:
            return None
        crop = self._crops[row].copy()
        if _check(crop, row) != check:
            return None
        return torch.from_numpy(crop[: 3 * self.size[0] * self.size[1]]).view(3, *self.size)

    def write(self, row: int, crop: Tensor) -> None:
        """Keeps a crop (3, H, W) uint8. When the disk is full a log line says so, and no more are kept."""
        if not self._writes:
            return
        padded = np.zeros(self._step, np.uint8)
        padded[: crop.numel()] = crop.numpy().reshape(-1)
        try:
            self._put(self._start + row * self._step, padded.tobytes())
            self._put(8 * row, _check(padded, row).to_bytes(8, sys.byteorder))
        except OSError as error:
            self._writes = False
            _logger.warning("no more crops are kept in %s: %s", self.path, error)

    def _put(self, place: int, data: bytes) -> None:
        # At a place, not where the file stands: forked workers share that with each other.
        written = os.pwrite(self._file, data, place)
        if written < len(data):
            raise OSError("the disk is full")

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "rows": self.rows, "size": self.size}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def open_crop_cache(
    manifest: Manifest,
    transform: TrainTransform,
    decoder: Decoder,
    *,
    limit: float,
    folder: Path | None = None,
) -> CropCache | None:
    """The cache of a set, made where there is none; None where there can be none, and a log line says why.

    Args:
        manifest: its rows, in their order.
        transform: what prepares the crops.
        decoder: what decodes the images.
        limit: bytes that the whole folder may take; files of other sets that were not used for longest make room.
        folder: of the caches; None: `$RESIGHT_CACHE`, or `resight` in the user's cache folder.
    """
    needed = _padded(8 * len(manifest)) + len(manifest) * _step(transform.image_size)
    if needed > limit:
        _logger.warning("crops are not kept: they need %.2f GiB, data.cache allows %.2f", needed / 2**30, limit / 2**30)
        return None
    if not hasattr(os, "pwrite"):
        _logger.warning("crops are not kept: this system cannot write to a place in a file that others write to")
        return None
    try:
        name = f"{_fingerprint(manifest, transform, decoder)}.crops"
        with CacheFolder(folder).reserve(name, needed, limit) as path:
            return None if path is None else CropCache(path, len(manifest), transform.image_size)
    except OSError as error:
        _logger.warning("crops are not kept: %s", error)
        return None


def _step(size: tuple[int, int]) -> int:
    """Bytes from one crop to the next: whole words, for the check."""
    return -(-3 * size[0] * size[1] // 8) * 8


def _padded(size: int) -> int:
    return -(-size // _PAGE) * _PAGE


def _check(crop: np.ndarray, row: int) -> int:
    """A sum over the words of a crop, never 0. A page that a power cut lost is zeros, which the sum shows."""
    return (int(crop.view(np.uint64).sum()) + (row + 1) * _SALT) % 2**64 or 1


def _fingerprint(manifest: Manifest, transform: TrainTransform, decoder: Decoder) -> str:
    """A hash of what the pixels depend on: each image's file, its size and time, the box, and how it is prepared."""
    digest = hashlib.sha256(repr((_FORMAT, transform.image_size, transform.interpolation, decoder)).encode())
    digest.update(PIL.__version__.encode())
    times: dict[str, str] = {}
    for row in range(len(manifest)):
        path = os.path.abspath(manifest.image_path(row))  # noqa: PTH100 (it runs for every image)
        file = _containing_file(path)
        if file not in times:
            times[file] = _state(file)
        digest.update(f"{path}\0{manifest.box(row)}\0{times[file]}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:32]


def _containing_file(path: str) -> str:
    """The image's file, or the LMDB or tar that it lies in."""
    entry, member = lmdb_place(path), member_place(path)
    if entry is not None:
        return entry[0]
    return path if member is None else member.tar


def _state(file: str) -> str:
    try:
        facts = os.stat(file)  # noqa: PTH116 (it runs for every image)
    except OSError:
        return "missing"
    return f"{facts.st_size} {facts.st_mtime_ns}"
