"""Builds our models from the settings of a golden case and loads its weights."""

from typing import Any

import torch
from torch import Tensor

from resight.models.backbones import ViTShape, create_vit
from resight.models.encoder import TransReIDEncoder
from resight.models.jigsaw import jigsaw_parts
from resight.models.pooling import Pooling
from resight.models.reid import ReIDModel
from resight.models.side_information import SideInformation
from resight.models.weights.transreid import from_transreid


def _single(value: Any) -> int:
    """A stride is written as one number or as two equal ones."""
    if isinstance(value, list):
        assert len(set(value)) == 1, f"no support for different strides on the two axes: {value}"
        value = value[0]
    return int(value)


def build_encoder(settings: dict[str, Any], *, jigsaw: bool, pooling: Pooling = "default") -> TransReIDEncoder:
    head_dim = settings["embed_dim"] // settings["num_heads"]
    scale = settings.get("attention_scale")
    shape = ViTShape(
        width=settings["embed_dim"],
        depth=settings["depth"],
        heads=settings["num_heads"],
        mlp_ratio=settings.get("mlp_ratio", 4),
        qkv_bias=settings.get("qkv_bias", True),
        attention_scale=None if scale is None or abs(scale - head_dim**-0.5) < 1e-9 else scale,
        convolution_stem=bool(settings.get("stem")),
    )
    image_size = tuple(settings["image_hw"])
    patch_size, stride = settings.get("patch_size", 16), _single(settings.get("stride", 16))
    vit = create_vit(shape, image_size=image_size, patch_size=patch_size, stride=stride)
    cameras, views = settings.get("num_cameras", 0), settings.get("num_views", 0)
    side = None
    if cameras or views:
        side = SideInformation(cameras, views, shape.width, settings["sie_lambda"])
    parts = None
    if jigsaw:
        parts = jigsaw_parts(
            vit.patch_embed.num_patches,
            parts=settings["divide_length"],
            shift=settings["shift_num"],
            groups=settings["shuffle_groups"],
            rearrange=settings["rearrange"],
        )
    return TransReIDEncoder(vit, side_information=side, parts=parts, pooling=pooling)


def encoder_state(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a backbone, by our names."""
    return {key.removeprefix("encoder."): value for key, value in from_transreid(weights).items()}


def build_model(settings: dict[str, Any], weights: dict[str, Tensor], *, jigsaw: bool) -> ReIDModel:
    """Our model with the weights of the case; every tensor that a result depends on has to find its place."""
    model = ReIDModel(build_encoder(settings, jigsaw=jigsaw), settings["num_classes"])
    model.load_state_dict(from_transreid(weights), strict=True)
    return model


def side_inputs(inputs: dict[str, Tensor], settings: dict[str, Any]) -> dict[str, Tensor | None]:
    """Camera and view labels, where the model has a use for them."""
    camera = next((inputs[key] for key in ("cam_label", "cam_labels") if key in inputs), None)
    view = next((inputs[key] for key in ("view_label", "view_labels") if key in inputs), None)
    return {
        "camera": camera if settings.get("num_cameras") else None,
        "view": view if settings.get("num_views") else None,
    }


def single_thread() -> None:
    torch.set_num_threads(1)
