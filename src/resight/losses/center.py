"""Center loss: each identity has a learned center, and its features are pulled there."""

import torch
from torch import Tensor, nn


class CenterLoss(nn.Module):
    """Mean over the batch of the squared distance to the own center.

    The one loss with weights of its own: the centers (C, D), which want an optimiser of their own (SGD, 0.5) whose
    gradient is not scaled by the loss weight.

    Args:
        num_classes: training identities C.
        dim: width D of the features.

    Source: Wen et al. 2016; clamp and reduction as in Luo et al. 2019, arXiv:1906.08332.
    """

    def __init__(self, num_classes: int, dim: int) -> None:
        super().__init__()
        self.centers = nn.Parameter(torch.randn(num_classes, dim))

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Scalar, from features (B, D) and labels (B,) in 0..C-1."""
        own = self.centers[labels]
        squared = (features.to(own.dtype) - own).pow(2).sum(1)  # (B,)
        return squared.clamp(1e-12, 1e12).mean()
