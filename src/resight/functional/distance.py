"""Distances between two sets of vectors: (B, D) and (C, D) give (B, C). Smaller is closer.

All of them calculate in float32 whatever the input type and the autocast state are, and in float64 where an input is
float64: a difference of two nearly equal sums does not survive half precision.
"""

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

SMALLEST_SQUARE: Final = 1e-12
"""Squared distances are raised to this before a root is taken: the root's gradient stays finite."""


def squared_euclidean_distance(a: Tensor, b: Tensor) -> Tensor:
    """|a|^2 + |b|^2 - 2 ab for every pair: what the official evaluation ranks by.

    Not clamped: two equal vectors may come out slightly below 0. For vectors of unit length it is 2 - 2 cos, so it
    ranks as `cosine_distance` does.

    Args:
        a: (B, D) real.
        b: (C, D) real, on the device of `a`.

    Returns:
        (B, C) float32, or float64 where an input is. In squared units of the input.

    Raises:
        ValueError: if the shapes do not fit.

    Source: formula of the released TransReID evaluation, written from its description.
    """
    a, b = _prepared(a, b)
    with torch.autocast(a.device.type, enabled=False):
        norms = a.pow(2).sum(1)[:, None] + b.pow(2).sum(1)[None, :]  # (B, C)
        return torch.addmm(norms, a, b.mT, beta=1, alpha=-2)


def euclidean_distance(a: Tensor, b: Tensor) -> Tensor:
    """sqrt(max(squared distance, 1e-12)) for every pair: what the official triplet loss compares.

    The clamp keeps the gradient of the root finite; it is zero for pairs that lie on each other.

    Args:
        a: (B, D) real.
        b: (C, D) real, on the device of `a`.

    Returns:
        (B, C) float32, or float64 where an input is; at least 1e-6. In units of the input.

    Raises:
        ValueError: if the shapes do not fit.
    """
    return squared_euclidean_distance(a, b).clamp(min=SMALLEST_SQUARE).sqrt()


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """1 - cos for every pair, between 0 (same direction) and 2 (opposite).

    Args:
        a: (B, D) real. Normalised here; a row of zeros has distance 1 to everything.
        b: (C, D) real, on the device of `a`.

    Returns:
        (B, C) float32, or float64 where an input is.

    Raises:
        ValueError: if the shapes do not fit.
    """
    a, b = _prepared(a, b)
    with torch.autocast(a.device.type, enabled=False):
        return 1 - F.normalize(a, dim=1) @ F.normalize(b, dim=1).mT


def half_cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """(1 - cos) / 2 for every pair, between 0 and 1; arguments and errors as for `cosine_distance`."""
    return cosine_distance(a, b) / 2


def angular_distance(a: Tensor, b: Tensor) -> Tensor:
    """The angle between the two vectors of every pair, in radians, between 0 and pi.

    The cosine is held within 1 - 1e-5 of 0, as in the released TransReID evaluation, which keeps the gradient finite
    and makes the smallest angle about 0.0045. Arguments and errors as for `cosine_distance`.
    """
    return (1 - cosine_distance(a, b)).clamp(-1 + 1e-5, 1 - 1e-5).arccos()


DISTANCES: Final[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
    "squared_euclidean": squared_euclidean_distance,
    "euclidean": euclidean_distance,
    "cosine": cosine_distance,
}
"""The distances that an evaluation or a search can be told to use, by name."""


def _prepared(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"distance: expected (B, D) and (C, D) with the same D, got {tuple(a.shape)} and {tuple(b.shape)}; "
            "both sets have to come from the same model"
        )
    dtype = torch.float64 if torch.float64 in (a.dtype, b.dtype) else torch.float32
    return a.to(dtype), b.to(dtype)
