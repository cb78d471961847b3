"""Position tables of weight files: the grid that they were learned on, and how they are fitted to a model's."""

import torch
from torch import Tensor

from resight.errors import ModelFormatError
from resight.models.patch_embed import Size, patch_grid
from resight.models.position import resize_patches, source_grid

# Image sizes and strides of the two papers, patch 16; the last is ImageNet's.
PAPER_SIZES: tuple[tuple[Size, int], ...] = (
    *((size, stride) for size in ((256, 128), (384, 128), (256, 256)) for stride in (16, 14, 12, 11)),
    ((224, 224), 16),
)


def grid_of(count: int) -> Size:
    """The grid of a table with that many patches: square, else height = 2 x width, else one of the papers' sizes.

    Raises:
        ModelFormatError: if it can be none of these.
    """
    for ratio in (1, 2) if count > 0 else ():
        try:
            return source_grid(count, ratio)
        except ValueError:
            continue
    for size, stride in PAPER_SIZES:
        rows, columns = patch_grid(size, 16, stride)
        if rows * columns == count:
            return rows, columns
    raise ModelFormatError(
        f"the position table has {count} patches, which is neither a square grid, nor one twice as high as wide, nor "
        "that of an image size of the papers; if you know rows and columns, give them: "
        "load_weights(model, dataclasses.replace(read_weights(path), grid=(rows, columns)))"
    )


def fit_table(
    table: Tensor, *, rows: int, grid: Size, is_distilled: bool = False, learned_on: Size | None = None
) -> tuple[Tensor, str | None]:
    """A position table brought to the rows that a model has.

    Args:
        table: (1, leading tokens + patches, D).
        rows: of the model's table.
        grid: rows and columns of the model's patches.
        is_distilled: it has a row for a distillation token after that of the class token, which goes.
        learned_on: grid of its patches, where that is known; None: see `grid_of`, and a table with as many rows as the
            model's is taken as it is, as in the official code.

    Returns:
        (1, `rows`, D), and what was done, such as `14x14 -> 16x8`; None: nothing.

    Raises:
        ModelFormatError: if its grid cannot be told.
    """
    leading = rows - grid[0] * grid[1]
    kept, patches = table[:, :leading], table[:, leading + is_distilled :]
    count = patches.shape[1]
    is_known = learned_on is not None and learned_on[0] * learned_on[1] == count
    if leading + count == rows and not (is_known and learned_on != grid):
        return torch.cat([kept, patches], dim=1) if is_distilled else table, None
    if learned_on is None or not is_known:
        learned_on = grid_of(count)
    resized = resize_patches(patches, learned_on, grid)
    return torch.cat([kept, resized], dim=1), f"{learned_on[0]}x{learned_on[1]} -> {grid[0]}x{grid[1]}"
