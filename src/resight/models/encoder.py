"""The TransReID encoder: images to one feature per branch."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resight.models.class_token import ClassTokenBranch
from resight.models.plain_vit import LEADING_TOKENS, obstacles
from resight.models.pooling import PatchPoolingBranch, Pooling
from resight.models.side_information import SideInformation
from resight.models.stochastic_depth import run_block


class TransReIDEncoder(nn.Module):
    """Tokens through all blocks but the last; then the last one for each branch, for the class token alone.

    ```
    image -> patches -> [CLS | patches] + positions + side information -> blocks 1 .. L-1
                                           -> global branch: last block on all tokens           -> feature 0
                                           -> local branch:  its own copy, once for each part   -> features 1 .. P
    ```

    Registers and a distillation token, where the ViT has them, stand behind CLS and join every part. Rotary positions
    turn the patches of every block, in a part too.

    Args:
        vit: a plain timm ViT (`resight.models.plain_vit`); it is taken apart, its last block and final norm become the
            global branch and, copied, the local branch. Load pre-trained weights into it before. What it has behind
            its final norm (pooling, classifier) is not used.
        side_information: what to add for camera and view; None adds nothing.
        parts: (P, L) int, the patches of each jigsaw part (`resight.models.jigsaw`); None: no local branch.
        pooling: `default`: the class token. `average`, `gem`: see `PatchPoolingBranch`; they need the whole last block,
            and go without parts.

    Raises:
        ValueError: if the ViT is not plain, or parts come with a pooling of their own.

    Source: He et al. 2021, arXiv:2102.04378. In the released code the original last block stays behind unused.
    """

    parts: Tensor | None

    def __init__(
        self,
        vit: Any,
        *,
        side_information: SideInformation | None = None,
        parts: Tensor | None = None,
        pooling: Pooling = "default",
    ) -> None:
        super().__init__()
        found = obstacles(vit)
        if found:
            raise ValueError(f"TransReIDEncoder takes a plain ViT; this one has {', '.join(found)}")
        if parts is not None and pooling != "default":
            raise ValueError(
                f"pooling={pooling!r} reads the patches of the whole image, jigsaw parts read the class token; "
                "use one of them"
            )
        *trunk, last = vit.blocks
        self.patch_embed: nn.Module = vit.patch_embed
        self.leading = tuple(name for name in LEADING_TOKENS if getattr(vit, name, None) is not None)
        for name in self.leading:
            self.register_parameter(name, getattr(vit, name))
        self.pos_embed: nn.Parameter | None = vit.pos_embed
        self.places_patches_only: bool = vit.no_embed_class
        self.pos_drop: nn.Module = vit.pos_drop
        self.norm_pre: nn.Module = vit.norm_pre
        self.rope: nn.Module | None = getattr(vit, "rope", None)
        self.side_information = side_information
        self.blocks = nn.ModuleList(trunk)
        num_leading = int(vit.num_prefix_tokens)
        self.global_branch: nn.Module
        if pooling == "default":
            self.global_branch = ClassTokenBranch(last, vit.norm)
        else:
            self.global_branch = PatchPoolingBranch(last, vit.norm, pooling=pooling, num_leading=num_leading)
        self.local_branch = copy.deepcopy(self.global_branch) if parts is not None else None
        self.register_buffer("parts", None if parts is None else _positions(parts, num_leading), persistent=False)
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
        leading = [getattr(self, name).expand(len(patches), -1, -1) for name in self.leading]
        if self.pos_embed is None:
            tokens = torch.cat([*leading, patches], dim=1)
        elif self.places_patches_only:
            tokens = torch.cat([*leading, patches + self.pos_embed], dim=1)
        else:
            tokens = torch.cat([*leading, patches], dim=1) + self.pos_embed
        if self.side_information is not None:
            tokens = tokens + self.side_information(len(patches), camera, view)
        embedded: Tensor = self.norm_pre(self.pos_drop(tokens))
        return embedded

    def rotary(self) -> dict[str, Any]:
        """What blocks take beside tokens: the rotary positions of the patches, where the ViT has them."""
        return {} if self.rope is None else {"rope": self.rope.get_embed()}  # type: ignore[operator]

    def trunk(self, tokens: Tensor, **rotary: Any) -> Tensor:
        """(B, 1 + N, D): the tokens that enter the last block; rotary: `rotary()`."""
        for block in self.blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                tokens = checkpoint(run_block, block, tokens, use_reentrant=False, **rotary)
            else:
                tokens = run_block(block, tokens, **rotary)
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
        rotary = self.rotary()
        tokens = self.trunk(self.embed(images, camera, view), **rotary)
        features: Tensor = self.global_branch(tokens, **rotary).unsqueeze(1)
        if self.local_branch is None:
            return features
        return torch.cat([features, self.local_branch(tokens, self.parts, **rotary)], dim=1)


def _positions(parts: Tensor, num_leading: int) -> Tensor:
    """Positions in the token sequence of what joins the class token, number 0, in each part."""
    others = torch.arange(1, num_leading).expand(len(parts), -1)
    return torch.cat([others, parts + num_leading], dim=1)
