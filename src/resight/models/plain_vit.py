"""Which of timm's ViTs TransReID can be built from, and how they get its overlapping patches."""

from typing import Any

import torch
from timm.layers.attention import Attention
from timm.layers.patch_embed import PatchEmbed
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva, EvaAttention, EvaBlock
from timm.models.vision_transformer import Block, VisionTransformer
from torch import nn

from resight.models.conv_stem import ConvStem
from resight.models.patch_embed import OverlapPatchEmbed, Size

LEADING_TOKENS = ("cls_token", "dist_token", "reg_token")
"""Names of the tokens that may stand before the patches, in their order; the class token is the first."""


def obstacles(net: Any) -> list[str]:
    """What keeps a net from becoming a `TransReIDEncoder`, in words; empty for a plain ViT.

    The encoder runs the parts of the ViT itself, so a part that it does not know would be left out in silence. It knows
    registers and distillation tokens, positions with and without rows for them, rotary positions, a norm before the
    blocks, and what may be inside a `Block` or `EvaBlock` (layer scale, norms of queries and keys, any MLP).
    """
    if type(net) not in (VisionTransformer, VisionTransformerDistilled, Eva):
        return [f"the build of a {type(net).__name__}"]
    found = {
        "no class token": net.cls_token is None,
        "no norm that the class token passes": isinstance(net.norm, nn.Identity),
        "attention pooling": net.attn_pool is not None,
        "patch dropout": not isinstance(net.patch_drop, nn.Identity | None),
        "images of any size": net.dynamic_img_size,
        "rotary positions of another build": not _has_known_rope(net),
        "blocks of another build": not all(_is_known_block(block) for block in net.blocks),
        "a patch embedding of another build": not _is_known_embedding(net.patch_embed),
    }
    return [name for name, is_there in found.items() if is_there]


def _has_known_rope(net: Any) -> bool:
    """No rotary positions, or the same fixed ones in every block."""
    rope = getattr(net, "rope", None)
    return rope is None or (hasattr(rope, "update_feat_shape") and not net.rope_mixed)


def _is_known_block(block: Any) -> bool:
    if type(block) not in (Block, EvaBlock) or type(block.attn) not in (Attention, EvaAttention):
        return False
    return getattr(block.attn, "gate", None) is None


def _is_known_embedding(embed: Any) -> bool:
    """One convolution of square patches, or ours."""
    if type(embed) is PatchEmbed:
        return isinstance(embed.norm, nn.Identity) and embed.patch_size[0] == embed.patch_size[1]
    return type(embed) in (OverlapPatchEmbed, ConvStem)


def use_overlap(vit: Any, image_size: Size, stride: int | None) -> None:
    """Gives a plain ViT of timm our patch embedding, with the same weights.

    Where the stride makes another number of patches, the position table starts anew.

    Args:
        vit: one without obstacles.
        image_size: (height, width) in pixels.
        stride: step between patches in pixels; None: its patch size, no overlap.

    Raises:
        ValueError: if no patch fits.
    """
    theirs = vit.patch_embed
    ours = OverlapPatchEmbed(
        image_size, theirs.patch_size[0], embed_dim=vit.embed_dim, bias=theirs.proj.bias is not None, stride=stride
    )
    ours.proj.load_state_dict(theirs.proj.state_dict())
    vit.patch_embed = ours
    if vit.pos_embed is not None and ours.num_patches != theirs.num_patches:
        rows = vit.pos_embed.shape[1] - theirs.num_patches + ours.num_patches
        vit.pos_embed = nn.Parameter(torch.empty(1, rows, vit.embed_dim))
        nn.init.trunc_normal_(vit.pos_embed, std=0.02)
    rope = getattr(vit, "rope", None)
    if rope is not None:
        rope.update_feat_shape(list(ours.grid_size))
