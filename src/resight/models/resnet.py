"""The ResNet-50 of the strong baseline (BoT), built on timm's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from timm.models.resnet import Bottleneck, ResNet
from torch import nn

from resight.models.any_timm import TimmEncoder, choose_pooling
from resight.models.conv_stem import InstanceBatchNorm
from resight.models.settings import VIT_ONLY, EncoderSettings, changed_shape


@dataclass(frozen=True)
class ResNetShape:
    """How the net differs from the ordinary ResNet-50.

    last_stride: of the last stage; 1 gives a feature map of 1/16 of the image, 2 the ordinary 1/32. stem_relu: whether
    a ReLU follows the first batch norm; the official strong baseline has none. stem_pool: kernel of the max-pool with
    stride 2 behind it: 3 (padding 1, official) or 2 (no padding, as in TransReID's copies). ibn: whether the first norm
    of each block of the first three stages is instance-batch norm (IBN-a).

    Raises:
        ValueError: if a stride or kernel is none of these.
    """

    last_stride: int = 1
    stem_relu: bool = False
    stem_pool: int = 3
    ibn: bool = False

    def __post_init__(self) -> None:
        if self.last_stride not in (1, 2):
            raise ValueError(f"last_stride must be 1 or 2, not {self.last_stride}")
        if self.stem_pool not in (2, 3):
            raise ValueError(f"stem_pool must be 2 or 3, the kernel of the first max-pool, not {self.stem_pool}")


RESNET_SHAPES: dict[str, ResNetShape] = {
    "resnet50": ResNetShape(),
    "resnet50_ibn_a": ResNetShape(stem_relu=True, ibn=True),
}


def create_resnet50(shape: ResNetShape, *, drop_path: float = 0.0) -> Any:
    """A timm `ResNet` with 50 layers, without classifier: images (B, 3, H, W) to averages (B, 2048).

    Weight names are those of torchvision and timm; IBN-a adds `bn1.IN` and `bn1.BN`, as in its released weights.

    Args:
        shape: the variant.
        drop_path: stochastic depth of the last block, rising from 0; the strong baseline has none.

    Source: Luo et al. 2019, arXiv:1906.08332, and its released code; IBN-a: Pan et al. 2018, arXiv:1807.09441. Initial
    values as torchvision's.
    """
    block: Any = Bottleneck  # timm asks for an instance, and means the class
    net: Any = ResNet(block, (3, 4, 6, 3), num_classes=0, drop_path_rate=drop_path, zero_init_last=False)
    first = net.layer4[0]
    for convolution in (first.conv2, first.downsample[0]):
        convolution.stride = (shape.last_stride, shape.last_stride)
    if not shape.stem_relu:
        net.act1 = nn.Identity()
    if shape.stem_pool == 2:
        net.maxpool = nn.MaxPool2d(kernel_size=2, stride=2)
    if shape.ibn:
        for stage in (net.layer1, net.layer2, net.layer3):
            for unit in stage:
                unit.bn1 = InstanceBatchNorm(unit.bn1.num_features)
    return net


def create_resnet_encoder(name: str, settings: EncoderSettings, shape: Mapping[str, Any] | None) -> TimmEncoder:
    """The encoder of a ResNet-50 of our names.

    Args:
        name: one of `RESNET_SHAPES`.
        settings: what is asked for.
        shape: fields of `ResNetShape` that differ.

    Raises:
        ValueError: if it cannot have what is asked for.
    """
    others = ("dropout", "attention_dropout", "initial_weights")
    settings.refuse(name, "it is no ViT, take one such as vit_base", *VIT_ONLY, *others)
    net = create_resnet50(changed_shape(RESNET_SHAPES[name], shape), drop_path=settings.drop_path)
    choose_pooling(name, net, settings.pooling)
    return TimmEncoder(net)
