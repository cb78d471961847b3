"""The plain ViTs of the papers, by name, built on timm's `VisionTransformer`."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from resight.models.conv_stem import ConvStem
from resight.models.encoder import TransReIDEncoder
from resight.models.initial import give_structure
from resight.models.patch_embed import OverlapPatchEmbed, Size
from resight.models.settings import EncoderSettings, changed_shape


@dataclass(frozen=True)
class ViTShape:
    """The size of a plain ViT.

    width: D of the tokens. depth: blocks. heads: attention heads. mlp_ratio: hidden width of the MLP over D.
    qkv_bias: whether queries, keys and values have a bias. attention_scale: factor on the dot products; None is
    (D / heads) ** -0.5. convolution_stem: whether patches pass the ICS of TransReID-SSL, `resight.models.conv_stem`.

    Raises:
        ValueError: if a size is below 1, or the width cannot be split over the heads.
    """

    width: int
    depth: int
    heads: int
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    attention_scale: float | None = None
    convolution_stem: bool = False

    def __post_init__(self) -> None:
        if min(self.width, self.depth, self.heads) < 1:
            raise ValueError(
                f"width, depth and heads must be at least 1, not {self.width}, {self.depth} and {self.heads}"
            )
        if self.width % self.heads:
            raise ValueError(f"a width of {self.width} cannot be split over {self.heads} heads; make it divisible")


VIT_SHAPES: dict[str, ViTShape] = {
    "vit_base": ViTShape(768, 12, 12),
    "deit_base": ViTShape(768, 12, 12),
    "deit_small": ViTShape(384, 12, 6),
    "vit_small": ViTShape(384, 12, 6),
    # TransReID's own "ViT-S", an early timm model: wide, shallow and with the attention scale of the whole width.
    "vit_small_transreid": ViTShape(768, 8, 8, mlp_ratio=3.0, qkv_bias=False, attention_scale=768**-0.5),
    "vit_small_ics": ViTShape(384, 12, 6, convolution_stem=True),
    "vit_base_ics": ViTShape(768, 12, 12, convolution_stem=True),
    "vit_tiny": ViTShape(192, 12, 3),
    # For learning from scratch on a small set or on a laptop.
    "vit_micro": ViTShape(192, 6, 3),
    "vit_nano": ViTShape(96, 4, 3),
}


class _ScaleQuery(nn.Module):
    """Multiplies queries, so that an attention which divides by sqrt(d) has another scale."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, query: Tensor) -> Tensor:
        return query * self.factor


def create_vit(
    shape: ViTShape,
    *,
    image_size: Size,
    patch_size: int = 16,
    stride: int | None = None,
    drop_path: float = 0.0,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
) -> VisionTransformer:
    """A timm `VisionTransformer` with overlapping patches, without classifier.

    Args:
        shape: its size.
        image_size: (height, width) in pixels.
        patch_size: side of a patch in pixels.
        stride: step between patches in pixels; None: `patch_size`, no overlap.
        drop_path: stochastic depth of the last block, rising linearly from 0 at the first.
        dropout: on embeddings, projections and MLPs.
        attention_dropout: on the attention weights.

    Source: initial values as in the released TransReID code: linear and tables truncated normal 0.02, biases 0.
    """
    vit = VisionTransformer(
        img_size=image_size,
        patch_size=patch_size,
        embed_dim=shape.width,
        depth=shape.depth,
        num_heads=shape.heads,
        mlp_ratio=shape.mlp_ratio,
        qkv_bias=shape.qkv_bias,
        num_classes=0,
        global_pool="token",
        drop_path_rate=drop_path,
        pos_drop_rate=dropout,
        proj_drop_rate=dropout,
        attn_drop_rate=attention_dropout,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        embed_layer=partial(ConvStem if shape.convolution_stem else OverlapPatchEmbed, stride=stride or patch_size),
    )
    parts: Any = vit  # timm types its attributes too loosely
    nn.init.trunc_normal_(parts.cls_token, std=0.02)
    if shape.attention_scale is not None:
        factor = shape.attention_scale * (shape.width // shape.heads) ** 0.5
        for block in parts.blocks:
            block.attn.q_norm = _ScaleQuery(factor)
    return vit


def create_vit_encoder(name: str, settings: EncoderSettings, shape: Mapping[str, Any] | None) -> TransReIDEncoder:
    """The encoder of a ViT of our names.

    Args:
        name: one of `VIT_SHAPES`.
        settings: what is asked for.
        shape: fields of `ViTShape` that differ.

    Raises:
        ValueError: if the settings do not go together.
    """
    vit = create_vit(
        changed_shape(VIT_SHAPES[name], shape),
        image_size=settings.image_size,
        patch_size=settings.patch_size,
        stride=settings.stride,
        drop_path=settings.drop_path,
        dropout=settings.dropout,
        attention_dropout=settings.attention_dropout,
    )
    if settings.initial_weights == "structured":
        give_structure(vit)
    return settings.transreid(vit)
