"""From plain values to a task: the one place that knows all methods."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, TypeVar, get_args

from resight.models.patch_embed import Size
from resight.pretrain.backbone import BackboneSettings, check_view_size, create_backbone
from resight.pretrain.crop_vit import CropViT
from resight.pretrain.dino import DinoSettings, DinoTask
from resight.pretrain.method import PretrainTask
from resight.pretrain.moby import MobySettings, MobyTask
from resight.pretrain.mocov2 import MocoV2Settings, MocoV2Task
from resight.pretrain.mocov3 import MocoV3Settings, MocoV3Task, prepare_vit

Method = Literal["dino", "mocov2", "mocov3", "moby"]
METHODS: tuple[Method, ...] = get_args(Method)
Settings = TypeVar("Settings")


def create_task(
    method: Method,
    backbone: BackboneSettings,
    options: Mapping[str, Any] | None = None,
    *,
    sizes: Sequence[Size] = (),
) -> PretrainTask:
    """A task of the trainer with fresh weights, from torch's random numbers.

    Args:
        method: `dino`, `mocov2`, `mocov3` or `moby`.
        backbone: the net.
        options: fields of the method's settings that differ from their defaults: `DinoSettings`, `MocoV2Settings`,
            `MocoV3Settings`, `MobySettings`.
        sizes: (height, width) of the views, which the net is tried on (`Views.sizes`).

    Raises:
        ValueError: for an unknown method or option, a net that is none, or a size that the net cannot take.
    """
    if method not in METHODS:
        raise ValueError(f"there is no pre-training method {method!r}; choose one of {', '.join(METHODS)}")
    net = create_backbone(backbone)
    for size in sizes:
        check_view_size(net, size)
    if method == "dino":
        return DinoTask(net, _settings(DinoSettings, options))
    if method == "mocov2":
        return MocoV2Task(net, _settings(MocoV2Settings, options))
    if method == "mocov3":
        if isinstance(net, CropViT):
            prepare_vit(net)
        return MocoV3Task(net, _settings(MocoV3Settings, options))
    return MobyTask(net, _settings(MobySettings, options))


def _settings(kind: type[Settings], options: Mapping[str, Any] | None) -> Settings:
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(options or {}) - set(known))
    if unknown:
        raise ValueError(f"{kind.__name__} has no {', '.join(unknown)}; it has {', '.join(known)}")
    return kind(**(options or {}))
