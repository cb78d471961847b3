"""The order in which an epoch goes through a pool: which rank gets which rows at which step."""

from collections.abc import Sequence
from typing import overload

import numpy as np
import numpy.typing as npt

from resight.errors import DataError

Rows = npt.NDArray[np.uint32]


class EpochBatches(Sequence[list[int]]):
    """The batches of one rank in one epoch: row numbers, cut out of one array when asked for."""

    def __init__(self, rows: Rows, sizes: npt.NDArray[np.int64]) -> None:
        self._rows = rows
        self._ends = np.cumsum(sizes)
        self._sizes = sizes

    def __len__(self) -> int:
        return len(self._sizes)

    @overload
    def __getitem__(self, step: int) -> list[int]: ...
    @overload
    def __getitem__(self, step: slice) -> list[list[int]]: ...
    def __getitem__(self, step: int | slice) -> list[int] | list[list[int]]:
        if isinstance(step, slice):
            return [self[number] for number in range(*step.indices(len(self)))]
        end = int(self._ends[step])
        rows: list[int] = self._rows[end - int(self._sizes[step]) : end].tolist()
        return rows


class PoolSampler:
    """Random batches of a pool's rows, a pure function of (seed, epoch, world size, rank).

    All ranks make the same number of steps, and no row comes twice in an epoch. With `drop_last` the rows that do not
    fill a batch on every rank are left out, others in each epoch: fewer than world_size * batch_size. Without it every
    row comes exactly once: all batches are full but those of the last step, which share what is left so that their
    sizes differ by one at most; where that would be less than half a batch, the last two steps share it.

    Args:
        size: rows of the pool.
        batch_size: rows of a batch, for one rank.
        seed: of the order; combined with the epoch.
        rank: of this process.
        world_size: number of processes.
        drop_last: leave the remainder out, so that every batch is full.
        run: rows that are read side by side, for disks that are slow at random places: runs of so many rows come in
            random order, and a rank mixes the rows of `window` of them. 1: any row may follow any other.
        window: runs that are mixed.

    Raises:
        DataError: if the pool is too small for one step.
        ValueError: if a number is out of range.
    """

    def __init__(
        self,
        size: int,
        *,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = False,
        run: int = 1,
        window: int = 256,
    ) -> None:
        if min(batch_size, run, window) < 1:
            raise ValueError(f"batch_size, run and window must be at least 1, not {batch_size}, {run} and {window}")
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must lie in 0..{world_size - 1} (world_size={world_size}), not {rank}")
        self.size = size
        self.seed = seed
        self.rank = rank
        self.run = run
        self.window = window
        sizes = batch_sizes(size, batch_size=batch_size, world_size=world_size, drop_last=drop_last)
        self._sizes = sizes[:, rank]
        self._first = int(sizes[:, :rank].sum())

    def __len__(self) -> int:
        """Steps of an epoch."""
        return len(self._sizes)

    def epoch(self, epoch: int) -> EpochBatches:
        """The batches of this rank."""
        rng = np.random.default_rng((self.seed, epoch))
        order = np.arange(-(-self.size // self.run), dtype=np.uint32)
        rng.shuffle(order)
        if self.run > 1:
            order = (order[:, None] * np.uint32(self.run) + np.arange(self.run, dtype=np.uint32)).reshape(-1)
            order = order[order < self.size]
        rows = order[self._first : self._first + int(self._sizes.sum())].copy()
        if self.run > 1:
            _mix(rows, self.run * self.window, np.random.default_rng((self.seed, epoch, self.rank)))
        return EpochBatches(rows, self._sizes)


def batch_sizes(size: int, *, batch_size: int, world_size: int, drop_last: bool) -> npt.NDArray[np.int64]:
    """Rows of each batch of an epoch, (steps, world_size); the rule stands at `PoolSampler`.

    Raises:
        DataError: if there is no step, or a batch would be empty.
    """
    step = batch_size * world_size
    full, left = divmod(size, step)
    if drop_last:
        if not full:
            raise DataError(
                f"a step takes {step:,} images ({world_size} x {batch_size}), but the pool has {size:,}; lower the "
                "batch size, or add images"
            )
        return np.full((full, world_size), batch_size)
    last = 0 if left == 0 else 1 if 2 * left >= step or not full else 2  # steps that share the remainder
    sizes = np.full((full + (left > 0), world_size), batch_size)
    if last:
        shared = left + (last - 1) * step
        part, more = divmod(shared, last * world_size)
        sizes[-last:] = part + (np.arange(last * world_size) < more).reshape(last, world_size)
    if not sizes.size or sizes.min() < 1:
        raise DataError(
            f"{size:,} images cannot give each of {world_size} processes a batch of at most {batch_size} in every "
            "step; add images, take fewer processes, or drop the remainder (drop_last)"
        )
    return sizes


def _mix(rows: Rows, window: int, rng: np.random.Generator) -> None:
    """Shuffles each stretch of `window` rows, in place."""
    for start in range(0, len(rows), window):
        rng.shuffle(rows[start : start + window])
