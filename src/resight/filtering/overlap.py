"""How far the choices of several filters agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Overlap:
    """K choices among the same N images.

    names: of the choices. shared: (K, K) int64, images that both keep; on the diagonal those that each keeps.
    by_all: images that all keep. total: N.
    """

    names: tuple[str, ...]
    shared: npt.NDArray[np.int64]
    by_all: int
    total: int

    def jaccard(self) -> npt.NDArray[np.float64]:
        """(K, K): images that both keep over those that at least one keeps; NaN where neither keeps any."""
        kept = np.diag(self.shared)
        either = kept[:, None] + kept[None, :] - self.shared
        shares = np.full(either.shape, np.nan)
        np.divide(self.shared, either, out=shares, where=either > 0)
        return shares

    def only(self) -> npt.NDArray[np.int64]:
        """(K, K): images that the choice of the row keeps and that of the column does not."""
        only: npt.NDArray[np.int64] = np.diag(self.shared)[:, None] - self.shared
        return only

    def to_json(self) -> dict[str, Any]:
        """Kept images of each, and what each pair has in common."""
        jaccard, only = self.jaccard(), self.only()
        pairs = [(i, j) for i in range(len(self.names)) for j in range(i + 1, len(self.names))]
        return {
            "images": self.total,
            "kept": {name: int(count) for name, count in zip(self.names, np.diag(self.shared), strict=True)},
            "kept_by_all": self.by_all,
            "pairs": [
                {
                    "first": self.names[i],
                    "second": self.names[j],
                    "both": int(self.shared[i, j]),
                    "only_first": int(only[i, j]),
                    "only_second": int(only[j, i]),
                    "jaccard": None if np.isnan(jaccard[i, j]) else float(jaccard[i, j]),
                }
                for i, j in pairs
            ],
        }


def overlap(choices: Mapping[str, npt.NDArray[np.bool_]]) -> Overlap:
    """Counts what choices have in common.

    Args:
        choices: by name, the images that each keeps, (N,) bool.

    Raises:
        ValueError: if there is no choice, or they are of different numbers of images.
    """
    lengths = {name: len(kept) for name, kept in choices.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"overlap: expected one choice or more of equally many images, came {lengths}")
    masks = [np.asarray(kept, dtype=np.bool_) for kept in choices.values()]
    shared = np.empty((len(masks), len(masks)), dtype=np.int64)
    for i, first in enumerate(masks):
        for j, second in enumerate(masks[: i + 1]):
            shared[i, j] = shared[j, i] = np.count_nonzero(first & second)
    by_all = int(np.count_nonzero(np.logical_and.reduce(masks)))
    return Overlap(tuple(choices), shared, by_all, len(masks[0]))
