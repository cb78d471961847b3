"""The pre-trained backbone as a file that timm loads, and back."""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from resight.errors import ModelFormatError
from resight.files import whole_file
from resight.models.backbones import VIT_SHAPES, ViTShape
from resight.models.resnet import RESNET_SHAPES
from resight.models.settings import changed_shape
from resight.pretrain.backbone import BackboneSettings, create_backbone
from resight.pretrain.method import attention_heads

_FORMAT = "resight.backbone.1"


def export_backbone(
    backbone: nn.Module,
    settings: BackboneSettings,
    path: str | PathLike[str],
    *,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Writes a safetensors file with timm's own names.

    Where timm has the net, the header says how to make it: `timm.create_model(header["timm_model"],
    **json.loads(header["timm_arguments"]), checkpoint_path=path)`. It has no convolution stem (ICS), no IBN-a.

    Args:
        backbone: `task.backbone`.
        settings: that it was made with.
        path: of the file.
        about: what else to keep in the header, such as method, epochs and the mean and std of its images.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in backbone.state_dict().items()}
    own = {
        "name": settings.name,
        "image_size": list(settings.image_size),
        "patch_size": settings.patch_size,
        "registers": settings.registers,
        "shape": dict(settings.shape or {}),
    }
    header = {"format": _FORMAT, "backbone": json.dumps(own), "about": json.dumps(dict(about or {}))}
    heads = attention_heads(backbone)
    if heads is not None:
        header["heads"] = str(heads)
    recipe = timm_recipe(settings)
    if recipe is not None:
        header |= {"timm_model": recipe[0], "timm_arguments": json.dumps(recipe[1])}
    with whole_file(Path(path)) as temporary:
        save_file(tensors, temporary, metadata=header)


def timm_recipe(settings: BackboneSettings) -> tuple[str, dict[str, Any]] | None:
    """Name and arguments that make timm build the same net, without classifier; None: timm has none."""
    if settings.name in RESNET_SHAPES:
        ordinary = settings.name == "resnet50" and not settings.shape
        return ("resnet50", {"num_classes": 0}) if ordinary else None
    size = {"img_size": list(settings.image_size), "num_classes": 0}
    if settings.name not in VIT_SHAPES:
        return settings.name, size
    shape: ViTShape = changed_shape(VIT_SHAPES[settings.name], settings.shape)
    if shape.convolution_stem or shape.attention_scale is not None:
        return None
    return "vit_small_patch16_224", {
        **size,
        "patch_size": settings.patch_size,
        "embed_dim": shape.width,
        "depth": shape.depth,
        "num_heads": shape.heads,
        "mlp_ratio": shape.mlp_ratio,
        "qkv_bias": shape.qkv_bias,
        "reg_tokens": settings.registers,
    }


def load_backbone(path: str | PathLike[str]) -> tuple[nn.Module, BackboneSettings]:
    """The net of a file of `export_backbone`, in evaluation mode, and what it was made with.

    Raises:
        ModelFormatError: if the file is none.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if header.get("format") != _FORMAT:
            raise ValueError("it has another format")
        own = json.loads(header["backbone"])
        own["image_size"] = tuple(own["image_size"])
        settings = BackboneSettings(**own)
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and thrown away
            net = create_backbone(settings)
        net.load_state_dict(tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelFormatError(f"{path} is no backbone that resight has exported: {error}") from error
    return net.eval(), settings
