"""The net that is pre-trained: a ViT of ours, a ResNet-50, or any net of timm, without what TransReID adds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import timm
import torch
from torch import Tensor, nn

from resight.models.any_timm import create_with_known
from resight.models.backbones import VIT_SHAPES, ViTShape, create_vit
from resight.models.initial import give_structure
from resight.models.patch_embed import Size
from resight.models.plain_vit import obstacles
from resight.models.resnet import RESNET_SHAPES, ResNetShape, create_resnet50
from resight.models.settings import PATCH, InitialWeights, changed_shape
from resight.pretrain.crop_vit import CropViT


@dataclass(frozen=True)
class BackboneSettings:
    """What to pre-train.

    name: a ViT or ResNet of ours (`vit_small`, `vit_base_ics`, `resnet50`, ...) or any net of timm. image_size:
    (height, width) of the global crops in pixels. patch_size: of our ViTs. drop_path: stochastic depth of the trained
    net; its target has none. registers: extra tokens without a place, for our ViTs. initial_weights: `structured`, for
    our ViTs and small pools, see `resight.models.initial.give_structure`. gradient_checkpointing: compute activations
    again in the backward pass (ViTs). shape: fields of `ViTShape` or `ResNetShape` that differ; a ResNet-50
    is the ordinary one here (stride 2 at the end, ReLU in the stem), as the methods pre-train it.
    """

    name: str
    image_size: Size = (256, 128)
    patch_size: int = PATCH
    drop_path: float = 0.0
    registers: int = 0
    initial_weights: InitialWeights = "official"
    gradient_checkpointing: bool = False
    shape: Mapping[str, Any] | None = None


def create_backbone(settings: BackboneSettings) -> nn.Module:
    """The net: images (B, 3, H, W) to features (B, D), with D in `num_features`.

    Raises:
        ValueError: for an unknown name, or what the net cannot have.
    """
    if settings.name in VIT_SHAPES:
        net: nn.Module = _our_vit(settings, changed_shape(VIT_SHAPES[settings.name], settings.shape))
    elif settings.name in RESNET_SHAPES:
        _refuse(settings, "registers", "initial_weights")
        ordinary = {"last_stride": 2, "stem_relu": True, **(settings.shape or {})}
        shape: ResNetShape = changed_shape(RESNET_SHAPES[settings.name], ordinary)
        net = create_resnet50(shape, drop_path=settings.drop_path)
    elif timm.is_model(settings.name):
        _refuse(settings, "registers", "initial_weights", "shape")
        net = _timm_net(settings)
    else:
        known = ", ".join([*VIT_SHAPES, *RESNET_SHAPES])
        raise ValueError(f"there is no backbone named {settings.name!r}; known are {known} and the nets of timm")
    if settings.gradient_checkpointing:
        if isinstance(net, CropViT):
            net.gradient_checkpointing = True
        else:
            getattr(net, "set_grad_checkpointing", _no_checkpointing)(True)
    return net


def check_view_size(net: nn.Module, size: Size) -> None:
    """Tries a size of views on a net that is to see it.

    Raises:
        ValueError: if patches do not fill it, or the net takes one size alone.
    """
    shown = f"views of {size[0]}x{size[1]} (height x width)"
    if isinstance(net, CropViT):
        patch = net.patch_size
        if min(size) < patch or size[0] % patch or size[1] % patch:
            raise ValueError(f"{shown} are not whole patches of {patch} pixels; take sides divisible by {patch}")
        return
    was_training = net.training
    net.eval()
    try:
        with torch.no_grad():
            net(torch.zeros(1, 3, *size, device=next(net.parameters()).device))
    except (AssertionError, RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"the net cannot take {shown}: {reason}") from error
    finally:
        net.train(was_training)


def _our_vit(settings: BackboneSettings, shape: ViTShape) -> CropViT:
    vit: Any = create_vit(
        shape, image_size=settings.image_size, patch_size=settings.patch_size, drop_path=settings.drop_path
    )
    if settings.initial_weights == "structured":
        give_structure(vit)
    net = CropViT(vit)
    if settings.registers:
        add_registers(net, settings.registers)
    return net


def add_registers(net: CropViT, count: int) -> None:
    """Gives a ViT tokens that belong to no patch, behind the class token, with rows of their own in the table.

    Raises:
        ValueError: if the count is negative, or it has some.

    Source: Darcet et al. 2023, arXiv:2309.16588.
    """
    if count < 0 or "reg_token" in net.leading or net.pos_embed is None:
        raise ValueError(f"registers: expected a count of 0 or more for a ViT without registers, came {count}")
    tokens = nn.Parameter(torch.zeros(1, count, net.num_features))
    nn.init.trunc_normal_(tokens, std=0.02)
    net.register_parameter("reg_token", tokens)
    place = len(net.leading)
    rows: Tensor = net.pos_embed.data
    net.pos_embed = nn.Parameter(torch.cat([rows[:, :place], torch.zeros_like(tokens), rows[:, place:]], dim=1))
    net.leading = (*net.leading, "reg_token")


def _timm_net(settings: BackboneSettings) -> nn.Module:
    """A plain ViT becomes a `CropViT`; other nets run as timm runs them, at any image size where they can."""
    wanted = {"img_size": settings.image_size, "dynamic_img_size": False, "drop_path_rate": settings.drop_path}
    net, _ = create_with_known(settings.name, wanted)
    if not obstacles(net) and getattr(net, "rope", None) is None:
        return CropViT(net)
    net, _ = create_with_known(settings.name, {**wanted, "dynamic_img_size": True})
    result: nn.Module = net
    return result


def _refuse(settings: BackboneSettings, *names: str) -> None:
    asked = [name for name in names if (getattr(settings, name) or None) != (getattr(BackboneSettings, name) or None)]
    if asked:
        raise ValueError(
            f"{settings.name} cannot have {', '.join(asked)}; leave it out, or take a ViT such as vit_small"
        )


def _no_checkpointing(enable: bool) -> None:
    raise ValueError("this net has no gradient checkpointing; switch it off")
