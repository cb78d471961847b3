"""A plain ViT that takes images of several sizes: what multi-crop methods pre-train."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resight.models.class_token import class_token_output
from resight.models.conv_stem import ConvStem
from resight.models.patch_embed import Size
from resight.models.plain_vit import LEADING_TOKENS, obstacles
from resight.pretrain.positions import positions_for


class CropViT(nn.Module):
    """A plain ViT of timm whose position table is interpolated to the size of what it is given.

    Weight names are timm's own. Only the class token of the last block is computed where no patch is asked for: exact,
    and nearly a block cheaper.

    Args:
        vit: a plain one without rotary positions (`resight.models.plain_vit.obstacles`); it is taken apart.

    Raises:
        ValueError: if it is not plain.
    """

    def __init__(self, vit: Any) -> None:
        super().__init__()
        found = obstacles(vit)
        if found or getattr(vit, "rope", None) is not None:
            raise ValueError(f"CropViT takes a plain ViT; this one has {', '.join(found) or 'rotary positions'}")
        self.leading = tuple(name for name in LEADING_TOKENS if getattr(vit, name, None) is not None)
        for name in self.leading:
            self.register_parameter(name, getattr(vit, name))
        self.pos_embed: nn.Parameter | None = vit.pos_embed
        self.patch_embed: Any = vit.patch_embed
        self.places_patches_only: bool = vit.no_embed_class
        self.pos_drop: nn.Module = vit.pos_drop
        self.norm_pre: nn.Module = vit.norm_pre
        self.blocks: nn.ModuleList = nn.ModuleList(vit.blocks)
        self.norm: nn.Module = vit.norm
        self.num_features = int(vit.embed_dim)
        self.grid: Size = tuple(vit.patch_embed.grid_size)
        self.patch_size: int = vit.patch_embed.patch_size[0]
        self.image_size: Size = tuple(vit.patch_embed.img_size)
        self.gradient_checkpointing = False

    def embed(self, images: Tensor, mask: Tensor | None = None, mask_token: Tensor | None = None) -> Tensor:
        """(B, L + N, D): the tokens that enter the first block.

        Args:
            images: (B, 3, H, W), sides divisible by the patch.
            mask: (B, N) bool, patches that `mask_token` (D,) stands in for; None: none.
            mask_token: see `mask`.
        """
        stem = self.patch_embed.conv(images) if isinstance(self.patch_embed, ConvStem) else images
        patches: Tensor = self.patch_embed.proj(stem)  # (B, D, rows, columns)
        grid: Size = (patches.shape[2], patches.shape[3])
        patches = patches.flatten(2).transpose(1, 2)
        if mask is not None and mask_token is not None:
            patches = torch.where(mask.unsqueeze(-1), mask_token.to(patches.dtype), patches)
        leading = [getattr(self, name).expand(len(patches), -1, -1) for name in self.leading]
        table = None if self.pos_embed is None else positions_for(self.pos_embed, self.grid, grid)
        if table is None:
            tokens = torch.cat([*leading, patches], dim=1)
        elif self.places_patches_only:
            tokens = torch.cat([*leading, patches + table], dim=1)
        else:
            tokens = torch.cat([*leading, patches], dim=1) + table
        embedded: Tensor = self.norm_pre(self.pos_drop(tokens))
        return embedded

    def tokens(self, images: Tensor, mask: Tensor | None = None, mask_token: Tensor | None = None) -> Tensor:
        """(B, L + N, D): all tokens after the final norm; see `embed`."""
        tokens = self._run(self.embed(images, mask, mask_token), list(self.blocks))
        normed: Tensor = self.norm(tokens)
        return normed

    def forward(self, images: Tensor) -> Tensor:
        """(B, D): the class token after the final norm, from images (B, 3, H, W) of any size that patches fit."""
        *trunk, last = self.blocks
        features: Tensor = self.norm(class_token_output(last, self._run(self.embed(images), trunk)))
        return features

    def _run(self, tokens: Tensor, blocks: list[nn.Module]) -> Tensor:
        for block in blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
        return tokens
