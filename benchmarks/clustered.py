"""Features as a trained model gives them, made by chance: vectors of identities, seen by cameras, some badly.

What tells identities apart lies in a few dimensions, and so does most of the noise, as in real features: neighbours are
then often of another identity, and the neighbour lists of re-ranking long.
"""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

INNER = 48  # dimensions that tell identities apart


class Clustered(NamedTuple):
    query: Tensor  # (Q, dim) float32, unit length
    gallery: Tensor  # (G, dim)
    query_pid: np.ndarray  # (Q,)
    gallery_pid: np.ndarray
    query_camera: np.ndarray
    gallery_camera: np.ndarray


SIZES = {  # queries, gallery, identities, cameras
    "Market-1501": (3_368, 15_913, 751, 6),
    "MSMT17": (11_659, 82_161, 3_060, 15),
}


def clustered(
    num_query: int, num_gallery: int, num_identities: int, num_cameras: int, *, dim: int = 768, seed: int = 0
) -> Clustered:
    """Queries and gallery without order; every identity is seen by every camera, and one image is noisier than another.

    Made some rows at a time, so that no memory beyond the features is needed.
    """
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(dim, min(INNER, dim), generator=generator)).Q.T  # (INNER, dim)
    centers = F.normalize(torch.randn(num_identities, len(basis), generator=generator), dim=1)
    offsets = 0.5 * F.normalize(torch.randn(num_cameras, len(basis), generator=generator), dim=1)
    total = num_query + num_gallery
    pid = torch.randint(num_identities, (total,), generator=generator)
    camera = torch.randint(num_cameras, (total,), generator=generator)
    noise = 0.6 + 1.0 * torch.rand(total, 1, generator=generator)  # length of the noise, against 1 of the identity
    sides = [torch.empty(count, dim) for count in (num_query, num_gallery)]
    for side, start in zip(sides, (0, num_query), strict=True):
        for i in range(0, len(side), 4096):
            rows = slice(start + i, start + min(i + 4096, len(side)))
            inner = torch.randn(rows.stop - rows.start, len(basis), generator=generator) * noise[rows]
            outer = torch.randn(rows.stop - rows.start, dim, generator=generator) * 0.5 / dim**0.5
            inner = centers[pid[rows]] + offsets[camera[rows]] + inner / len(basis) ** 0.5
            side[i : i + 4096] = F.normalize(inner @ basis + outer, dim=1)
    labels = [codes.numpy() for side in (pid, camera) for codes in (side[:num_query], side[num_query:])]
    return Clustered(*sides, *labels)
