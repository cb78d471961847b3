"""PxK batches: P identities, K images each."""

from collections.abc import Iterator, Sequence

import numpy as np

from resight.errors import DataError


class PKSampler:
    """Batches of P identities with K images each, the same for the same seed and epoch.

    Per epoch each identity's images are shuffled and cut into groups of K; a remainder below K is dropped, an identity
    with fewer than K images is filled up by drawing K with replacement. While P identities have groups left, P of them
    are drawn and give one group each. The rest of the epoch is dropped, so the number of batches varies a little.

    With several ranks all draw the same list of batches, and each takes every world_size-th: no image is in two of
    them, and their count is equal; up to world_size - 1 batches at the end are dropped. The batches that the ranks take
    in one step may share identities, as in the official code.

    Args:
        labels: (N,) the identity of each row, as a whole number >= 0.
        ids_per_batch: P, for one rank.
        images_per_id: K.
        seed: of the draws; combined with the epoch.
        rank: of this process.
        world_size: number of processes.

    Raises:
        DataError: if there are fewer identities than a batch of all ranks needs, or a label is negative.
        ValueError: if P or K is below 1, or the rank lies outside the world.

    Source: `RandomIdentitySampler` of the released TransReID code; its order of draws is not reproduced, its rules are.
    """

    def __init__(
        self,
        labels: Sequence[int] | np.ndarray,
        *,
        ids_per_batch: int,
        images_per_id: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.labels = np.asarray(labels, dtype=np.int64)
        self.ids_per_batch = ids_per_batch
        self.images_per_id = images_per_id
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        if ids_per_batch < 1 or images_per_id < 1:
            raise ValueError(
                f"ids_per_batch and images_per_id must be at least 1, not {ids_per_batch} and {images_per_id}"
            )
        if not 0 <= rank < world_size:
            raise ValueError(f"rank must lie in 0..{world_size - 1} (world_size={world_size}), not {rank}")
        if len(self.labels) and self.labels.min() < 0:
            raise DataError(
                f"{int((self.labels < 0).sum())} of {len(self.labels)} rows have no identity (label -1); "
                "leave them out of training"
            )
        order = np.argsort(self.labels, kind="stable")
        identities, starts = np.unique(self.labels[order], return_index=True)
        self._rows = np.split(order, starts[1:])
        if len(identities) < ids_per_batch:
            raise DataError(
                f"a batch needs {ids_per_batch} identities (ids_per_batch), but training has {len(identities)}; lower "
                "ids_per_batch or add identities"
            )

    def __len__(self) -> int:
        """Batches of an epoch, at most, on this rank."""
        return self.num_images // (self.ids_per_batch * self.images_per_id * self.world_size)

    @property
    def num_images(self) -> int:
        """Images of an epoch, at most, on all ranks: each identity's count, cut to a multiple of K, at least K."""
        k = self.images_per_id
        return sum(max(len(rows), k) // k * k for rows in self._rows)

    def epoch(self, epoch: int) -> list[list[int]]:
        """The batches of this rank: lists of P * K row numbers, an identity's images side by side."""
        batches = list(self._draw(np.random.default_rng((self.seed, epoch))))
        return batches[self.rank : len(batches) // self.world_size * self.world_size : self.world_size]

    def _draw(self, rng: np.random.Generator) -> Iterator[list[int]]:
        groups = [self._groups(rows, rng) for rows in self._rows]
        left = np.array([len(group) for group in groups])
        available = np.flatnonzero(left)
        while len(available) >= self.ids_per_batch:
            chosen = rng.choice(available, size=self.ids_per_batch, replace=False)
            left[chosen] -= 1
            yield [int(row) for identity in chosen for row in groups[identity][left[identity]]]
            available = np.flatnonzero(left)

    def _groups(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(groups, K) row numbers."""
        k = self.images_per_id
        if len(rows) < k:
            return rng.choice(rows, size=(1, k), replace=True)
        return rng.permutation(rows)[: len(rows) // k * k].reshape(-1, k)
