"""Jigsaw patch module (JPM): shift and shuffle the patches, then cut them into parts.

Every part then holds patches from all over the image, so its feature is robust to what hides one place.
"""

import torch
from torch import Tensor


def jigsaw_order(num_patches: int, *, shift: int = 5, groups: int = 2) -> Tensor:
    """Which patch stands at each slot after shift and shuffle.

    The official rules, quirks included:

    1. shift: the sequence starts at patch `shift` counted from 1, so it rotates by `shift - 1`;
    2. pad: where the count is not divisible by `groups`, ONE patch is appended, the second-to-last of the sequence;
    3. shuffle: the sequence is laid out in `groups` rows and read column by column.

    Args:
        num_patches: N, at least 2.
        shift: m of the paper, at least 1; 5 for persons, 8 for vehicles. Beyond N nothing moves.
        groups: rows of the shuffle; 2 in every released configuration.

    Returns:
        (N,) or, padded, (N + 1,) int64, values 0..N-1.

    Raises:
        ValueError: if even the padded sequence is not divisible by `groups`, or `shift` or `groups` is below 1.

    Source: He et al. 2021, arXiv:2102.04378, section 3.2 and its released code, which differ in the shift.
    """
    if shift < 1 or groups < 1:
        raise ValueError(f"jigsaw: shift and groups must be at least 1, not {shift} and {groups}")
    patches = torch.arange(num_patches)
    order = torch.cat([patches[shift - 1 :], patches[: shift - 1]])
    if num_patches % groups:
        order = torch.cat([order, order[-2:-1]])
    if len(order) % groups:
        raise ValueError(
            f"{num_patches} patches cannot be shuffled in {groups} groups: neither {num_patches} nor {len(order)} is "
            f"divisible by {groups}; choose another number of groups, image size or stride"
        )
    return order.view(groups, -1).t().flatten()


def jigsaw_parts(
    num_patches: int, *, parts: int = 4, shift: int = 5, groups: int = 2, rearrange: bool = True
) -> Tensor:
    """The patches of each part: consecutive runs of the rearranged sequence.

    A part has floor(N / parts) patches, N counted without the pad; slots left over at the end belong to no part.

    Args:
        num_patches: N.
        parts: number of parts P; 4 in the released code.
        shift: see `jigsaw_order`.
        groups: see `jigsaw_order`.
        rearrange: False cuts the patches in their own order.

    Returns:
        (P, floor(N / P)) int64, values 0..N-1.

    Raises:
        ValueError: if there are fewer patches than parts, or no part; see also `jigsaw_order`.
    """
    if parts < 1:
        raise ValueError(f"jigsaw: parts must be at least 1, not {parts}")
    length = num_patches // parts
    if length == 0:
        raise ValueError(f"{num_patches} patches cannot be cut into {parts} parts; use a larger image or fewer parts")
    order = jigsaw_order(num_patches, shift=shift, groups=groups) if rearrange else torch.arange(num_patches)
    return order[: parts * length].view(parts, length)
