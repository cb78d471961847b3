"""The last block of a ViT, computed for the class token alone.

After the last block only the class token is read. Its attention needs keys and values of all tokens, but one query,
one projection and one MLP row. Leaving the rest out is exact and saves most of a block.
"""

from typing import Any

import torch.nn.functional as F
from timm.layers.attention import Attention
from torch import Tensor, nn


def class_token_output(block: Any, tokens: Tensor, parts: Tensor | None = None) -> Tensor:
    """What a block gives at the class token, for all tokens or for several subsets of them at once.

    Args:
        block: a pre-norm block as timm's `Block` (norm1, attn with fused qkv, ls1, drop_path1, norm2, mlp, ls2, ...).
        tokens: (B, 1 + N, D), class token first.
        parts: (P, L) int, positions in `tokens` of each part's patches; the class token joins every part by itself.
            None: the block sees all tokens.

    Returns:
        (B, D), or (B, P, D) with `parts`. Equal to running the whole block on each sequence and reading token 0.

    Raises:
        ValueError: if the attention is not timm's plain one.
    """
    batch = len(tokens)
    normed = block.norm1(tokens)
    query, key, value = _query_key_value(block.attn, normed)  # (B, heads, 1 or 1 + N, d)
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
    hidden = residual + block.drop_path1(block.ls1(output))
    hidden = hidden + block.drop_path2(block.ls2(block.mlp(block.norm2(hidden))))
    result: Tensor = hidden.squeeze(1) if parts is None else hidden.view(batch, count, hidden.shape[-1])
    return result


def _query_key_value(attn: Any, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Query of the class token, keys and values of all tokens: (B, heads, 1, d) and twice (B, heads, 1 + N, d)."""
    if not isinstance(attn, Attention) or getattr(attn, "gate", None) is not None:
        raise ValueError(
            f"the last block has a {type(attn).__name__} that cannot be computed for the class token alone; "
            "use a ViT with timm's plain attention, without gate"
        )
    batch, count, _ = normed.shape
    heads, width = attn.num_heads, attn.qkv.weight.shape[0] // 3
    weight, bias = attn.qkv.weight, attn.qkv.bias
    query_bias, other_bias = (None, None) if bias is None else (bias[:width], bias[width:])
    query = F.linear(normed[:, :1], weight[:width], query_bias)
    others = F.linear(normed, weight[width:], other_bias)
    query = query.view(batch, 1, heads, width // heads).transpose(1, 2)
    key, value = others.view(batch, count, 2, heads, width // heads).permute(2, 0, 3, 1, 4).unbind(0)
    return attn.q_norm(query), attn.k_norm(key), value


class ClassTokenBranch(nn.Module):
    """A block and its final norm, giving features of the class token: (B, D), or (B, P, D) for P parts."""

    def __init__(self, block: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.norm = norm

    def forward(self, tokens: Tensor, parts: Tensor | None = None) -> Tensor:
        features: Tensor = self.norm(class_token_output(self.block, tokens, parts))
        return features
