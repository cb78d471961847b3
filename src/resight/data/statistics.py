"""Counts of a manifest: how many identities, images, cameras and views each split has."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from resight.data.columns import SPLITS
from resight.data.manifest import Manifest

UNASSIGNED = "unassigned"


@dataclass(frozen=True)
class SplitStatistics:
    """Counts of one split, after its junk rows are left out, as published tables count.

    Attributes:
        identities: distinct identities.
        images: rows.
        unlabelled: rows among them that have no identity.
        cameras, views, tracks: distinct ones.
        junk: rows that are left out of all other counts.
        images_per_identity: smallest, median and largest number; zeros if there is no identity.
        images_per_camera: camera -> rows, in natural order; rows without camera are left out.
    """

    identities: int
    images: int
    unlabelled: int
    cameras: int
    views: int
    tracks: int
    junk: int
    images_per_identity: tuple[int, float, int]
    images_per_camera: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """The counts by name, in plain values."""
        return {**asdict(self), "images_per_identity": list(self.images_per_identity)}


@dataclass(frozen=True)
class Statistics:
    """Counts of a manifest.

    Attributes:
        total: of all rows.
        splits: split -> its counts, those without rows left out; rows without split stand under `unassigned`.
    """

    total: SplitStatistics
    splits: dict[str, SplitStatistics]

    def to_json(self) -> dict[str, Any]:
        """Nested dictionaries of plain values."""
        return {"total": self.total.to_json(), "splits": {name: part.to_json() for name, part in self.splits.items()}}


def statistics(manifest: Manifest) -> Statistics:
    """Counts of the whole manifest and of each split."""
    codes = manifest.codes("split", SPLITS)
    parts = {name: manifest.select(codes == code) for code, name in enumerate(SPLITS)}
    parts[UNASSIGNED] = manifest.select(codes < 0)
    return Statistics(_count(manifest), {name: _count(part) for name, part in parts.items() if len(part)})


def _count(manifest: Manifest) -> SplitStatistics:
    junk = manifest.column("junk")
    kept = manifest.select(~junk) if junk.any() else manifest
    identities, cameras = kept.identities(), kept.cameras()
    pids, camids = kept.codes("pid", identities), kept.codes("camid", cameras)
    each = np.bincount(pids[pids >= 0])
    per_camera = np.bincount(camids[camids >= 0], minlength=len(cameras)).tolist()
    return SplitStatistics(
        identities=len(identities),
        images=len(kept),
        unlabelled=int((pids < 0).sum()),
        cameras=len(cameras),
        views=len(kept.views()),
        tracks=len(kept.distinct("trackid")),
        junk=int(junk.sum()),
        images_per_identity=(int(each.min()), float(np.median(each)), int(each.max())) if len(each) else (0, 0.0, 0),
        images_per_camera=dict(zip(cameras, per_camera, strict=True)),
    )
