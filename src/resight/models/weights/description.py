"""What net a weight file belongs to, as far as its tensors tell."""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from resight.errors import ModelFormatError
from resight.models.backbones import VIT_SHAPES
from resight.models.patch_embed import Size, patch_grid
from resight.models.weights.positions import PAPER_SIZES, grid_of
from resight.models.weights.weight_file import WeightFile

_BLOCK = "encoder.global_branch.block."


@dataclass(frozen=True)
class NetDescription:
    """A plain ViT as its tensors show it; heads, shift of the jigsaw and coefficient of the side information do not.

    width, depth, mlp_ratio, qkv_bias: of the blocks. patch_size: of the patch convolution; None with a convolution
    stem. positions: rows of the position table, leading ones included. grid: rows and columns of its patches; None:
    cannot be told. sizes: image size and stride of the papers that give this grid. side_rows: cameras times views; 0:
    no side information. has_parts: a jigsaw branch. num_branches, num_classes: of the necks; 0: none.
    """

    width: int
    depth: int
    mlp_ratio: float
    qkv_bias: bool
    patch_size: int | None
    positions: int
    grid: Size | None
    sizes: tuple[tuple[Size, int], ...]
    side_rows: int
    has_parts: bool
    num_branches: int
    num_classes: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def describe(file: WeightFile) -> NetDescription | None:
    """The ViT of a file; None if it holds another net."""
    state = file.state
    names = (
        f"{_BLOCK}mlp.fc1.weight",
        f"{_BLOCK}attn.qkv.weight",
        "encoder.pos_embed",
        "encoder.patch_embed.proj.weight",
    )
    fc1, qkv, table, patch = (state.get(name, torch.empty(())) for name in names)
    if (fc1.ndim, qkv.ndim, table.ndim) != (2, 2, 3) or patch.ndim not in (2, 4):
        return None
    width = qkv.shape[1]
    leading = 2 if "encoder.dist_token" in state else 1
    count = table.shape[1] - leading
    grid = _grid(file, count)
    stem = any(name.startswith("encoder.patch_embed.conv.") for name in state)
    side = state.get("encoder.side_information.table")
    classifier = state.get("necks.0.classifier.weight")
    return NetDescription(
        width=width,
        depth=1 + _count(state, r"encoder\.blocks\.(\d+)\."),
        mlp_ratio=fc1.shape[0] / width,
        qkv_bias=f"{_BLOCK}attn.qkv.bias" in state,
        patch_size=None if stem else patch.shape[-1] if patch.ndim == 4 else math.isqrt(patch.shape[1] // 3),
        positions=table.shape[1],
        grid=grid,
        sizes=tuple((size, stride) for size, stride in PAPER_SIZES if patch_grid(size, 16, stride) == grid),
        side_rows=side.shape[0] if side is not None and side.ndim else 0,
        has_parts=any(name.startswith("encoder.local_branch.") for name in state),
        num_branches=_count(state, r"necks\.(\d+)\."),
        num_classes=classifier.shape[0] if classifier is not None and classifier.ndim else 0,
    )


def names_that_fit(file: WeightFile) -> list[str]:
    """Our names of the nets that the file's tensors have the shapes of."""
    found = describe(file)
    if found is None:
        is_ibn = "encoder.net.layer1.0.bn1.IN.weight" in file.state
        is_50 = (
            "encoder.net.layer3.5.conv3.weight" in file.state and "encoder.net.layer3.6.conv3.weight" not in file.state
        )
        return (["resnet50_ibn_a"] if is_ibn else ["resnet50"]) if is_50 else []
    own = (found.width, found.depth, found.mlp_ratio, found.qkv_bias, found.patch_size is None)
    return [
        name
        for name, shape in VIT_SHAPES.items()
        if own == (shape.width, shape.depth, shape.mlp_ratio, shape.qkv_bias, shape.convolution_stem)
    ]


def _grid(file: WeightFile, count: int) -> Size | None:
    if file.grid is not None and file.grid[0] * file.grid[1] == count:
        return file.grid
    try:
        return grid_of(count)
    except ModelFormatError:
        return None


def _count(state: Mapping[str, Tensor], pattern: str) -> int:
    return len({match[1] for name in state if (match := re.match(pattern, name))})
