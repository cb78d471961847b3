"""Batch-hard triplet loss."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from resight.functional.distance import euclidean_distance


def hardest_distances(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each row to its farthest positive and to its nearest negative.

    Masks, not reshapes: any number of rows per identity, in any order. A row is among its own positives, as in the
    official code, so an identity with one row has distance about 0 there.

    Args:
        features: (B, D).
        labels: (B,) int.

    Returns:
        Two tensors (B,), float32 (float64 stays).

    Raises:
        ValueError: if all rows have one label, so that there is no negative.
    """
    same = labels[:, None] == labels[None, :]  # (B, B), the diagonal is True
    if bool(same.all()):
        raise ValueError(
            f"batch-hard triplet: all {len(labels)} rows have one identity, so there is no negative; "
            "draw at least two identities per batch (ids_per_batch)"
        )
    distance = euclidean_distance(features, features)  # (B, B)
    farthest_positive = distance.masked_fill(~same, -math.inf).amax(1)
    nearest_negative = distance.masked_fill(same, math.inf).amin(1)
    return farthest_positive, nearest_negative


def batch_hard_triplet(
    features: Tensor,
    labels: Tensor,
    *,
    margin: float | None = None,
    hard_factor: float = 0.0,
    normalize: bool = False,
) -> Tensor:
    """Mean over the batch of (farthest positive - nearest negative), through a softplus or a hinge.

    Args:
        features: (B, D). Compared by Euclidean distance in float32, whatever the autocast.
        labels: (B,) int, two identities or more.
        margin: in units of distance. None gives the soft form, log(1 + exp(gap)).
        hard_factor: h makes positives (1 + h) times as far and negatives (1 - h) times.
        normalize: compare directions instead (rows scaled to unit length first).

    Returns:
        Scalar, >= 0, float32 (float64 stays).

    Raises:
        ValueError: if there is no negative.

    Source: Hermans et al. 2017, arXiv:1703.07737. Unsquared distances as in the released TransReID code; its paper
    writes them squared.
    """
    if normalize:
        features = features.to(torch.promote_types(features.dtype, torch.float32))
        features = features / (features.norm(dim=1, keepdim=True) + 1e-12)
    farthest_positive, nearest_negative = hardest_distances(features, labels)
    gap = farthest_positive * (1 + hard_factor) - nearest_negative * (1 - hard_factor)
    losses = F.softplus(gap) if margin is None else F.relu(gap + margin)
    return losses.mean()
