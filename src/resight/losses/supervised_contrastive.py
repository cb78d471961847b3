"""Supervised contrastive loss: all other images of the batch compete with an image's positives."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def supervised_contrastive_loss(features: Tensor, labels: Tensor, *, temperature: float = 0.1) -> Tensor:
    """Cross-entropy of a row's positives among all other rows, by cosine similarity over a temperature.

    Args:
        features: (B, D). Normalised here; compared in float32 whatever the autocast.
        labels: (B,) int. A row without a positive is left out of the mean.
        temperature: larger is softer.

    Returns:
        Scalar: mean over rows of the mean over their positives of -log p(positive).

    Raises:
        ValueError: if no row has a positive.

    Source: Khosla et al. 2020, arXiv:2004.11362, the form with the sum outside the logarithm.
    """
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = (labels[:, None] == labels[None, :]) & ~itself  # (B, B)
    count = positive.sum(1)
    if not bool(count.any()):
        raise ValueError(
            "supervised contrastive loss: no identity of the batch has two images; draw images_per_id >= 2"
        )
    with torch.autocast(features.device.type, enabled=False):
        vectors = F.normalize(features if features.dtype == torch.float64 else features.float(), dim=1)
        similarity = (vectors @ vectors.t() / temperature).masked_fill(itself, -math.inf)
        log_share = similarity - similarity.logsumexp(1, keepdim=True)
        rows = log_share.masked_fill(~positive, 0.0).sum(1) / count.clamp(min=1)
    return -rows[count > 0].mean()
