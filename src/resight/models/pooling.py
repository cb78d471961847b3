"""Pooling other than a net's own: generalised mean (GeM) and the average of patches."""

from typing import Literal

import torch
from timm.layers.adaptive_avgmax_pool import FastAdaptiveAvgPool, SelectAdaptivePool2d
from torch import Tensor, nn

Pooling = Literal["default", "average", "gem"]
GEM_POWER = 3.0


def generalized_mean(
    values: Tensor, dim: int | tuple[int, ...], *, power: float = GEM_POWER, keepdim: bool = False
) -> Tensor:
    """(mean of values ** power) ** (1 / power) over some axes: between the average (1) and the maximum (infinity).

    Values below 1e-6 count as 1e-6: only what is positive has powers and roots. Powers are taken in float32 or better,
    since in half precision those of 1e-6 are 0, where the root has no gradient; the result has the type of the values.

    Args:
        values: of any shape.
        dim: axis or axes to pool.
        power: above 0; 3 in the released TransReID-SSL code, where it is fixed.
        keepdim: whether pooled axes stay, with length 1.

    Source: Radenovic et al. 2018, arXiv:1711.02512.
    """
    precise = values.to(torch.promote_types(values.dtype, torch.float32))
    return precise.clamp(min=1e-6).pow(power).mean(dim, keepdim=keepdim).pow(1 / power).to(values.dtype)


class GeneralizedMean(nn.Module):
    """`generalized_mean` over the given axes; keepdim: whether they stay, with length 1."""

    def __init__(self, dim: tuple[int, ...], *, keepdim: bool) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, values: Tensor) -> Tensor:
        return generalized_mean(values, self.dim, keepdim=self.keepdim)


class PatchPoolingBranch(nn.Module):
    """The last block and final norm of a ViT on all tokens, then a pooling that reads the patches too.

    `average`: the mean of the patch tokens, without the class token. `gem`: class token + generalised mean of the patch
    tokens. Weight names are those of `ClassTokenBranch`, which skips what neither needs.

    Args:
        block: the last block.
        norm: the final norm.
        pooling: `average` or `gem`.
        num_leading: tokens before the patches, the class token first.

    Source: `gem`: released code of Luo et al. 2021, arXiv:2111.12084, off in its configurations.
    """

    def __init__(self, block: nn.Module, norm: nn.Module, *, pooling: Pooling, num_leading: int = 1) -> None:
        super().__init__()
        self.block = block
        self.norm = norm
        self.pooling = pooling
        self.num_leading = num_leading

    def forward(self, tokens: Tensor, rope: Tensor | None = None) -> Tensor:
        """(B, D), from the tokens that enter the last block (B, leading + N, D); rope: see `TransReIDEncoder`."""
        tokens = self.norm(self.block(tokens) if rope is None else self.block(tokens, rope=rope))
        patches = tokens[:, self.num_leading :]
        if self.pooling == "average":
            return patches.mean(1)
        return tokens[:, 0] + generalized_mean(patches, 1)


def use_gem(net: nn.Module) -> bool:
    """Puts the generalised mean in place of the average that a timm net takes over its last feature map.

    Args:
        net: as `timm.create_model` gives it. What its head does after pooling (norm, projection) stays.

    Returns:
        Whether that was possible: False, and nothing changed, where the net pools in another way.
    """
    pools = [module for module in net.modules() if isinstance(module, SelectAdaptivePool2d)]
    if len(pools) != 1:
        return False
    (pool,) = pools
    if isinstance(pool.pool, FastAdaptiveAvgPool):
        mean = GeneralizedMean(tuple(pool.pool.dim), keepdim=not pool.pool.flatten)
    elif isinstance(pool.pool, nn.AdaptiveAvgPool2d):
        mean = GeneralizedMean((2, 3), keepdim=True)
    else:
        return False
    pool.add_module("pool", mean)
    return True
