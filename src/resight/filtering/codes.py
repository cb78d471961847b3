"""Features of a whole pool in a small file: 128 bytes for each image, so that all can be compared afterwards."""

from collections.abc import Mapping
from io import BufferedRandom
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from resight.errors import DataError
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.scorer import PixelMeasure, ScoreBatch, Values

Codes = npt.NDArray[np.int8]

WIDTH: Final = 128
"""Numbers of a code. Of features that are wider, 1 - cosine comes out wrong by about a seventh of itself."""


def projection(width: int) -> Tensor:
    """(width, WIDTH) random directions at right angles to each other, always the same ones; needs width > WIDTH."""
    draws = torch.randn(width, WIDTH, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    directions: Tensor = torch.linalg.qr(draws).Q.float()
    return directions


def encode(features: Tensor, directions: Tensor | None) -> Tensor:
    """Codes (B, WIDTH) int8: features along the directions, scaled so that the largest is 127.

    The cosine of two codes stands for that of the features. A feature of fewer numbers than a code is filled with
    zeros; the code of a feature of zeros is zero.

    Args:
        features: (B, D) float.
        directions: of `projection(D)`; None: D is at most WIDTH.
    """
    unit = F.normalize(features.float(), dim=1)
    short = F.pad(unit, (0, WIDTH - unit.shape[1])) if directions is None else unit @ directions  # (B, WIDTH)
    largest = short.abs().amax(1, keepdim=True).clamp(min=1e-12)
    return (short / largest * 127).round().to(torch.int8)


class CodeWriter:
    """A scorer without a score: it writes the code of each image to its place in a file.

    An image's code is always the same and has its own place, so several processes may write, and a pass that was
    killed writes the rest. Images that are damaged have the code zero. The file is opened for the first batch: by then
    the pass knows that the pool is the one that it was begun with.

    Args:
        space: of the features.
        path: of the file; its folder exists. What is there is kept.
        rows: N of the pool.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, space: FeatureSpace, path: Path, rows: int) -> None:
        self.space = space
        self._path = path
        self._rows = rows
        self._directions: Tensor | None = None
        self._file: BufferedRandom | None = None

    @property
    def spaces(self) -> tuple[FeatureSpace, ...]:
        return (self.space,)

    @property
    def measures(self) -> Mapping[str, PixelMeasure]:
        return {}

    @property
    def about(self) -> Mapping[str, Any]:
        return {**self.space.about(), "code": WIDTH}

    def __call__(self, batch: ScoreBatch) -> Mapping[str, Values]:
        features = batch.features(self.space)
        if self._directions is None and features.shape[1] > WIDTH:
            self._directions = projection(features.shape[1]).to(features.device)
        codes = encode(features, self._directions).cpu().numpy()
        self._file = self._file or self._opened()
        first = 0
        for run in np.split(batch.rows, np.flatnonzero(np.diff(batch.rows) != 1) + 1):  # one write where rows follow
            if len(run):
                self._file.seek(int(run[0]) * WIDTH)
                self._file.write(codes[first : first + len(run)].tobytes())
                first += len(run)
        self._file.flush()  # before the block of these rows is called finished
        return {}

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _opened(self) -> BufferedRandom:
        """The file, filled up with zeros, which take no room on most disks.

        Raises:
            DataError: if it holds the codes of a larger pool.
        """
        self._path.touch()
        file = self._path.open("rb+")
        size = self._path.stat().st_size
        if size > self._rows * WIDTH:
            file.close()
            raise DataError(
                f"{self._path}: expected codes of {self._rows:,} images, but it has those of {size // WIDTH:,}; choose "
                "another folder"
            )
        file.truncate(self._rows * WIDTH)
        return file


def read_codes(path: Path, rows: int) -> Codes:
    """The codes of a pool, (N, WIDTH) int8, mapped.

    Raises:
        DataError: if they are missing, or of another number of images.
    """
    size = path.stat().st_size if path.is_file() else -1
    if size != rows * WIDTH or not rows:
        came = "there is no such file" if size < 0 else f"it has {size:,} bytes"
        raise DataError(
            f"{path}: expected codes of {rows:,} images ({rows * WIDTH:,} bytes), but {came}; near "
            "duplicates are found by this file, which lies beside scores.parquet where `resight filter` scored the pool"
        )
    codes: Codes = np.memmap(path, dtype=np.int8, mode="r", shape=(rows, WIDTH))
    return codes
