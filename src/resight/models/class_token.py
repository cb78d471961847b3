"""The last block of a ViT, computed for the class token alone.

After the last block only the class token is read. Its attention needs one query, one projection and one MLP row, and as
a rule no keys and values at all. Leaving the rest out is exact and saves nearly a whole block.
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
    attn, normed, residual = block.attn, block.norm1(tokens), tokens[:, :1]
    if not isinstance(attn, (Attention, EvaAttention)) or getattr(attn, "gate", None) is not None:
        raise ValueError(
            f"the last block has a {type(attn).__name__} that cannot be computed for the class token alone; "
            "use a ViT with timm's plain attention, without gate"
        )
    sequences = None if parts is None else F.pad(parts, (1, 0))  # (P, 1 + L): position 0 is the class token
    if rope is None and attn.qkv is not None and isinstance(attn.k_norm, nn.Identity):
        output = _without_keys(attn, normed, sequences)  # (B, P or 1, heads * d)
    else:
        output = _with_keys(attn, normed, sequences, rope)
    if sequences is not None:
        # From here on each part is a sample of its own, so that stochastic depth drops it by itself.
        output = output.flatten(0, 1).unsqueeze(1)  # (B * P, 1, heads * d)
        residual = residual.repeat_interleave(len(sequences), dim=0)
    output = attn.proj_drop(attn.proj(attn.norm(output)))
    hidden = residual + block.drop_path1(_scaled(block, "1", output))
    hidden = hidden + block.drop_path2(_scaled(block, "2", block.mlp(block.norm2(hidden))))
    result: Tensor = hidden.squeeze(1) if sequences is None else hidden.view(batch, len(sequences), hidden.shape[2])
    return result


def _scaled(block: Any, which: str, change: Tensor) -> Tensor:
    """What a path adds, times its layer scale: a module of `Block`, a parameter of `EvaBlock` that may be missing."""
    if isinstance(block, EvaBlock):
        factor: Tensor | None = getattr(block, f"gamma_{which}")
        return change if factor is None else factor * change
    scaled: Tensor = getattr(block, f"ls{which}")(change)
    return scaled


def _without_keys(attn: Any, normed: Tensor, sequences: Tensor | None) -> Tensor:
    """Attention of the class token that never makes keys and values: a tenth of the work of making them.

    With one query q for each head, q . (K x) is (K^T q) . x, and the mean of V x is V of the mean. The bias of the keys
    adds the same to all scores of a head, which the softmax does not see.
    """
    batch, count, width = normed.shape
    heads, parts = attn.num_heads, 1 if sequences is None else len(sequences)
    queries, keys, values = attn.qkv.weight.view(3, heads, -1, width).unbind(0)  # (heads, d, D)
    bias = _fused_bias(attn)
    query_bias, _, value_bias = (None, None, None) if bias is None else bias.view(3, -1).unbind(0)
    query = F.linear(normed[:, 0], queries.flatten(0, 1), query_bias).view(batch, heads, queries.shape[1])
    query = attn.q_norm(query) * query.shape[2] ** -0.5  # (B, heads, d)
    asked = torch.einsum("bhd,hdw->bhw", query, keys)
    scores = asked @ normed.transpose(1, 2)  # (B, heads, 1 + N)
    if sequences is not None:
        times = F.one_hot(sequences, count).sum(1)  # (P, 1 + N): how often a token stands in a part
        scores = (scores.unsqueeze(2) + times.log()).flatten(1, 2)  # (B, heads * P, 1 + N)
    shares = F.dropout(scores.softmax(2), attn.attn_drop.p, attn.training)
    mean = (shares @ normed).view(batch, heads, parts, width)
    output = torch.einsum("bhpw,hdw->bphd", mean, values).flatten(2)
    if value_bias is None:
        return output
    total = shares.sum(2).view(batch, heads, parts, 1).transpose(1, 2)  # (B, P, heads, 1); 1 without dropout
    return output + (total * value_bias.view(heads, -1)).flatten(2)


def _with_keys(attn: Any, normed: Tensor, sequences: Tensor | None, rope: Tensor | None) -> Tensor:
    """Attention of the class token where keys are normed, turned, or made by a layer of their own."""
    heads, parts = attn.num_heads, 1 if sequences is None else len(sequences)
    query, key, value = _query_key_value(attn, normed, rope)  # (B, heads, 1 or 1 + N, d)
    if sequences is not None:
        # Parts ride along as heads: one attention call serves them all.
        key = key[:, :, sequences].flatten(1, 2)  # (B, heads * P, 1 + L, d)
        value = value[:, :, sequences].flatten(1, 2)
        query = query.repeat_interleave(parts, dim=1)
    dropout = attn.attn_drop.p if attn.training else 0.0
    output = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)  # (B, heads [* P], 1, d)
    return output.view(len(output), heads, parts, output.shape[3]).transpose(1, 2).flatten(2)


def _query_key_value(attn: Any, normed: Tensor, rope: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Query of the class token, keys and values of all tokens: (B, heads, 1, d) and twice (B, heads, 1 + N, d)."""
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
    bias = _fused_bias(attn)
    width = weight.shape[0] // 3
    query_bias = None if bias is None else bias[:width]
    other_bias = None if bias is None else bias[width:]
    query = F.linear(normed[:, :1], weight[:width], query_bias)
    key, value = F.linear(normed, weight[width:], other_bias).chunk(2, dim=-1)
    return query, key, value


def _fused_bias(attn: Any) -> Tensor | None:
    """(3 * heads * d,): of queries, keys and values."""
    separate: Any = getattr(attn, "q_bias", None)  # of an `EvaAttention`, which keeps three
    if separate is not None:
        return torch.cat([separate, attn.k_bias, attn.v_bias])
    bias: Tensor | None = attn.qkv.bias
    return bias


class ClassTokenBranch(nn.Module):
    """A block and its final norm, giving features of the class token: (B, D), or (B, P, D) for P parts."""

    def __init__(self, block: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.block = block
        self.norm = norm

    def forward(self, tokens: Tensor, parts: Tensor | None = None, rope: Tensor | None = None) -> Tensor:
        features: Tensor = self.norm(class_token_output(self.block, tokens, parts, rope))
        return features
