"""The last block of a ViT, computed for the class token alone.

After the last block only the class token is read. Its attention needs keys and values of all tokens, but one query,
one projection and one MLP row. Leaving the rest out is exact and saves most of a block.
"""

from typing import Any

import torch
import torch.nn.functional as F
from timm.layers.attention import Attention
from timm.layers.pos_embed_sincos import apply_rot_embed_cat
from timm.models.eva import EvaAttention, EvaBlock
from torch import Tensor, nn


def class_token_output(block: Any, tokens: Tensor, parts: Tensor | None = None, rope: Tensor | None = None) -> Tensor:
    """What a block gives at the class token, for all tokens or for several subsets of them at once.

    Args:
        block: a pre-norm block: timm's `Block` or `EvaBlock` (norm1, attn, drop_path1, norm2, mlp, drop_path2, ...).
        tokens: (B, 1 + N, D), class token first.
        parts: (P, L) int, positions in `tokens` of each part's patches; the class token joins every part by itself.
            None: the block sees all tokens.
        rope: rotary positions of the patches, for an `EvaBlock`; the class token has none.

    Returns:
        (B, D), or (B, P, D) with `parts`. Equal to running the whole block on each sequence and reading token 0.

    Raises:
        ValueError: if the attention is not timm's plain one.
    """
    batch = len(tokens)
    normed = block.norm1(tokens)
    query, key, value = _query_key_value(block.attn, normed, rope)  # (B, heads, 1 or 1 + N, d)
    if parts is not None:
        sequences = F.pad(parts, (1, 0))  # (P, 1 + L): position 0 is the class token
        count = len(sequences)
        # Parts ride along as heads: one attention call serves them all.
        key = key[:, :, sequences].flatten(1, 2)  # (B, heads * P, 1 + L, d)
        value = value[:, :, sequences].flatten(1, 2)
        query = query.repeat_interleave(count, dim=1)
    attn = block.attn
    dropout = attn.attn_drop.p if attn.training else 0.0
    output = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)  # (B, heads [* P], 1, d)
    residual = tokens[:, :1]
    if parts is None:
        output = output.transpose(1, 2).flatten(2)  # (B, 1, D)
    else:
        # From here on each part is a sample of its own, so that stochastic depth drops it by itself.
        output = output.view(batch, attn.num_heads, count, output.shape[-1]).transpose(1, 2)  # (B, P, heads, d)
        output = output.flatten(2).flatten(0, 1).unsqueeze(1)  # (B * P, 1, D)
        residual = residual.repeat_interleave(count, dim=0)
    output = attn.proj_drop(attn.proj(attn.norm(output)))
    hidden = residual + block.drop_path1(_scaled(block, "1", output))
    hidden = hidden + block.drop_path2(_scaled(block, "2", block.mlp(block.norm2(hidden))))
    result: Tensor = hidden.squeeze(1) if parts is None else hidden.view(batch, count, hidden.shape[-1])
    return result


def _scaled(block: Any, which: str, change: Tensor) -> Tensor:
    """What a path adds, times its layer scale: a module of `Block`, a parameter of `EvaBlock` that may be missing."""
    if isinstance(block, EvaBlock):
        factor: Tensor | None = getattr(block, f"gamma_{which}")
        return change if factor is None else factor * change
    scaled: Tensor = getattr(block, f"ls{which}")(change)
    return scaled


def _query_key_value(attn: Any, normed: Tensor, rope: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Query of the class token, keys and values of all tokens: (B, heads, 1, d) and twice (B, heads, 1 + N, d)."""
    if not isinstance(attn, (Attention, EvaAttention)) or getattr(attn, "gate", None) is not None:
        raise ValueError(
            f"the last block has a {type(attn).__name__} that cannot be computed for the class token alone; "
            "use a ViT with timm's plain attention, without gate"
        )
    query, key, value = (
        _separate_projections(attn, normed) if attn.qkv is None else _fused_projections(attn, normed)
    )  # (B, 1 or 1 + N, heads * d)
    heads = (attn.num_heads, query.shape[2] // attn.num_heads)
    query, key, value = (flat.view(*flat.shape[:2], *heads).transpose(1, 2) for flat in (query, key, value))
    query, key = attn.q_norm(query), attn.k_norm(key)
    if rope is not None:
        leading = attn.num_prefix_tokens
        half = getattr(attn, "rotate_half", False)
        turned = apply_rot_embed_cat(key[:, :, leading:], rope, half=half)
        key = torch.cat([key[:, :, :leading], turned], dim=2).type_as(value)
    return query, key, value


def _separate_projections(attn: Any, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return attn.q_proj(normed[:, :1]), attn.k_proj(normed), attn.v_proj(normed)


def _fused_projections(attn: Any, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    weight: Tensor = attn.qkv.weight
    bias: Tensor | None = attn.qkv.bias
    separate: Any = getattr(attn, "q_bias", None)  # of an `EvaAttention`, which keeps three
    if separate is not None:
        bias = torch.cat([separate, attn.k_bias, attn.v_bias])
    width = weight.shape[0] // 3
    query_bias = None if bias is None else bias[:width]
    other_bias = None if bias is None else bias[width:]
    query = F.linear(normed[:, :1], weight[:width], query_bias)
    key, value = F.linear(normed, weight[width:], other_bias).chunk(2, dim=-1)
    return query, key, value


class ClassTokenBranch(nn.Module):
    """A block and its final norm, giving features of the class token: (B, D), or (B, P, D) for P parts."""

    def __init__(self, block: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.norm = norm

    def forward(self, tokens: Tensor, parts: Tensor | None = None, rope: Tensor | None = None) -> Tensor:
        features: Tensor = self.norm(class_token_output(self.block, tokens, parts, rope))
        return features
