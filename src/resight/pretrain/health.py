"""Is a pre-training healthy? Numbers of each step, and what they mean when they go wrong."""

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor


def entropy(probabilities: Tensor) -> Tensor:
    """Mean entropy of distributions (..., K) as a share of log K: 0 one prototype takes all, 1 all are alike."""
    nats: Tensor = torch.special.entr(probabilities).sum(-1).mean()
    return nats / math.log(max(probabilities.shape[-1], 2))


@torch.no_grad()
def spread(features: Tensor) -> dict[str, Tensor]:
    """How much of the space features (N, D) use.

    Returns:
        `feature_std`: mean standard deviation of a coordinate of the unit vectors times sqrt(D); 0: all are the same,
        1: all directions alike. `feature_rank`: how many directions they use, exp of the entropy of the singular values
        of the centred unit vectors; at most min(N - 1, D).

    Source: the standard deviation of Chen and He 2020, arXiv:2011.10566; the rank of Garrido et al. 2022,
    arXiv:2210.02885.
    """
    with torch.autocast(features.device.type, enabled=False):
        unit = F.normalize(features.float(), dim=1)
        centered = unit - unit.mean(0)
        deviation = centered.square().mean(0).sqrt().mean() * unit.shape[1] ** 0.5
        small = centered @ centered.t() if len(unit) <= unit.shape[1] else centered.t() @ centered
        values = torch.linalg.eigvalsh(small).clamp(min=0).sqrt()
        shares = values / values.sum().clamp(min=1e-12)
        rank = torch.special.entr(shares).sum().exp()
    return {"feature_std": deviation, "feature_rank": rank}


def complaints(row: Mapping[str, float]) -> list[str]:
    """What is wrong with a run, from the numbers of an epoch, each with what to change; empty: nothing is.

    Args:
        row: of `Hooks.on_row`; numbers that it does not have are not judged.

    Returns:
        Sentences; what stands before the first bracket is the same for the same fault.
    """
    found = []
    is_dino = "teacher_entropy" in row  # alone has the option
    push = ", or give koleo a weight (0.1)" if is_dino else ", or take a larger batch"
    uncertainty = row.get("teacher_entropy", 0.5)
    if uncertainty > 0.98:
        found.append(
            f"collapse: the teacher says the same of every image (entropy {uncertainty:.3f} of the largest); lower "
            "teacher_temperature (0.04), or raise center_momentum towards 0.99"
        )
    if uncertainty < 0.01:
        found.append(
            f"collapse: one prototype takes every image (entropy {uncertainty:.3f} of the largest); lower "
            "center_momentum (0.9), or raise teacher_temperature (0.07)"
        )
    if row.get("feature_std", 1.0) < 0.1:
        found.append(
            f"collapse: the features of all images are nearly the same (standard deviation {row['feature_std']:.3f}, "
            f"1 is best); lower the learning rate, lengthen the warm-up{push}"
        )
    if row.get("feature_rank", math.inf) < 3:
        found.append(
            f"the features use hardly any directions ({row['feature_rank']:.1f}); lower the learning rate{push}"
        )
    return found
