"""Identity loss: each training identity is a class."""

import torch.nn.functional as F
from torch import Tensor


def identity_loss(logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy, averaged over the batch, in float32.

    Args:
        logits: (B, C).
        labels: (B,) int, 0..C-1.
        label_smoothing: share eps of the target that is spread over all C classes, the right one included.

    Returns:
        Scalar.

    Source: Luo et al. 2019, arXiv:1906.08332 (smoothing 0.1); TransReID uses none.
    """
    return F.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing)
