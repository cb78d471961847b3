"""Rows of a manifest as samples of a network, and batches of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, get_worker_info

from resight.data.crop_cache import CropCache
from resight.data.decode import Decoder, open_pixels
from resight.data.loader import make_loader
from resight.data.manifest import Manifest
from resight.data.transforms import EvalTransform, Size, TrainTransform
from resight.data.turbo_jpeg import require_turbo
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
    """Samples (image, label, camera, view, row) of a manifest, and batches of them.

    An image that cannot be read gives an `Unreadable` in training, and raises `DataError` in evaluation, where no row
    may be without its embedding.

    Args:
        manifest: the rows.
        transform: for training or for evaluation. For training an index is a `Draw`, for evaluation a row number.
        vocabulary: turns identities, cameras and views into numbers; what it does not know becomes -1.
        decoder: see `open_pixels`.
        cache: for training: where crops are kept after their first use, of these rows and this transform.

    Raises:
        MissingExtraError: for the decoder `turbo` without the extra `fast`.
    """

    def __init__(
        self,
        manifest: Manifest,
        transform: TrainTransform | EvalTransform,
        vocabulary: Vocabulary,
        *,
        decoder: Decoder = "pillow",
        cache: CropCache | None = None,
    ) -> None:
        self.manifest = manifest
        self.transform = transform
        self.labels = manifest.codes("pid", vocabulary.identities)
        self.cameras = manifest.codes("camid", vocabulary.cameras)
        self.views = manifest.codes("viewid", vocabulary.views)
        self.decoder = decoder
        self.cache = cache
        if decoder == "turbo":
            require_turbo()

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, index: int | Draw) -> Sample | Unreadable:
        return self._sample(index, None)

    def __getitems__(self, indices: Sequence[int | Draw]) -> Batch:
        """A batch, as a loader asks for it: its images are made where they stay."""
        images = _empty_images(len(indices), self.transform.image_size)
        return collate([self._sample(index, out) for index, out in zip(indices, images, strict=True)], images)

    def _sample(self, index: int | Draw, out: Tensor | None) -> Sample | Unreadable:
        """A sample; out: where to write its image, (3, H, W) float32."""
        if isinstance(self.transform, EvalTransform):
            row = index.row if isinstance(index, Draw) else index
            return self._numbered(self.transform(self._open(row), out), row)
        if not isinstance(index, Draw):
            raise TypeError("a training sample is drawn by a Draw (row and seeds), not by a row number alone")
        try:
            return self._numbered(self._augmented(self.transform, index, out), index.row)
        except DataError as error:
            return Unreadable(int(self.labels[index.row]), str(error))

    def _numbered(self, image: Tensor, row: int) -> Sample:
        return image, int(self.labels[row]), int(self.cameras[row]), int(self.views[row]), row

    def _augmented(self, transform: TrainTransform, draw: Draw, out: Tensor | None) -> Tensor:
        shared = mixed_seed(draw.batch_seed, int(self.labels[draw.row]) + 1) if transform.flip_together else None
        return transform.augment(self._prepared(transform, draw.row), draw.seed, shared, out)

    def _prepared(self, transform: TrainTransform, row: int) -> Tensor:
        kept = None if self.cache is None else self.cache.read(row)
        if kept is not None:
            return kept
        prepared = transform.prepare(self._open(row))
        if self.cache is not None:
            self.cache.write(row, prepared)
        return prepared

    def _open(self, row: int) -> np.ndarray:
        return open_pixels(self.manifest.image_path(row), self.manifest.box(row), self.decoder)


def _empty_images(count: int, size: Size) -> Tensor:
    """(count, 3, H, W) float32, in shared memory where a worker makes them for another process."""
    shape = (count, 3, *size)
    if get_worker_info() is None:
        return torch.empty(shape)
    storage: Any = torch.UntypedStorage  # without types, as the next one is
    blank: Any = torch.empty(0)
    images: Tensor = blank.set_(storage._new_shared(4 * math.prod(shape)), 0, shape)
    return images


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


def collate(samples: Sequence[Sample | Unreadable], images: Tensor | None = None) -> Batch:
    """One `Batch` of many samples.

    An unreadable one is replaced by the next readable one of its identity in the batch, or else the next of any: so a
    batch keeps its size, which compiled models and other processes count on.

    Args:
        samples: of the batch.
        images: (B, 3, H, W) that the samples' images lie in already, in their order; None: they are copied together.

    Raises:
        DataError: if not one can be read.
    """
    messages = tuple(sample.message for sample in samples if isinstance(sample, Unreadable))
    if len(messages) == len(samples):
        raise DataError(f"not one of the {len(samples)} images of a batch can be read; the first: {messages[0]}")
    readable = [_readable(samples, place) for place in range(len(samples))]
    if images is None:
        images = torch.stack([sample[0] for sample in readable])
    elif messages:
        for place, sample in enumerate(samples):
            if isinstance(sample, Unreadable):
                images[place] = readable[place][0]
    labels, cameras, views, rows = (torch.tensor(column) for column in list(zip(*readable, strict=True))[1:])
    return Batch(images, labels, cameras, views, rows, messages)


def _readable(samples: Sequence[Sample | Unreadable], place: int) -> Sample:
    """The sample at that place, or what stands in for it."""
    wanted = samples[place]
    if not isinstance(wanted, Unreadable):
        return wanted
    following = [sample for sample in (*samples[place:], *samples[:place]) if not isinstance(sample, Unreadable)]
    return next((sample for sample in following if sample[1] == wanted.label), following[0])


def train_loader(dataset: CropDataset, batches: SeededBatches, *, workers: int = 0) -> DataLoader[Batch]:
    """Augmented batches of one epoch, in the order given."""
    return _loader(dataset, workers, batch_sampler=batches)


def eval_loader(dataset: CropDataset, *, batch_size: int = 64, workers: int = 0) -> DataLoader[Batch]:
    """Batches of all rows in order, the last one smaller."""
    return _loader(dataset, workers, batch_size=batch_size)


def _loader(dataset: CropDataset, workers: int, **batches: Any) -> DataLoader[Batch]:
    if workers:
        import resight.data.pixel_loops  # noqa: F401 (else each worker of each epoch would load them)
    return make_loader(dataset, workers=workers, **batches)
