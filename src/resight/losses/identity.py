"""Identity loss: each training identity is a class."""

import torch
import torch.nn.functional as F
from torch import Tensor


def identity_loss(logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy, averaged over the batch.

    Args:
        logits: (B, C).
        labels: (B,) int, 0..C-1.
        label_smoothing: share eps of the target that is spread over all C classes, the right one included.

    Returns:
        Scalar, float32 (float64 stays).

    Source: Luo et al. 2019, arXiv:1906.08332 (smoothing 0.1); TransReID uses none.
    """
    return F.cross_entropy(
        logits.to(torch.promote_types(logits.dtype, torch.float32)), labels, label_smoothing=label_smoothing
    )
