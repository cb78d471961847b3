"""What a stored model looked at in some images: attention maps as plain numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from resight.data.dataset import CropDataset, Vocabulary, eval_loader
from resight.data.manifest import Manifest
from resight.errors import DataError
from resight.inference.embedder import Embedder
from resight.models.attention import branch_attention, has_attention

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Attention:
    """Shares of the patches for the class token of each branch; each map sums to 1.

    branches: their names, the global one first. seen: (branches, rows, columns) bool, patches in the last block of a
    branch. rollout: (N, branches, rows, columns), through all blocks. last: likewise, of the last block alone.
    """

    branches: tuple[str, ...]
    seen: npt.NDArray[np.bool_]
    rollout: Floats
    last: Floats

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            "branches": list(self.branches),
            "seen": self.seen.astype(int).tolist(),
            "rollout": _rounded(self.rollout),
            "last": _rounded(self.last),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Attention":
        """What `to_json` gave."""
        return cls(
            tuple(values["branches"]),
            np.array(values["seen"], dtype=np.bool_),
            np.array(values["rollout"], dtype=np.float32),
            np.array(values["last"], dtype=np.float32),
        )


def attention_maps(embedder: Embedder, rows: Manifest, *, batch_size: int = 8) -> Attention | None:
    """Where the branches of a model look in some crops; None for a model that is no ViT with class token branches.

    Args:
        embedder: the model, with its transform and camera names.
        rows: the crops; their cameras and views are given to the model.
        batch_size: images at a time.

    Raises:
        DataError: if there is no row, or an image cannot be read.
    """
    if not len(rows):
        raise DataError("attention maps: expected at least one row, came none")
    encoder: Any = embedder.model.encoder
    if not has_attention(encoder):
        return None
    dataset = CropDataset(rows, embedder.card.transform, Vocabulary((), embedder.card.cameras, embedder.card.views))
    was_training = encoder.training
    encoder.eval()
    try:
        found = []
        for batch in eval_loader(dataset, batch_size=batch_size, workers=0):
            there = batch.to(embedder.device)
            found.append(branch_attention(encoder, there.images, there.cameras, there.views))
    finally:
        encoder.train(was_training)
    names = ("CLS", *(f"JPM part {number}" for number in range(1, encoder.num_branches)))
    rollout, last = (torch.cat(side).float().cpu().numpy() for side in list(zip(*found, strict=True))[:2])
    return Attention(names, found[0].seen.numpy(), rollout, last)


def _rounded(shares: Floats) -> list[Any]:
    rounded: list[Any] = shares.astype(np.float64).round(6).tolist()
    return rounded
