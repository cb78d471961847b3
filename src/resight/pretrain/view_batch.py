"""Batches of views, and how an epoch of them is read from a pool of images."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from resight.data.dataset import Draw, SeededBatches
from resight.data.decode import Decoder
from resight.data.loader import make_loader
from resight.data.manifest import Manifest
from resight.data.pool import ManifestPool, Pool
from resight.data.pool_order import PoolSampler
from resight.data.turbo_jpeg import require_turbo
from resight.errors import DataError
from resight.pretrain.views import Views

_TRIED = 100  # images, before a pool is given up


class ViewBatch(NamedTuple):
    """Views of B images.

    views: for each size (V, B, 3, H, W) float32, in the order of `Views`. rows: (B,) int64. skipped: one message for
    each image that could not be read and was replaced.
    """

    views: tuple[Tensor, ...]
    rows: Tensor
    skipped: tuple[str, ...] = ()

    def to(self, device: torch.device | str) -> "ViewBatch":
        views = tuple(crops.to(device, non_blocking=True) for crops in self.views)
        return ViewBatch(views, self.rows.to(device, non_blocking=True), self.skipped)

    def pair(self) -> tuple[Tensor, Tensor]:
        """The two views (B, 3, H, W) of methods that have two.

        Raises:
            ValueError: if there are others.
        """
        if len(self.views) != 1 or len(self.views[0]) != 2:
            counts = ", ".join(f"{len(crops)} of {crops.shape[3]}x{crops.shape[4]}" for crops in self.views)
            raise ValueError(f"this method takes two views of one size, not {counts}; make them by byol_views(...)")
        return self.views[0][0], self.views[0][1]


class Sample(NamedTuple):
    """Views of one image. row: of the pool. lost: what is wrong with the image that this one stands in for."""

    views: list[Tensor]
    row: int
    lost: str | None = None


class ViewDataset(Dataset[Any]):
    """Views of the images of a pool; an index is a `Draw`.

    Another image, by chance from the whole pool, stands in for one that cannot be read: a neighbour may lie in the same
    damaged shard, and a copy of one of the batch would be its own negative.

    Args:
        pool: the images.
        views: what is made of each.
        decoder: see `resight.data.decode.open_pixels`.

    Raises:
        MissingExtraError: for the decoder `turbo` without the extra `fast`.
    """

    def __init__(self, pool: Pool, views: Views, *, decoder: Decoder = "pillow") -> None:
        self.pool = pool
        self.views = views
        self.decoder = decoder
        if decoder == "turbo":
            require_turbo()

    @classmethod
    def of(cls, manifest: Manifest, views: Views) -> "ViewDataset":
        """Of all rows of a manifest; labels are not read."""
        return cls(ManifestPool(manifest), views)

    def __len__(self) -> int:
        return len(self.pool)

    def __getitem__(self, draw: Draw) -> Sample:
        """
        Raises:
            DataError: if neither the image nor any of many others can be read.
        """
        try:
            image = self.pool.pixels(draw.row, self.decoder)
        except DataError as error:
            return self._stand_in(draw, error)
        return Sample(self.views(image, draw.seed), draw.row)

    def __getitems__(self, draws: Sequence[Draw]) -> list[Sample]:
        """A batch, as a loader asks for it: the disk fetches the next images while one is decoded."""
        self.pool.announce([draw.row for draw in draws])
        return [self[draw] for draw in draws]

    def _stand_in(self, draw: Draw, error: DataError) -> Sample:
        for row in np.random.default_rng(draw.seed).integers(len(self.pool), size=_TRIED).tolist():
            try:
                image = self.pool.pixels(row, self.decoder)
            except DataError:
                continue
            return Sample(self.views(image, draw.seed), row, str(error))
        raise DataError(f"{error}; nor can any of {_TRIED} other images that were tried: is the pool still there?")


def collate_views(samples: Sequence[Sample]) -> ViewBatch:
    """One batch of many images."""
    groups = tuple(torch.stack(crops, dim=1) for crops in zip(*(sample.views for sample in samples), strict=True))
    rows = torch.tensor([sample.row for sample in samples])
    return ViewBatch(groups, rows, tuple(sample.lost for sample in samples if sample.lost is not None))


def view_loader(dataset: ViewDataset, batches: SeededBatches, *, workers: int = 0) -> DataLoader[ViewBatch]:
    """Batches of one epoch, in the order given."""
    return make_loader(dataset, workers=workers, collate=collate_views, batch_sampler=batches)


def shuffled_batches(
    count: int, batch_size: int, *, seed: int, epoch: int, start: int = 0, rank: int = 0, world: int = 1, run: int = 1
) -> SeededBatches:
    """All rows in random order, split over the processes; the last batch that is not full is dropped.

    Args:
        count: rows.
        batch_size: images of one process.
        seed: of the run.
        epoch: from 0; the order is another in each.
        start: batches to skip.
        rank: of this process.
        world: processes.
        run: rows that are read side by side, see `PoolSampler`.

    Raises:
        DataError: if there are too few rows for one batch.
    """
    whole = batch_size * world
    if count < whole:
        raise DataError(
            f"the pool holds {count} images, fewer than one batch of {whole} (all processes together); add images, or "
            f"take a smaller batch"
        )
    order = {"seed": seed, "rank": rank, "world_size": world, "run": run}
    sampler = PoolSampler(count, batch_size=batch_size, drop_last=True, **order)
    return SeededBatches(sampler.epoch(epoch), seed=seed, epoch=epoch, start=start, rank=rank)


class PoolBatches:
    """`Batches` of the trainer over a pool: called with epoch and first step, gives that part of the epoch.

    Args:
        dataset: of the pool.
        batch_size: images of one process.
        seed: of the run.
        workers: processes that read and augment.
        rank: of this process.
        world: processes.
        run: rows that are read side by side, for disks that are slow at random places; see `PoolSampler`.
    """

    def __init__(
        self,
        dataset: ViewDataset,
        batch_size: int,
        *,
        seed: int,
        workers: int = 0,
        rank: int = 0,
        world: int = 1,
        run: int = 1,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.workers = workers
        self.rank, self.world, self.run = rank, world, run

    @property
    def steps(self) -> int:
        """Batches of an epoch, and an error before the run where there is none."""
        return len(self._order(0, 0))

    def __call__(self, epoch: int, start: int) -> Iterable[ViewBatch]:
        return view_loader(self.dataset, self._order(epoch, start), workers=self.workers)

    def _order(self, epoch: int, start: int) -> SeededBatches:
        place = {"rank": self.rank, "world": self.world, "run": self.run}
        return shuffled_batches(len(self.dataset), self.batch_size, seed=self.seed, epoch=epoch, start=start, **place)
