"""Batches of views, and how an epoch of them is read from a pool of images."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from resight.data.dataset import Draw, SeededBatches
from resight.data.decode import Decoder
from resight.data.manifest import Manifest
from resight.data.pool import ManifestPool, Pool
from resight.data.pool_order import PoolSampler
from resight.data.turbo_jpeg import require_turbo
from resight.data.worker_signals import leave_signals_to_the_main_process
from resight.errors import DataError
from resight.pretrain.views import Views


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


class Lost(NamedTuple):
    """Stands for an image that cannot be read, and says what is wrong with it."""

    message: str


class ViewDataset(Dataset[Any]):
    """Views of the images of a pool; an index is a `Draw`.

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

    def __getitem__(self, draw: Draw) -> tuple[list[Tensor], int] | Lost:
        try:
            image = self.pool.pixels(draw.row, self.decoder)
        except DataError as error:
            return Lost(str(error))
        return self.views(image, draw.seed), draw.row

    def __getitems__(self, draws: Sequence[Draw]) -> list[tuple[list[Tensor], int] | Lost]:
        """A batch, as a loader asks for it: the disk fetches the next images while one is decoded."""
        self.pool.announce([draw.row for draw in draws])
        return [self[draw] for draw in draws]


def collate_views(samples: Sequence[tuple[list[Tensor], int] | Lost]) -> ViewBatch:
    """One batch of many images; the next readable one stands in for one that is lost.

    Raises:
        DataError: if not one can be read.
    """
    messages = tuple(sample.message for sample in samples if isinstance(sample, Lost))
    if len(messages) == len(samples):
        raise DataError(f"not one of the {len(samples)} images of a batch can be read; the first: {messages[0]}")
    found = [_present(samples, place) for place in range(len(samples))]
    groups = tuple(torch.stack(crops, dim=1) for crops in zip(*(views for views, _ in found), strict=True))
    return ViewBatch(groups, torch.tensor([row for _, row in found]), messages)


def _present(samples: Sequence[tuple[list[Tensor], int] | Lost], place: int) -> tuple[list[Tensor], int]:
    following = (*samples[place:], *samples[:place])
    return next(sample for sample in following if not isinstance(sample, Lost))


def view_loader(dataset: ViewDataset, batches: SeededBatches, *, workers: int = 0) -> DataLoader[ViewBatch]:
    """Batches of one epoch, in the order given."""
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate_views,
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),  # else the loader draws from the caller's stream
        worker_init_fn=leave_signals_to_the_main_process,
    )


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
