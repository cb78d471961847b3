"""Reads the images of a pool once each, in order, for everything that looks at them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from resight.data.decode import Decoder
from resight.data.loader import make_loader
from resight.data.pool import Pool
from resight.data.transforms import resize
from resight.data.turbo_jpeg import require_turbo
from resight.errors import DataError
from resight.filtering.scorer import PixelMeasure, Resized


class Loaded(NamedTuple):
    """A batch of rows as a worker leaves it.

    rows: (B,) int64 of images that could be read. pixels: of each kind of resize (B, 3, H, W) uint8. measured: of each
    measure (B,) float32. damaged: rows whose image could not be read, and why.
    """

    rows: Tensor
    pixels: Mapping[Resized, Tensor]
    measured: Mapping[str, Tensor]
    damaged: tuple[tuple[int, str], ...]


class PoolReader(Dataset[Any]):
    """Batches of a pool's images; an index is a row number.

    Pixels stay bytes: a quarter of what normalised images would be, on the way to another process and to a GPU.

    Args:
        pool: the images.
        sizes: kinds of resize that are asked for.
        measures: numbers of the decoded pixels that are asked for.
        decoder: see `resight.data.decode.open_pixels`.

    Raises:
        MissingExtraError: for the decoder `turbo` without the extra `fast`.
    """

    def __init__(
        self, pool: Pool, sizes: Sequence[Resized], measures: Mapping[str, PixelMeasure], decoder: Decoder
    ) -> None:
        self.pool = pool
        self.sizes = tuple(sizes)
        self.measures = dict(measures)
        self.decoder = decoder
        if decoder == "turbo":
            require_turbo()

    def __len__(self) -> int:
        return len(self.pool)

    def __getitems__(self, rows: Sequence[int]) -> Loaded:
        """A batch, as a loader asks for it: the disk fetches the next images while one is decoded."""
        self.pool.announce(rows)
        # numpy's copies: torch would start threads for each image, which wait for each other where processors are busy
        pixels = {kind: np.empty((len(rows), 3, *kind[0]), dtype=np.uint8) for kind in self.sizes}
        measured = {name: np.empty(len(rows), dtype=np.float32) for name in self.measures}
        read: list[int] = []
        damaged: list[tuple[int, str]] = []
        for row in rows:
            try:
                image = self.pool.pixels(row, self.decoder)
            except DataError as error:
                damaged.append((row, str(error)))
                continue
            place = len(read)
            for kind, batch in pixels.items():
                batch[place] = resize(image, *kind).numpy()
            for name, measure in self.measures.items():
                measured[name][place] = measure(image)
            read.append(row)
        count = len(read)
        return Loaded(
            torch.from_numpy(np.array(read, dtype=np.int64)),
            {kind: torch.from_numpy(batch[:count]) for kind, batch in pixels.items()},
            {name: torch.from_numpy(values[:count]) for name, values in measured.items()},
            tuple(damaged),
        )


def pool_loader(reader: PoolReader, batches: Iterable[list[int]], *, workers: int) -> DataLoader[Loaded]:
    """Batches of those rows, in order; the rows are asked for as the workers come to them."""
    import resight.data.pixel_loops  # noqa: F401 (else each worker would load them)

    return make_loader(reader, workers=workers, batch_sampler=batches)
