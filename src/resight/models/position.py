"""The position table: how a learned one is resized to another grid when weights are loaded."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

Size = tuple[int, int]


def source_grid(num_patches: int, height_to_width: int = 1) -> Size:
    """Grid that a stored table of that many patches was learned on.

    Args:
        num_patches: rows of the table without its leading tokens.
        height_to_width: 1 for square pre-training images, 2 for 256x128 ones.

    Raises:
        ValueError: if no such grid has that many patches.
    """
    height = math.isqrt(num_patches * height_to_width)
    width = height // height_to_width
    if height * width != num_patches:
        raise ValueError(
            f"a position table of {num_patches} patches is no grid with height = {height_to_width} x width; "
            "pass the height_to_width ratio of the images that the weights were trained on"
        )
    return height, width


def resize_position_table(
    table: Tensor, grid: Size, *, height_to_width: int = 1, leading_tokens: int = 1, keep_tokens: tuple[int, ...] = (0,)
) -> Tensor:
    """A stored position table, fitted to another grid of patches.

    Bilinear, pixel centres aligned by area (`align_corners=False`), not antialiased: exactly the rule of the official
    code, including that a table which already has the right number of rows is returned as it is, whatever its grid.

    Args:
        table: (1, leading_tokens + n, D).
        grid: rows and columns wanted.
        height_to_width: shape of the source grid, see `source_grid`.
        leading_tokens: rows before the patches: 1 for CLS, 2 for CLS and distillation.
        keep_tokens: which of the leading rows the result keeps.

    Returns:
        (1, len(keep_tokens) + grid[0] * grid[1], D), same dtype.

    Raises:
        ValueError: if the table's patches form no grid of that ratio.

    Source: released code of He et al. 2021 (ratio 1) and Luo et al. 2021, arXiv:2111.12084 (ratio 2).
    """
    leading = table[:, list(keep_tokens)]
    patches = table[:, leading_tokens:]
    if leading.shape[1] + patches.shape[1] != len(keep_tokens) + grid[0] * grid[1]:
        patches = resize_patches(patches, source_grid(patches.shape[1], height_to_width), grid)
    return torch.cat([leading, patches], dim=1)


def resize_patches(patches: Tensor, source: Size, grid: Size) -> Tensor:
    """Positions of patches, (1, n, D) row by row, brought from one grid to another by the rule stated above."""
    image = patches.reshape(1, *source, -1).permute(0, 3, 1, 2)  # (1, D, rows, columns)
    image = F.interpolate(image.float(), size=grid, mode="bilinear", align_corners=False).to(patches.dtype)
    return image.flatten(2).transpose(1, 2)
