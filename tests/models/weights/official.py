"""Files laid out as the official code leaves them, small enough to write in a test."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from resight.models import create_model
from resight.models.reid import ReIDModel
from tests.models.tiny import TINY, shake

LAYERS = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
BLOCK = [f"{layer}.{kind}" for layer in LAYERS for kind in ("weight", "bias")]
NECK = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


def official_names(*, jigsaw: bool) -> dict[str, str]:
    """Official name to ours, written out, for two blocks, two parts and cameras; "" for what is unused."""
    names = {
        "base.cls_token": "encoder.cls_token",
        "base.pos_embed": "encoder.pos_embed",
        "base.sie_embed": "encoder.side_information.table",
        "base.patch_embed.proj.weight": "encoder.patch_embed.proj.weight",
        "base.patch_embed.proj.bias": "encoder.patch_embed.proj.bias",
        "base.fc.weight": "",
        "base.fc.bias": "",
        "classifier.weight": "necks.0.classifier.weight",
    }
    names |= {f"base.blocks.0.{name}": f"encoder.blocks.0.{name}" for name in BLOCK}
    names |= {f"base.blocks.1.{name}": "" if jigsaw else f"encoder.global_branch.block.{name}" for name in BLOCK}
    names |= {f"base.norm.{n}": "" if jigsaw else f"encoder.global_branch.norm.{n}" for n in ("weight", "bias")}
    names |= {f"bottleneck.{name}": f"necks.0.norm.{name}" for name in NECK}
    if jigsaw:
        for theirs, ours in (("b1", "global_branch"), ("b2", "local_branch")):
            names |= {f"{theirs}.0.{name}": f"encoder.{ours}.block.{name}" for name in BLOCK}
            names |= {f"{theirs}.1.{name}": f"encoder.{ours}.norm.{name}" for name in ("weight", "bias")}
        for part in (1, 2):
            names |= {f"bottleneck_{part}.{name}": f"necks.{part}.norm.{name}" for name in NECK}
            names[f"classifier_{part}.weight"] = f"necks.{part}.classifier.weight"
    return names


def tiny_model(**settings: Any) -> ReIDModel:
    """Weights that differ everywhere; with cameras and jigsaw if asked for."""
    model: Any = create_model("vit_nano", **{"num_classes": 5, "jigsaw_parts": 2, **TINY, **settings})
    return shake(model, seed=3)  # type: ignore[return-value]


def official_state(model: ReIDModel) -> dict[str, Tensor]:
    """What the official code would save of that model."""
    jigsaw = model.encoder.local_branch is not None  # type: ignore[attr-defined]
    state = model.state_dict()
    names = {theirs: ours for theirs, ours in official_names(jigsaw=jigsaw).items() if ours == "" or ours in state}
    return {theirs: state[ours].clone() if ours else torch.full((3,), 9.0) for theirs, ours in names.items()}


def backbone_state(model: ReIDModel) -> dict[str, Tensor]:
    """The plain ViT inside, as timm names it, with timm's classifier."""
    state = {key: value for key, value in official_state(model).items() if key.startswith("base.")}
    bare = {key.removeprefix("base."): value for key, value in state.items() if "sie_embed" not in key}
    return {key.replace("fc.", "head.") if key.startswith("fc.") else key: value for key, value in bare.items()}


def dino_state(model: ReIDModel, *, prefix: str) -> dict[str, Tensor]:
    """One network of a DINO checkpoint."""
    backbone = {key: value for key, value in backbone_state(model).items() if not key.startswith("head.")}
    head = {"mlp.0.weight": torch.zeros(4, 3), "last_layer.weight_g": torch.ones(8, 1)}
    named = {**{f"backbone.{key}": v for key, v in backbone.items()}, **{f"head.{key}": v for key, v in head.items()}}
    return {prefix + key: value for key, value in named.items()}


def same_encoder(one: ReIDModel, other: ReIDModel, *, without: tuple[str, ...] = ()) -> bool:
    """Whether two models have equal encoders, apart from tensors whose names begin so."""
    mine: Mapping[str, Tensor] = one.encoder.state_dict()  # type: ignore[attr-defined]
    theirs: Mapping[str, Tensor] = other.encoder.state_dict()  # type: ignore[attr-defined]
    names = [name for name in mine if not name.startswith(without or ("-",))]
    return bool(names) and all(torch.equal(mine[name], theirs[name]) for name in names)
