"""Models by name: `create_model("vit_base", ...)` builds TransReID of that size, `list_models()` names them."""

import difflib
import fnmatch
from collections.abc import Mapping
from typing import Any, NamedTuple

import timm as timm_library

from resight.models.any_timm import TimmEncoder, create_timm_encoder
from resight.models.backbones import VIT_SHAPES, create_vit_encoder
from resight.models.classifiers import ClassifierName
from resight.models.encoder import TransReIDEncoder
from resight.models.neck import NeckName
from resight.models.patch_embed import Size
from resight.models.pooling import Pooling
from resight.models.reid import NeckFeature, ReIDModel
from resight.models.resnet import RESNET_SHAPES, create_resnet_encoder
from resight.models.settings import EncoderSettings, InitialWeights

Colour = tuple[float, float, float]


class Normalization(NamedTuple):
    """Mean and standard deviation of red, green and blue, of values 0..1."""

    mean: Colour
    std: Colour


def list_models(pattern: str = "*", *, timm: bool = False) -> list[str]:
    """Names that `create_model` knows.

    Args:
        pattern: which, with `*` and `?`, such as `vit_*`.
        timm: whether to name timm's nets too, behind ours; those of our names are always ours.
    """
    ours = sorted([*VIT_SHAPES, *RESNET_SHAPES])
    theirs = [name for name in timm_library.list_models() if name not in ours] if timm else []
    return fnmatch.filter([*ours, *theirs], pattern)


def default_normalization(name: str) -> Normalization:
    """What images are normalised with for a net: 0.5 for the ViTs of the papers, else as its weights were trained.

    Recipes say theirs themselves; this is for a net without one.

    Raises:
        ValueError: for an unknown name.
    """
    if name in VIT_SHAPES:
        return Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    try:
        config: Any = timm_library.get_pretrained_cfg("resnet50" if name in RESNET_SHAPES else name)
    except RuntimeError as error:
        raise ValueError(f"timm does not know {name}: {error}") from error
    if config is None:
        raise _unknown(name)
    return Normalization(tuple(config.mean), tuple(config.std))


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
    pooling: Pooling = "default",
    drop_path: float = 0.1,
    dropout: float = 0.0,
    attention_dropout: float = 0.0,
    neck_feature: NeckFeature = "before",
    neck: NeckName = "bnneck",
    classifier: ClassifierName = "linear",
    classifier_scale: float | None = None,
    classifier_margin: float | None = None,
    initial_weights: InitialWeights = "official",
    shape: Mapping[str, Any] | None = None,
) -> ReIDModel:
    """A re-identification model with fresh weights.

    Side information, jigsaw and stride are for ViTs with a class token: ours, and timm's plain ones. Any other net
    gives its pooled feature, and refuses them.

    Args:
        name: one of `list_models()`, or any net of timm (`list_models(timm=True)`), with or without the tag of its
            weights; without one our names win (`resnet50` is ours, `resnet50.tv_in1k` timm's).
        num_classes: training identities; 0 builds no classifier.
        image_size: (height, width) in pixels.
        patch_size: side of a patch in pixels, for our ViTs; timm's keep their own.
        stride: step between patches in pixels; smaller than a patch: overlapping patches. None: the patch, no overlap.
        num_cameras: cameras with an embedding of their own; 0: camera is not used.
        num_views: views likewise. Both 0: no side information.
        side_coefficient: lambda of the side-information embedding.
        jigsaw: whether to add the jigsaw branch (JPM).
        jigsaw_parts: parts of the jigsaw.
        jigsaw_shift: first patch of the shifted sequence, counted from 1; 8 for vehicles.
        jigsaw_groups: groups of the shuffle.
        jigsaw_rearrange: False: parts are cut without shift and shuffle.
        pooling: `default`: the class token of a ViT, else what the net does by itself. `average`: of patches or feature
            map. `gem`: their generalised mean; in a ViT added to the class token. Not with the jigsaw.
        drop_path: stochastic depth at the last block, rising from 0 at the first; a net without leaves it out.
        dropout: on embeddings, projections and MLPs.
        attention_dropout: on attention weights.
        neck_feature: the embedding is taken `before` or `after` the necks.
        neck: `bnneck`, or `none`: the classifier sees the feature itself.
        classifier: `linear`, `arcface`, `cosface`, `amsoftmax` or `circle`, on every branch.
        classifier_scale: of classifiers with a margin; None: the usual one, `resight.models.classifiers.MARGIN_RULES`.
        classifier_margin: likewise.
        initial_weights: `official`, random as in the released code (timm's own nets: as in timm), or `structured`, for
            our ViTs, see `resight.models.initial`.
        shape: fields of `ViTShape` or `ResNetShape` that differ from the named ones, such as `{"depth": 4}`; a net of
            timm has none.

    Raises:
        ValueError: for an unknown name (the nearest ones are named) or an impossible combination.
    """
    settings = EncoderSettings(
        image_size=image_size,
        patch_size=patch_size,
        stride=stride,
        num_cameras=num_cameras,
        num_views=num_views,
        side_coefficient=side_coefficient,
        jigsaw=jigsaw,
        jigsaw_parts=jigsaw_parts,
        jigsaw_shift=jigsaw_shift,
        jigsaw_groups=jigsaw_groups,
        jigsaw_rearrange=jigsaw_rearrange,
        pooling=pooling,
        drop_path=drop_path,
        dropout=dropout,
        attention_dropout=attention_dropout,
        initial_weights=initial_weights,
    )
    return ReIDModel(
        _create_encoder(name, settings, shape),
        num_classes,
        neck_feature=neck_feature,
        neck=neck,
        classifier=classifier,
        classifier_scale=classifier_scale,
        classifier_margin=classifier_margin,
    )


def _create_encoder(
    name: str, settings: EncoderSettings, shape: Mapping[str, Any] | None
) -> TransReIDEncoder | TimmEncoder:
    if name in VIT_SHAPES:
        return create_vit_encoder(name, settings, shape)
    if name in RESNET_SHAPES:
        return create_resnet_encoder(name, settings, shape)
    if not timm_library.is_model(name):
        raise _unknown(name)
    if shape:
        raise ValueError(f"{name} is a net of timm, whose shape is its name; leave shape={dict(shape)} out")
    return create_timm_encoder(name, settings)


def _unknown(name: str) -> ValueError:
    near = [*difflib.get_close_matches(name, list_models(), n=3)]
    near += [other for other in difflib.get_close_matches(name, timm_library.list_models(), n=3) if other not in near]
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(list_models())} and those of timm"
    return ValueError(f"there is no model named {name!r}; {hint}")
