"""The position table for crops of another size than the net's own, as DINO reads it in the forward pass."""

import torch
import torch.nn.functional as F
from torch import Tensor

from resight.models.patch_embed import Size


def positions_for(table: Tensor, own: Size, grid: Size) -> Tensor:
    """A position table brought to the grid of a crop; differentiable in the table.

    Bicubic (a = -0.75, edges repeated, not antialiased), with (n + 0.1) / N itself as the scale of an axis of N rows
    read at n: output i takes source coordinate (i + 0.5) * N / (n + 0.1) - 0.5, which is visibly not the same as
    resizing to exactly n. A crop of the net's own grid reads the table as it is.

    Args:
        table: (1, L + N, D), L leading rows (class token, registers), which stay as they are.
        own: rows and columns that the table is for.
        grid: rows and columns of the crop.

    Returns:
        (1, L + rows * columns, D).

    Source: released code of Caron et al. 2021, arXiv:2104.14294, with the rectangular grids of Luo et al. 2021,
    arXiv:2111.12084.
    """
    if grid == own:
        return table
    leading = table.shape[1] - own[0] * own[1]
    patches = table[:, leading:].reshape(1, *own, -1).permute(0, 3, 1, 2)  # (1, D, rows, columns)
    scale = [(new + 0.1) / old for new, old in zip(grid, own, strict=True)]
    patches = F.interpolate(patches, scale_factor=scale, mode="bicubic", align_corners=False)
    return torch.cat([table[:, :leading], patches.flatten(2).transpose(1, 2)], dim=1)
