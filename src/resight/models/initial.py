"""Initial weights that know something of what training finds: they save a small ViT its first epochs."""

from typing import Any

import torch
from torch import Tensor

Size = tuple[int, int]


@torch.no_grad()
def give_structure(vit: Any) -> None:
    """Gives a fresh ViT positions and attention that resemble those of a trained one.

    The position table becomes 0.3 times the sine-cosine one (it stays trainable); each attention is set by
    `mimic_trained_attention`. For learning from scratch on little data; pre-trained weights replace all of it.

    Args:
        vit: a timm `VisionTransformer` with a class token.
    """
    patches = sincos_positions(vit.patch_embed.grid_size, vit.embed_dim)
    vit.pos_embed[0, -len(patches) :] = 0.3 * patches
    for block in vit.blocks:
        mimic_trained_attention(block.attn)


def sincos_positions(grid: Size, dim: int) -> Tensor:
    """Fixed sine and cosine positions of a grid of patches, the rows in the first half of the width.

    Args:
        grid: rows and columns.
        dim: width D, divisible by 4.

    Returns:
        (rows * columns, D), row-major as the patches are; values -1..1.

    Raises:
        ValueError: if D is not divisible by 4.

    Source: Vaswani et al. 2017, in the 2-D form of Chen et al. 2021, arXiv:2104.02057.
    """
    if dim % 4:
        raise ValueError(f"sine-cosine positions need a width divisible by 4, not {dim}")
    frequencies = 1 / 10000 ** (torch.arange(dim // 4) / (dim / 4))
    y, x = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    angles = [axis.reshape(-1, 1) * frequencies for axis in (y, x)]  # twice (N, D / 4)
    return torch.cat([function(angle) for angle in angles for function in (torch.sin, torch.cos)], dim=1)


@torch.no_grad()
def mimic_trained_attention(attention: Any) -> None:
    """Weights in whose products the diagonal stands out, as it does after training.

    Per head, W_q^T W_k becomes 0.7 noise + 0.7 identity; W_proj W_v becomes 0.4 noise - 0.4 identity.

    Args:
        attention: timm's `Attention`, with fused `qkv` and `proj`.

    Source: Trockman and Kolter 2023, arXiv:2305.09828.
    """
    dim, heads = attention.proj.in_features, attention.num_heads
    head_dim = dim // heads
    identity = torch.eye(dim)
    queries, keys = [], []
    for _ in range(heads):
        left, size, right = torch.linalg.svd(0.7 * torch.randn(dim, dim) / dim**0.5 + 0.7 * identity)
        root = size[:head_dim].sqrt().unsqueeze(1)
        queries.append(root * left[:, :head_dim].t())
        keys.append(root * right[:head_dim])
    left, size, right = torch.linalg.svd(0.4 * torch.randn(dim, dim) / dim**0.5 - 0.4 * identity)
    attention.qkv.weight.copy_(torch.cat([*queries, *keys, size.sqrt().unsqueeze(1) * right]))
    attention.proj.weight.copy_(left * size.sqrt())
