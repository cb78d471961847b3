"""Hidden patches: the student does not see some patches of the global crops, and says what the teacher sees there."""

import torch
from torch import Tensor


def random_masks(images: int, patches: int, *, share: tuple[float, float] = (0.1, 0.5), chance: float = 0.5) -> Tensor:
    """(images, patches) bool from torch's random numbers: which patches are hidden.

    Args:
        images: B.
        patches: N.
        share: of the patches that are hidden, drawn for each image.
        chance: that an image has hidden patches at all.
    """
    low, high = share
    counts = ((low + (high - low) * torch.rand(images)) * patches).round().long()
    counts = torch.where(torch.rand(images) < chance, counts, torch.zeros_like(counts))
    ranks = torch.rand(images, patches).argsort(1).argsort(1)
    return ranks < counts.unsqueeze(1)


def masked_patch_loss(student: Tensor, teacher: Tensor, masks: Tensor, temperature: float) -> Tensor:
    """Cross entropy of the hidden patches: mean over those of an image, then over the images that have some.

    Args:
        student: (M, K) scores at the hidden patches, image by image.
        teacher: (M, K) probabilities there.
        masks: (B, N) bool with M hidden patches.
        temperature: of the student.

    Returns:
        Scalar, float32; 0 where nothing is hidden.

    Source: Zhou et al. 2022, arXiv:2111.07832 (iBOT), with patches hidden one by one instead of in blocks.
    """
    if not len(student):
        return student.float().sum()
    losses = -(teacher * (student.float() / temperature).log_softmax(-1)).sum(-1)
    per_image = masks.sum(1)
    weights = (1 / per_image.clamp(min=1)).unsqueeze(1).expand_as(masks)[masks]
    return (losses * weights).sum() / (per_image > 0).sum()
