"""Overlapping patches: a patch convolution whose stride may be smaller than the patch."""

import math
from typing import Any

import torch
from torch import Tensor, nn

Size = tuple[int, int]


def patch_grid(image_size: Size, patch_size: int, stride: int) -> Size:
    """Rows and columns of patches: floor((size - patch) / stride) + 1 on either axis.

    Args:
        image_size: (height, width) in pixels.
        patch_size: side of the square patch in pixels.
        stride: step between patches in pixels; smaller than `patch_size` means overlap.

    Raises:
        ValueError: if no patch fits, or stride or patch is not positive.
    """
    if patch_size < 1 or stride < 1:
        raise ValueError(f"patch_size and stride must be at least 1 pixel, not {patch_size} and {stride}")
    height, width = image_size
    if height < patch_size or width < patch_size:
        raise ValueError(
            f"a patch of {patch_size} pixels does not fit an image of {height}x{width} (height x width); "
            "enlarge image_size or choose a smaller patch_size"
        )
    return (height - patch_size) // stride + 1, (width - patch_size) // stride + 1


def check_image_size(images: Tensor, expected: Size) -> None:
    """Refuses images of another size than the position table is for.

    Raises:
        ValueError: if (B, 3, H, W) has another H or W.
    """
    height, width = images.shape[-2:]
    if (height, width) != expected:
        raise ValueError(
            f"the model takes images of {expected[0]}x{expected[1]} (height x width), got {height}x{width}; resize "
            "them, or build the model with image_size to match"
        )


class OverlapPatchEmbed(nn.Module):
    """Images to tokens, row by row, by one convolution without padding.

    It stands in for timm's `PatchEmbed` (same attributes, same weight names `proj.weight`, `proj.bias`) and adds the
    stride. Weights start at Normal(0, sqrt(2 / (patch area * width))).

    Args:
        img_size: (height, width) in pixels, or the side of a square.
        patch_size: side of a patch in pixels.
        in_chans: channels of the images.
        embed_dim: width D of the tokens.
        bias: whether the convolution has one.
        stride: step between patches in pixels; None: `patch_size`, no overlap.
        device: of the weights.
        dtype: of the weights.
        unused: what else timm passes, such as `dynamic_img_pad`; padding and other image sizes are not offered.

    Source: He et al. 2021, arXiv:2102.04378, section 3.1 and its released code.
    """

    def __init__(
        self,
        img_size: int | Size = 224,
        patch_size: int = 16,
        in_chans: int = 3,
        embed_dim: int = 768,
        bias: bool = True,
        stride: int | None = None,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
        **unused: Any,
    ) -> None:
        super().__init__()
        self.img_size: Size = (img_size, img_size) if isinstance(img_size, int) else (img_size[0], img_size[1])
        self.patch_size: Size = (patch_size, patch_size)
        self.stride = stride or patch_size
        self.grid_size = patch_grid(self.img_size, patch_size, self.stride)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        self.proj = nn.Conv2d(
            in_chans, embed_dim, kernel_size=patch_size, stride=self.stride, bias=bias, device=device, dtype=dtype
        )
        nn.init.normal_(self.proj.weight, std=math.sqrt(2.0 / (patch_size * patch_size * embed_dim)))

    def feat_ratio(self) -> int:
        """Pixels per token along one axis; timm asks for it."""
        return self.stride

    def forward(self, images: Tensor) -> Tensor:
        """Tokens of the images.

        Args:
            images: (B, 3, H, W), H and W as configured.

        Returns:
            (B, N, D), N patches in row-major order.

        Raises:
            ValueError: if the images have another size.
        """
        check_image_size(images, self.img_size)
        tokens: Tensor = self.proj(images)  # (B, D, rows, columns)
        return tokens.flatten(2).transpose(1, 2)  # (B, N, D)
