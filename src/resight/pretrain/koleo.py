"""KoLeo: keeps the features of a batch apart from each other."""

import torch
import torch.nn.functional as F
from torch import Tensor


def koleo(features: Tensor) -> Tensor:
    """Mean of -log of each feature's distance to its nearest neighbour, on the unit sphere.

    Args:
        features: (B, D), B >= 2.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: if the batch has one feature.

    Source: Sablayrolles et al. 2018, arXiv:1806.03198, as DINOv2 (arXiv:2304.07193) uses it.
    """
    if len(features) < 2:
        raise ValueError("KoLeo compares the images of a batch; give it two or more, or koleo=0")
    unit = F.normalize(features.float(), dim=1)
    with torch.no_grad():
        nearest = (unit @ unit.t()).fill_diagonal_(-2.0).argmax(1)
    distance = F.pairwise_distance(unit, unit[nearest], eps=1e-8)
    return -(distance + 1e-8).log().mean()
