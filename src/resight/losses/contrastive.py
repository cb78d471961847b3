"""Contrastive loss on cosine similarities."""

import torch
from torch import Tensor


def contrastive_loss(features: Tensor, labels: Tensor, *, margin: float = 0.3) -> Tensor:
    """Pulls positives to similarity 1, pushes negatives below the margin; summed per row, averaged over rows.

    Args:
        features: (B, D), rows of unit length: their dot product is the similarity s.
        labels: (B,) int.
        margin: negatives count where s > margin.

    Returns:
        Scalar: mean over rows of (sum of 1 - s over positives with s < 1) + (sum of s over negatives with s > margin).
        A row is not its own positive.

    Source: released code of He et al. 2021, arXiv:2102.04378 (unused by its configurations).
    """
    features = features.to(torch.promote_types(features.dtype, torch.float32))
    with torch.autocast(features.device.type, enabled=False):
        similarity = features @ features.t()  # (B, B)
    same = labels[:, None] == labels[None, :]
    # A row is at similarity 1 with itself only up to rounding, so `< 1` alone would let some rows pair with themselves.
    other = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = same & other & (similarity < 1)
    negative = ~same & (similarity > margin)
    terms = torch.where(positive, 1 - similarity, torch.where(negative, similarity, torch.zeros_like(similarity)))
    return terms.sum() / len(labels)
