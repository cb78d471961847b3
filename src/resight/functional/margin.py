"""Margin softmax: how the cosine to an image's own class is made harder before the cross-entropy.

All functions take the cosines (B, C) between features and class weights and give logits (B, C).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def class_cosines(features: Tensor, class_weight: Tensor) -> Tensor:
    """Cosine of each feature with each class weight, in float32 whatever the autocast (float64 stays).

    Args:
        features: (B, D), of any length.
        class_weight: (C, D), of any length.

    Returns:
        (B, C), -1..1 up to rounding.
    """
    dtype = torch.promote_types(torch.promote_types(features.dtype, class_weight.dtype), torch.float32)
    with torch.autocast(features.device.type, enabled=False):
        return F.linear(F.normalize(features.to(dtype), dim=1), F.normalize(class_weight.to(dtype), dim=1))


def arcface_logits(
    cosine: Tensor,
    labels: Tensor,
    *,
    scale: float = 30.0,
    margin: float = 0.5,
    easy: bool = False,
    label_smoothing: float = 0.0,
) -> Tensor:
    """Own class: scale * cos(t + margin), where t is the angle; the other classes: scale * cos(t).

    Where t + margin would pass pi the cosine is lowered by margin * sin(margin) instead, so that it keeps falling.
    The official code has no gradient (NaN) where the cosine is exactly 1 or -1; here the part of the sine is 0 there,
    and all else is equal.

    Args:
        cosine: (B, C).
        labels: (B,) int, 0..C-1.
        scale: s, of all logits.
        margin: m, in radians.
        easy: the margin applies to cosines above 0 alone; the others stay.
        label_smoothing: share eps of the margin's effect that is spread over all C classes.

    Source: Deng et al. 2019, arXiv:1801.07698; branches as in the released code of He et al. 2021, arXiv:2102.04378.
    """
    # The smallest positive number: the root's gradient stays finite, and no other square of a sine is below it.
    sine = (1 - cosine.square()).clamp(min=torch.finfo(cosine.dtype).tiny).sqrt()
    turned = cosine * math.cos(margin) - sine * math.sin(margin)  # cos(t + margin)
    if easy:
        harder = torch.where(cosine > 0, turned, cosine)
    else:
        harder = torch.where(cosine > math.cos(math.pi - margin), turned, cosine - margin * math.sin(margin))
    share = _one_hot(cosine, labels) * (1 - label_smoothing) + label_smoothing / cosine.shape[1]
    return scale * (share * harder + (1 - share) * cosine)


def cosface_logits(cosine: Tensor, labels: Tensor, *, scale: float = 30.0, margin: float = 0.5) -> Tensor:
    """Own class: scale * (cos - margin); the other classes: scale * cos. AM-softmax is the same.

    Args:
        cosine: (B, C).
        labels: (B,) int, 0..C-1.
        scale: s, of all logits.
        margin: m, in units of cosine.

    Source: Wang et al. 2018, arXiv:1801.09414 (CosFace) and arXiv:1801.05599 (AM-softmax).
    """
    return scale * (cosine - margin * _one_hot(cosine, labels))


def circle_logits(cosine: Tensor, labels: Tensor, *, scale: float = 256.0, margin: float = 0.25) -> Tensor:
    """Each cosine is weighted by how far it still is from its goal; the weights have no gradient.

    Own class: scale * max(0, 1 + m - cos) * (cos - (1 - m)); the other classes: scale * max(0, cos + m) * (cos - m).

    Args:
        cosine: (B, C).
        labels: (B,) int, 0..C-1.
        scale: s, of all logits.
        margin: m, in units of cosine; smaller is harder.

    Source: Sun et al. 2020, arXiv:2002.10857, the form with class labels.
    """
    fixed = cosine.detach()
    own = (1 + margin - fixed).clamp(min=0) * (cosine - (1 - margin))
    other = (fixed + margin).clamp(min=0) * (cosine - margin)
    return scale * torch.where(_one_hot(cosine, labels) > 0, own, other)


def _one_hot(cosine: Tensor, labels: Tensor) -> Tensor:
    """(B, C) of the dtype of the cosines: 1 at each row's own class."""
    return torch.zeros_like(cosine).scatter_(1, labels[:, None], 1.0)
