"""The catastrophic forgetting score (CFS), and the scorer that gives it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from resight.filtering.feature_space import FeatureSpace
from resight.filtering.scorer import PixelMeasure, ScoreBatch, Values

CFS = "cfs"


def forgetting_score(source: Tensor, target: Tensor) -> Tensor:
    """Cosine of the angle between two features of the same image, (N,), -1..1; a feature of length 0 gives 0.

    High: the image's feature has survived the adaptation to the target, so it is like the target's images; low: it was
    forgotten. Computed in double precision: proxies that differ little give cosines that differ in their last digits.

    Args:
        source: (N, D) of the source proxy.
        target: (N, D) of the target proxy, trained on from the source proxy.

    Raises:
        ValueError: if the shapes differ.

    Source: Luo et al. 2021, arXiv:2111.12084, algorithm 1. Written from the paper.
    """
    if source.shape != target.shape or source.ndim != 2:
        raise ValueError(
            f"expected two features (N, D) of each image, came {tuple(source.shape)}, {tuple(target.shape)}"
        )
    one, other = source.double(), target.double()
    lengths = torch.linalg.vector_norm(one, dim=1) * torch.linalg.vector_norm(other, dim=1)
    cosine: Tensor = (one * other).sum(dim=1) / lengths.clamp_min(torch.finfo(one.dtype).tiny)
    return cosine.to(source.dtype)


def forgetting_columns(targets: int) -> tuple[str, ...]:
    """Names of the scores that a pass with so many target proxies gives."""
    return (CFS, *(f"{CFS}_{number + 1}" for number in range(targets if targets > 1 else 0)))


class ForgettingScorer:
    """CFS of images: column `cfs`. With several targets it is the best one's, and `cfs_1`, `cfs_2` ... are each one's.

    Args:
        source: the source proxy.
        targets: a target proxy for each target.

    Raises:
        ValueError: if there is no target.
    """

    def __init__(self, source: FeatureSpace, targets: Sequence[FeatureSpace]) -> None:
        if not targets:
            raise ValueError("expected at least one target proxy, came none")
        self.source = source
        self.targets = tuple(targets)
        self.measures: Mapping[str, PixelMeasure] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        return forgetting_columns(len(self.targets))

    @property
    def spaces(self) -> tuple[FeatureSpace, ...]:
        return (self.source, *self.targets)

    @property
    def about(self) -> Mapping[str, Any]:
        return {"scorer": CFS, "source": self.source.about(), "targets": [space.about() for space in self.targets]}

    def __call__(self, batch: ScoreBatch) -> Mapping[str, Values]:
        source = batch.features(self.source)
        each = torch.stack([forgetting_score(source, batch.features(space)) for space in self.targets])  # (T, B)
        if len(self.targets) == 1:
            return {CFS: each[0]}
        return dict(zip(self.columns, [each.amax(dim=0), *each], strict=True))
