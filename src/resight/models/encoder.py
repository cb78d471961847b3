"""The TransReID encoder: images to one feature per branch."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resight.models.class_token import ClassTokenBranch
from resight.models.patch_embed import OverlapPatchEmbed
from resight.models.side_information import SideInformation


class TransReIDEncoder(nn.Module):
    """Tokens through all blocks but the last; then the last one for each branch, for the class token alone.

    ```
    image -> patches -> [CLS | patches] + positions + side information -> blocks 1 .. L-1
                                           -> global branch: last block on all tokens           -> feature 0
                                           -> local branch:  its own copy, once for each part   -> features 1 .. P
    ```

    Args:
        vit: a plain timm `VisionTransformer` with a class token; it is taken apart, its last block and final norm
            become the global branch and, copied, the local branch. Load pre-trained weights into it before. What it
            has behind its final norm (pooling, classifier) is not used.
        side_information: what to add for camera and view; None adds nothing.
        parts: (P, L) int, the patches of each jigsaw part (`resight.models.jigsaw`); None: no local branch.

    Raises:
        ValueError: if the ViT is not plain: no class token, registers, a norm before the blocks, or patch dropout.

    Source: He et al. 2021, arXiv:2102.04378. In the released code the original last block stays behind unused.
    """

    parts: Tensor | None

    def __init__(
        self,
        vit: Any,
        *,
        side_information: SideInformation | None = None,
        parts: Tensor | None = None,
    ) -> None:
        super().__init__()
        _check_is_plain(vit)
        *trunk, last = vit.blocks
        self.patch_embed: OverlapPatchEmbed = vit.patch_embed
        self.cls_token: nn.Parameter = vit.cls_token
        self.pos_embed: nn.Parameter = vit.pos_embed
        self.pos_drop: nn.Module = vit.pos_drop
        self.side_information = side_information
        self.blocks = nn.ModuleList(trunk)
        self.global_branch = ClassTokenBranch(last, vit.norm)
        self.local_branch = copy.deepcopy(self.global_branch) if parts is not None else None
        # Kept as positions in the token sequence, where the class token is number 0.
        self.register_buffer("parts", None if parts is None else parts + 1, persistent=False)
        self.dim = int(vit.embed_dim)
        self.num_parts = 0 if parts is None else len(parts)
        self.gradient_checkpointing = False

    @property
    def num_branches(self) -> int:
        """1 + the number of parts."""
        return 1 + self.num_parts

    def embed(self, images: Tensor, camera: Tensor | None = None, view: Tensor | None = None) -> Tensor:
        """(B, 1 + N, D): the tokens that enter the first block."""
        patches = self.patch_embed(images)
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        if self.side_information is not None:
            tokens = tokens + self.side_information(len(patches), camera, view)
        embedded: Tensor = self.pos_drop(tokens)
        return embedded

    def trunk(self, tokens: Tensor) -> Tensor:
        """(B, 1 + N, D): the tokens that enter the last block."""
        for block in self.blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
        return tokens

    def forward(self, images: Tensor, camera: Tensor | None = None, view: Tensor | None = None) -> Tensor:
        """The features of each branch.

        Args:
            images: (B, 3, H, W), normalised.
            camera: (B,) int, 0-based, -1 for unknown; None: all unknown.
            view: (B,) int, likewise.

        Returns:
            (B, 1 + P, D): the global feature, then one for each jigsaw part.
        """
        tokens = self.trunk(self.embed(images, camera, view))
        features: Tensor = self.global_branch(tokens).unsqueeze(1)
        if self.local_branch is None:
            return features
        return torch.cat([features, self.local_branch(tokens, self.parts)], dim=1)


def _check_is_plain(vit: Any) -> None:
    """The encoder runs the parts itself, so a part that it does not know would be left out in silence."""
    unknown = {
        "no class token": not vit.has_class_token,
        "register tokens": vit.num_prefix_tokens > 1,
        "no position for the class token": vit.no_embed_class,
        "a norm before the blocks": not isinstance(vit.norm_pre, nn.Identity),
        "patch dropout": not isinstance(vit.patch_drop, nn.Identity),
        "images of any size": vit.dynamic_img_size,
    }
    found = [name for name, is_there in unknown.items() if is_there]
    if found:
        raise ValueError(f"TransReIDEncoder takes a plain ViT; this one has {', '.join(found)}")
