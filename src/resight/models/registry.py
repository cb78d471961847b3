"""Models by name: `create_model("vit_base", ...)` builds TransReID of that size, `list_models()` names them."""

import difflib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from resight.models import jigsaw as jigsaw_rules
from resight.models.backbones import VIT_SHAPES, ViTShape, create_vit
from resight.models.encoder import TransReIDEncoder
from resight.models.initial import give_structure
from resight.models.patch_embed import Size
from resight.models.reid import NeckFeature, ReIDModel
from resight.models.side_information import SideInformation

InitialWeights = Literal["official", "structured"]


def list_models() -> list[str]:
    """Names that `create_model` knows."""
    return sorted(VIT_SHAPES)


def create_model(
    name: str,
    *,
    num_classes: int,
    image_size: Size = (256, 128),
    patch_size: int = 16,
    stride: int | None = None,
    num_cameras: int = 0,
    num_views: int = 0,
    side_coefficient: float = 3.0,
    jigsaw: bool = False,
    jigsaw_parts: int = 4,
    jigsaw_shift: int = 5,
    jigsaw_groups: int = 2,
    jigsaw_rearrange: bool = True,
    drop_path: float = 0.1,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    neck_feature: NeckFeature = "before",
    initial_weights: InitialWeights = "official",
    shape: Mapping[str, Any] | None = None,
) -> ReIDModel:
    """A re-identification model with fresh weights.

    Args:
        name: one of `list_models()`.
        num_classes: training identities; 0 builds no classifier.
        image_size: (height, width) in pixels.
        patch_size: side of a patch in pixels.
        stride: step between patches in pixels; smaller than `patch_size`: overlapping patches. None: `patch_size`.
        num_cameras: cameras with an embedding of their own; 0: camera is not used.
        num_views: views likewise. Both 0: no side information.
        side_coefficient: lambda of the side-information embedding.
        jigsaw: whether to add the jigsaw branch (JPM).
        jigsaw_parts: parts of the jigsaw.
        jigsaw_shift: first patch of the shifted sequence, counted from 1; 8 for vehicles.
        jigsaw_groups: groups of the shuffle.
        jigsaw_rearrange: False: parts are cut without shift and shuffle.
        drop_path: stochastic depth at the last block.
        dropout: on embeddings, projections and MLPs.
        attention_dropout: on attention weights.
        neck_feature: the embedding is taken `before` or `after` the necks.
        initial_weights: `official`, random as in the released code, or `structured`, see `resight.models.initial`.
        shape: fields of `ViTShape` that differ from the named ones, such as `{"depth": 4}`.

    Raises:
        ValueError: for an unknown name (the nearest ones are named) or an impossible combination.
    """
    vit_shape = _shape(name, shape)
    vit = create_vit(
        vit_shape,
        image_size=image_size,
        patch_size=patch_size,
        stride=stride,
        drop_path=drop_path,
        dropout=dropout,
        attention_dropout=attention_dropout,
    )
    if initial_weights not in ("official", "structured"):
        raise ValueError(f"initial_weights must be 'official' or 'structured', not {initial_weights!r}")
    if initial_weights == "structured":
        give_structure(vit)
    side_information = None
    if num_cameras or num_views:
        side_information = SideInformation(num_cameras, num_views, vit_shape.width, side_coefficient)
    parts = None
    if jigsaw:
        parts = jigsaw_rules.jigsaw_parts(
            vit.patch_embed.num_patches,
            parts=jigsaw_parts,
            shift=jigsaw_shift,
            groups=jigsaw_groups,
            rearrange=jigsaw_rearrange,
        )
    encoder = TransReIDEncoder(vit, side_information=side_information, parts=parts)
    return ReIDModel(encoder, num_classes, neck_feature=neck_feature)


def _shape(name: str, changes: Mapping[str, Any] | None) -> ViTShape:
    if name not in VIT_SHAPES:
        near = difflib.get_close_matches(name, VIT_SHAPES, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(list_models())}"
        raise ValueError(f"there is no model named {name!r}; {hint}")
    unknown = set(changes or {}) - set(ViTShape.__dataclass_fields__)
    if unknown:
        raise ValueError(f"unknown fields of shape: {sorted(unknown)}; known are {list(ViTShape.__dataclass_fields__)}")
    return replace(VIT_SHAPES[name], **(changes or {}))
