"""Rows of a manifest as samples of a network, and batches of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from resight.data.decode import open_image
from resight.data.manifest import Manifest
from resight.data.transforms import EvalTransform, TrainTransform
from resight.errors import DataError


class Draw(NamedTuple):
    """A row number, the seed of its augmentation, and the seed that its batch shares."""

    row: int
    seed: int
    batch_seed: int


class Unreadable(NamedTuple):
    """Stands for a training sample whose image cannot be read: its label, and what is wrong with the file."""

    label: int
    message: str


class Batch(NamedTuple):
    """Samples of B rows.

    images: (B, 3, H, W) float32. labels, cameras, views, rows: (B,) int64; -1 where unknown. skipped: one message for
    each image that could not be read and was replaced.
    """

    images: Tensor
    labels: Tensor
    cameras: Tensor
    views: Tensor
    rows: Tensor
    skipped: tuple[str, ...] = ()

    def to(self, device: torch.device | str) -> "Batch":
        images, labels, cameras, views, rows = (field.to(device, non_blocking=True) for field in self[:5])
        return Batch(images, labels, cameras, views, rows, self.skipped)


@dataclass(frozen=True)
class Vocabulary:
    """What the whole numbers stand for: training identities, cameras and views, each by its place in the tuple."""

    identities: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    views: tuple[str, ...] = ()

    @classmethod
    def of(cls, manifest: Manifest) -> "Vocabulary":
        """All identities, cameras and views of a manifest (its training rows, usually)."""
        return cls(tuple(manifest.identities()), tuple(manifest.cameras()), tuple(manifest.views()))


Sample = tuple[Tensor, int, int, int, int]
"""(image, label, camera, view, row)."""


class CropDataset(Dataset[Any]):
    """Samples (image, label, camera, view, row) of a manifest.

    An image that cannot be read gives an `Unreadable` in training, and raises `DataError` in evaluation, where no row
    may be without its embedding.

    Args:
        manifest: the rows.
        transform: for training or for evaluation. For training an index is a `Draw`, for evaluation a row number.
        vocabulary: turns identities, cameras and views into numbers; what it does not know becomes -1.
        keep: hold the decoded and resized crops of training in memory after their first use (3 * H * W bytes each).
    """

    def __init__(
        self,
        manifest: Manifest,
        transform: TrainTransform | EvalTransform,
        vocabulary: Vocabulary,
        *,
        keep: bool = False,
    ) -> None:
        self.manifest = manifest
        self.transform = transform
        self.labels = manifest.codes("pid", vocabulary.identities)
        self.cameras = manifest.codes("camid", vocabulary.cameras)
        self.views = manifest.codes("viewid", vocabulary.views)
        self._kept: dict[int, Tensor] | None = {} if keep else None

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, index: int | Draw) -> Sample | Unreadable:
        if isinstance(self.transform, EvalTransform):
            row = index.row if isinstance(index, Draw) else index
            return self._sample(self.transform(self._open(row)), row)
        if not isinstance(index, Draw):
            raise TypeError("a training sample is drawn by a Draw (row and seeds), not by a row number alone")
        try:
            return self._sample(self._augmented(self.transform, index), index.row)
        except DataError as error:
            return Unreadable(int(self.labels[index.row]), str(error))

    def _sample(self, image: Tensor, row: int) -> Sample:
        return image, int(self.labels[row]), int(self.cameras[row]), int(self.views[row]), row

    def _augmented(self, transform: TrainTransform, draw: Draw) -> Tensor:
        row = draw.row
        prepared = self._kept.get(row) if self._kept is not None else None
        if prepared is None:
            prepared = transform.prepare(self._open(row))
            if self._kept is not None:
                self._kept[row] = prepared
        return transform.augment(prepared, draw.seed, mixed_seed(draw.batch_seed, int(self.labels[row]) + 1))

    def _open(self, row: int) -> Image.Image:
        return open_image(self.manifest.image_path(row), self.manifest.box(row))


class SeededBatches:
    """Batches of row numbers with a seed for each place, for a `DataLoader`.

    The seed of a sample depends on the run's seed, the epoch and its place in it; not on workers, not on what was drawn
    before. So an epoch can be entered anywhere, and gives the same images.

    Args:
        batches: lists of row numbers.
        seed: of the run.
        epoch: from 0.
        start: batches to skip.
        rank: of this process; ranks augment differently.
    """

    def __init__(
        self, batches: Sequence[Sequence[int]], *, seed: int, epoch: int, start: int = 0, rank: int = 0
    ) -> None:
        self.batches = batches
        self.start = start
        self.key = (seed, epoch, rank)

    def __len__(self) -> int:
        return max(len(self.batches) - self.start, 0)

    def __iter__(self) -> Iterator[list[Draw]]:
        for number in range(self.start, len(self.batches)):
            rows = self.batches[number]
            shared, *seeds = np.random.SeedSequence((*self.key, number)).generate_state(1 + len(rows), np.uint64)
            yield [Draw(int(row), int(seed) >> 1, int(shared) >> 1) for row, seed in zip(rows, seeds, strict=True)]


def mixed_seed(*numbers: int) -> int:
    """One seed of 63 bits from several numbers >= 0."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]) >> 1


def collate(samples: Sequence[Sample | Unreadable]) -> Batch:
    """One `Batch` of many samples.

    An unreadable one is replaced by the next readable one of its identity in the batch, or else the next of any: so a
    batch keeps its size, which compiled models and other processes count on.

    Raises:
        DataError: if not one can be read.
    """
    messages = tuple(sample.message for sample in samples if isinstance(sample, Unreadable))
    if len(messages) == len(samples):
        raise DataError(f"not one of the {len(samples)} images of a batch can be read; the first: {messages[0]}")
    images, *numbers = zip(*(_readable(samples, place) for place in range(len(samples))), strict=True)
    labels, cameras, views, rows = (torch.tensor(column) for column in numbers)
    return Batch(torch.stack(images), labels, cameras, views, rows, messages)


def _readable(samples: Sequence[Sample | Unreadable], place: int) -> Sample:
    """The sample at that place, or what stands in for it."""
    wanted = samples[place]
    if not isinstance(wanted, Unreadable):
        return wanted
    following = [sample for sample in (*samples[place:], *samples[:place]) if not isinstance(sample, Unreadable)]
    return next((sample for sample in following if sample[1] == wanted.label), following[0])


def train_loader(dataset: CropDataset, batches: SeededBatches, *, workers: int = 0) -> DataLoader[Batch]:
    """Augmented batches of one epoch, in the order given."""
    return DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=_pin(),
        generator=torch.Generator(),  # else the loader draws from the caller's stream
    )


def eval_loader(dataset: CropDataset, *, batch_size: int = 64, workers: int = 0) -> DataLoader[Batch]:
    """Batches of all rows in order, the last one smaller."""
    return DataLoader(
        dataset,
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=collate,
        pin_memory=_pin(),
        generator=torch.Generator(),  # else the loader draws from the caller's stream
    )


def _pin() -> bool:
    return torch.cuda.is_available()
