"""What each branch of a TransReID encoder looked at: attention weights, computed explicitly, and their roll-out.

A block of timm runs a fused attention that never shows its weights. Here they are computed beside it, from the same
projections, norms and rotary positions; the tokens still come from the blocks themselves.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from timm.layers.pos_embed_sincos import apply_rot_embed_cat
from torch import Tensor

from resight.models.class_token import ClassTokenBranch
from resight.models.encoder import TransReIDEncoder


class BranchAttention(NamedTuple):
    """Shares of the patches, rows and columns as in the image: the global branch first, then the jigsaw parts.

    rollout: (B, branches, rows, columns), through all blocks. last: the same, of the last block alone. Both sum to 1
    over the patches of a branch. seen: (branches, rows, columns) bool, the patches that stand in its last block.
    """

    rollout: Tensor
    last: Tensor
    seen: Tensor


def has_attention(encoder: Any) -> bool:
    """Whether `branch_attention` can read this encoder: a ViT whose branches read the class token."""
    return isinstance(encoder, TransReIDEncoder) and isinstance(encoder.global_branch, ClassTokenBranch)


@torch.no_grad()
def branch_attention(
    encoder: TransReIDEncoder, images: Tensor, camera: Tensor | None = None, view: Tensor | None = None
) -> BranchAttention:
    """How much each patch counts for the class token of each branch.

    Roll-out follows the attention back to the patches: in each block a token is half what it was and half the mean over
    the heads of what it attends to, `0.5 I + 0.5 A`, and the blocks multiply. Class token, registers and distillation
    token are left out of the result, which is scaled to sum 1.

    Args:
        encoder: in evaluation mode, see `has_attention`.
        images: (B, 3, H, W), normalised.
        camera: (B,) int, 0-based, -1 for unknown; None: all unknown.
        view: (B,) int, likewise.

    Raises:
        ValueError: if the encoder's branches do not read a class token.

    Source: Abnar and Zuidema 2020, arXiv:2005.00928, section 3. Written from the paper.
    """
    if not has_attention(encoder):
        raise ValueError("attention is shown for ViTs whose branches read the class token; this encoder is another")
    rotary = encoder.rotary()
    rope = rotary.get("rope")
    tokens = encoder.embed(images, camera, view)  # (B, T, D)
    mixed = torch.eye(tokens.shape[1], device=tokens.device).expand(len(tokens), -1, -1)  # (B, T, T)
    for block in encoder.blocks:
        weights, _ = attention_weights(block.attn, block.norm1(tokens), rope)  # type: ignore[operator]
        mixed = 0.5 * mixed + 0.5 * weights.mean(1).float() @ mixed
        tokens = block(tokens, **rotary)
    rows = [_class_token_row(encoder.global_branch, tokens, None, rope)]  # each (B, 1 or P, T)
    if encoder.local_branch is not None:
        rows.append(_class_token_row(encoder.local_branch, tokens, encoder.parts, rope))
    last = torch.cat(rows, dim=1)  # (B, branches, T)
    itself = F.one_hot(torch.zeros(1, dtype=torch.long, device=tokens.device), tokens.shape[1])
    rollout = (0.5 * itself + 0.5 * last) @ mixed
    grid: Any = encoder.patch_embed.grid_size
    return BranchAttention(
        _on_grid(_shares(_of_patches(rollout, grid)), grid),
        _on_grid(_shares(_of_patches(last, grid)), grid),
        _on_grid(_of_patches(_seen(encoder, tokens.shape[1]), grid), grid),
    )


def attention_weights(attn: Any, normed: Tensor, rope: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The weights of timm's plain attention, and the values that they weigh.

    Args:
        attn: an `Attention` or `EvaAttention` without gate.
        normed: (B, T, D), what the attention gets.
        rope: rotary positions of the patches, for an `EvaAttention`.

    Returns:
        (B, heads, T, T), rows sum to 1, and (B, heads, T, d). `weights @ values`, heads joined, normed and projected,
        is what the attention gives.
    """
    query, key, value = _projections(attn, normed, rope)
    scores = query @ key.transpose(2, 3) / query.shape[3] ** 0.5
    return scores.softmax(-1), value


def _projections(attn: Any, normed: Tensor, rope: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value of all tokens, (B, heads, T, d) each."""
    if attn.qkv is None:
        flat: Any = (attn.q_proj(normed), attn.k_proj(normed), attn.v_proj(normed))
    else:
        bias: Tensor | None = attn.qkv.bias
        if getattr(attn, "q_bias", None) is not None:  # an `EvaAttention` keeps three
            bias = torch.cat([attn.q_bias, attn.k_bias, attn.v_bias])
        flat = F.linear(normed, attn.qkv.weight, bias).chunk(3, dim=-1)
    query, key, value = (one.unflatten(2, (attn.num_heads, -1)).transpose(1, 2) for one in flat)
    query, key = attn.q_norm(query), attn.k_norm(key)
    if rope is not None:
        query, key = _turned(attn, query, rope), _turned(attn, key, rope)
    return query, key, value


def _turned(attn: Any, heads: Tensor, rope: Tensor) -> Tensor:
    leading = attn.num_prefix_tokens
    patches = apply_rot_embed_cat(heads[:, :, leading:], rope, half=getattr(attn, "rotate_half", False))
    return torch.cat([heads[:, :, :leading], patches], dim=2).type_as(heads)


def _class_token_row(branch: Any, tokens: Tensor, parts: Tensor | None, rope: Tensor | None) -> Tensor:
    """(B, 1, T), or (B, P, T) with parts: the class token's weights in the last block, mean over the heads."""
    normed = branch.block.norm1(tokens)
    query, key, _ = _projections(branch.block.attn, normed, rope)
    scores = query[:, :, 0, None] @ key.transpose(2, 3) / query.shape[3] ** 0.5  # (B, heads, 1, T)
    if parts is None:
        return torch.softmax(scores, -1).mean(1).float()
    sequences = F.pad(parts, (1, 0))  # (P, 1 + L): the class token, number 0, joins every part
    weights = scores[:, :, 0, sequences].softmax(-1).mean(1).float()  # (B, P, 1 + L)
    row = torch.zeros(*weights.shape[:2], tokens.shape[1], device=tokens.device)
    return row.scatter_add_(2, sequences.expand_as(weights), weights)  # a padded part holds one patch twice


def _of_patches(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """(.., T) without the tokens that stand before the patches."""
    return tokens[..., -grid[0] * grid[1] :]


def _on_grid(patches: Tensor, grid: tuple[int, int]) -> Tensor:
    return patches.reshape(*patches.shape[:-1], *grid)


def _shares(weights: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


def _seen(encoder: TransReIDEncoder, num_tokens: int) -> Tensor:
    """(branches, T) bool."""
    seen = torch.ones(1, num_tokens, dtype=torch.bool)
    if encoder.parts is None:
        return seen
    in_part = torch.zeros(len(encoder.parts), num_tokens, dtype=torch.bool)
    return torch.cat([seen, in_part.scatter_(1, encoder.parts.cpu(), True)])
