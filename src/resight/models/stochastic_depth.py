"""A block that leaves out what stochastic depth would throw away.

Stochastic depth multiplies the path of some samples by 0. On a CPU those samples are taken out before the path instead:
the same draws and the same result, for less work. A GPU would have to wait for the number of samples, and a compiled
graph wants a fixed one; there the block runs as it is.
"""

from collections.abc import Callable
from typing import Any

import torch
from timm.layers.drop import DropPath
from timm.models.vision_transformer import Block
from torch import Tensor


def run_block(block: Any, tokens: Tensor, **rotary: Any) -> Tensor:
    """What the block gives, (B, N, D); rotary: what it takes beside tokens."""
    if type(block) is not Block or tokens.device.type != "cpu" or torch.compiler.is_compiling():
        result: Tensor = block(tokens, **rotary)
        return result
    tokens = _add(tokens, block.drop_path1, lambda some: block.ls1(block.attn(block.norm1(some))))
    return _add(tokens, block.drop_path2, lambda some: block.ls2(block.mlp(block.norm2(some))))


def _add(tokens: Tensor, drop: Any, path: Callable[[Tensor], Tensor]) -> Tensor:
    """The tokens, and what the path adds to the samples that keep it."""
    if not isinstance(drop, DropPath) or not drop.training or not drop.drop_prob:
        return tokens + path(tokens)
    share = 1 - drop.drop_prob
    kept = tokens.new_empty(len(tokens), 1, 1).bernoulli_(share)
    rows = kept.flatten().nonzero().flatten()
    if len(rows) in (0, len(tokens)):  # with none, parameters would be left without a gradient
        return tokens + path(tokens) * (kept / share)
    return tokens.index_add(0, rows, path(tokens[rows]).to(tokens.dtype), alpha=1 / share)
