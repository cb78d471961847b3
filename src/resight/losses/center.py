"""Center loss: each identity has a learned center, and its features are pulled there."""

import torch
from torch import Tensor, nn


def center_loss(features: Tensor, centers: Tensor, labels: Tensor) -> Tensor:
    """Mean over the batch of the squared distance to the own center.

    Args:
        features: (B, D).
        centers: (C, D), float32 or float64; the loss has this type.
        labels: (B,) int, 0..C-1.

    Returns:
        Scalar.

    Source: Wen et al. 2016; clamp and reduction as in Luo et al. 2019, arXiv:1906.08332.
    """
    own = centers[labels]
    squared = (features.to(own.dtype) - own).pow(2).sum(1)  # (B,)
    return squared.clamp(1e-12, 1e12).mean()


class CenterLoss(nn.Module):
    """`center_loss` with its centers (C, D), drawn from the normal distribution.

    The one loss with weights of its own; `resight.train.centers` moves them.

    Args:
        num_classes: training identities C.
        dim: width D of the features.
    """

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_classes, dim))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Scalar, from features (B, D) and labels (B,) in 0..C-1."""
        return center_loss(features, self.centers, labels)
