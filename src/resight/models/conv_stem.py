"""ICS: a convolution stem with instance-batch norm in place of the patch convolution."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from resight.models.patch_embed import Size, check_image_size, patch_grid

STEM_WIDTH = 64
STEM_STRIDE = 2


class InstanceBatchNorm(nn.Module):
    """IBN: instance norm on the first half of the channels, batch norm on the rest.

    The instance half forgets the look of one image (light, colour), the batch half keeps what tells identities apart.

    Args:
        channels: of the input.

    Source: Pan et al. 2018, arXiv:1807.09441. Weight names `IN.*` and `BN.*` as in its released code.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.IN = nn.InstanceNorm2d(channels // 2, affine=True)
        self.BN = nn.BatchNorm2d(channels - channels // 2)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W), normed."""
        count = self.IN.num_features
        return torch.cat([self.IN(images[:, :count]), self.BN(images[:, count:])], dim=1)


class ConvStem(nn.Module):
    """Images to tokens, row by row, by three small convolutions and a projection.

    The first convolution halves the image; the projection then takes patches of half the size at half the stride, so
    tokens are as many and stand as far apart as those of a patch convolution. The official code reads its configured
    stride for the position table alone, never for the projection, so only stride 16 fits there; here any even one does.

    It stands in for `OverlapPatchEmbed` (same attributes). Weight names as official: `conv.{0,1,3,4,6,7}` and `proj`.
    Convolutions start at Normal(0, sqrt(2 / (kernel area * width))).

    Args:
        img_size: (height, width) in pixels, or the side of a square.
        patch_size: side of a patch in pixels, even.
        in_chans: channels of the images.
        embed_dim: width D of the tokens.
        bias: whether the projection has one.
        stride: step between patches in pixels, even; None: `patch_size`, no overlap.
        unused: what else timm passes, such as `dynamic_img_pad`; padding and other image sizes are not offered.

    Raises:
        ValueError: if patch or stride is odd, or no patch fits.

    Source: Luo et al. 2021, arXiv:2111.12084, and its released code.
    """

    def __init__(
        self,
        img_size: int | Size = 224,
        patch_size: int = 16,
        in_chans: int = 3,
        embed_dim: int = 768,
        bias: bool = True,
        stride: int | None = None,
        **unused: Any,
    ) -> None:
        super().__init__()
        self.img_size: Size = (img_size, img_size) if isinstance(img_size, int) else (img_size[0], img_size[1])
        self.patch_size: Size = (patch_size, patch_size)
        self.stride = stride or patch_size
        if patch_size % STEM_STRIDE or self.stride % STEM_STRIDE:
            raise ValueError(
                f"the convolution stem halves the image, so patch_size and stride must be even, not {patch_size} and "
                f"{self.stride}; use even ones (released models: 16 and 16), or a model without this stem"
            )
        patch_grid(self.img_size, patch_size, self.stride)
        kernel, step = patch_size // STEM_STRIDE, self.stride // STEM_STRIDE
        halved = (math.ceil(self.img_size[0] / STEM_STRIDE), math.ceil(self.img_size[1] / STEM_STRIDE))
        self.grid_size = patch_grid(halved, kernel, step)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        self.conv = nn.Sequential(
            nn.Conv2d(in_chans, STEM_WIDTH, kernel_size=7, stride=STEM_STRIDE, padding=3, bias=False),
            InstanceBatchNorm(STEM_WIDTH),
            nn.ReLU(inplace=True),
            nn.Conv2d(STEM_WIDTH, STEM_WIDTH, kernel_size=3, padding=1, bias=False),
            InstanceBatchNorm(STEM_WIDTH),
            nn.ReLU(inplace=True),
            nn.Conv2d(STEM_WIDTH, STEM_WIDTH, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(STEM_WIDTH),
            nn.ReLU(inplace=True),
        )
        self.proj = nn.Conv2d(STEM_WIDTH, embed_dim, kernel_size=kernel, stride=step, bias=bias)
        for layer in (*self.conv, self.proj):
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

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
        tokens: Tensor = self.proj(self.conv(images))  # (B, D, rows, columns)
        return tokens.flatten(2).transpose(1, 2)  # (B, N, D)
