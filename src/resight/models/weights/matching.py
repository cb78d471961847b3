"""Which tensors of a weight file a model takes, in which form, and what becomes of the others."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from resight.errors import ModelFormatError
from resight.models.reid import ReIDModel
from resight.models.weights.positions import fit_table
from resight.models.weights.report import WeightReport
from resight.models.weights.weight_file import WeightFile

_POSITIONS, _SIDE, _NET = "encoder.pos_embed", "encoder.side_information.table", "encoder.net."
_CLASSIFIER = r"necks\.\d+\.classifier\."
# What a file may have that the model lacks, by our names, and why it is not needed.
_NOT_NEEDED = {
    r"encoder\.(head|head_dist|fc|pre_logits)\.": "classifier of the pre-training",
    r"encoder\.(dist_token|mask_token)$": "token of the pre-training",
    r"encoder\.local_branch\.": "the model has no jigsaw branch",
    r"encoder\.side_information\.": "the model has no side information",
    _CLASSIFIER: "the model has no such classifier",
    r"necks\.\d+\.norm\.": "the model has no such neck",
}


@dataclass
class _Offer:
    """Tensors on their way from file to model, and what was done to them."""

    tensors: dict[str, Tensor]
    resized: dict[str, str] = field(default_factory=dict)
    not_needed: dict[str, str] = field(default_factory=lambda: dict(_NOT_NEEDED))
    misfit: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def match_weights(model: ReIDModel, file: WeightFile) -> tuple[WeightReport, dict[str, Tensor]]:
    """Compares a file with a model; changes neither.

    Returns:
        The report, and the tensors that the model takes, under its names and in its shapes.

    Raises:
        ModelFormatError: if the grid of a position table cannot be told.
    """
    encoder: Any = model.encoder
    wanted = model.state_dict()
    offer = _Offer(dict(file.state))
    if hasattr(encoder, "net"):
        _offer_to_net(encoder.net, file, offer)
    else:
        _offer_to_vit(encoder, wanted, file, offer)
    taken: dict[str, Tensor] = {}
    fresh: dict[str, str] = {}
    missing = []
    for name, own in wanted.items():
        value = offer.tensors.pop(name, None)
        if value is not None and value.shape == own.shape:
            taken[name] = value
        elif reason := _why_fresh(name, value, own):
            fresh[name] = reason
        elif value is None:
            missing.append(name)
        else:
            offer.misfit[name] = f"shape {list(value.shape)} in the file, {list(own.shape)} in the model"
    reasons = {name: _why_not_needed(name, offer.not_needed) for name in offer.tensors}
    if _SIDE in taken:
        offer.notes.append("the side information is taken row by row: its cameras and views must be those of the file")
    if any(re.match(_CLASSIFIER, name) for name in taken):
        offer.notes.append(
            "classifiers are taken row by row: the training identities must be those of the file, in its order (the "
            "official code does not have them ascending for DukeMTMC-reID, Occluded-Duke and VehicleID)"
        )
    report = WeightReport(
        source=file.source,
        kind=file.kind,
        matched=tuple(name for name in taken if name not in offer.resized),
        resized={name: what for name, what in offer.resized.items() if name in taken},
        fresh=fresh,
        missing=tuple(missing),
        misfit=offer.misfit,
        unexpected=tuple(name for name, reason in reasons.items() if reason is None),
        left_out={**file.left_out, **{name: reason for name, reason in reasons.items() if reason is not None}},
        notes=tuple(offer.notes),
    )
    return report, taken


def _offer_to_vit(encoder: Any, wanted: Mapping[str, Tensor], file: WeightFile, offer: _Offer) -> None:
    """Fits positions, and copies the last block to the jigsaw branch where the file has none."""
    tensors = offer.tensors
    has_local = any(name.startswith("encoder.local_branch.") for name in tensors)
    if encoder.local_branch is not None and not has_local:
        last = {name: value for name, value in tensors.items() if name.startswith("encoder.global_branch.")}
        tensors.update({name.replace("global_branch", "local_branch"): value for name, value in last.items()})
        offer.notes.append("the jigsaw branch starts as a copy of the last block and norm, as in the official code")
    patches, own = tensors.get("encoder.patch_embed.proj.weight"), wanted.get("encoder.patch_embed.proj.weight")
    if patches is not None and own is not None and patches.ndim == 2 and patches.numel() == own.numel():
        tensors["encoder.patch_embed.proj.weight"] = patches.view_as(own)  # early files hold a linear layer
    table, own = tensors.get(_POSITIONS), wanted.get(_POSITIONS)
    if table is not None and own is not None and table.ndim == 3 and table.shape[-1] == own.shape[-1]:
        tensors[_POSITIONS], what = fit_table(
            table,
            rows=own.shape[1],
            grid=encoder.patch_embed.grid_size,
            is_distilled="encoder.dist_token" in tensors and "encoder.dist_token" not in wanted,
            learned_on=file.grid,
        )
        if what is not None:
            offer.resized[_POSITIONS] = what
    heads = file.about.get("heads")
    if heads is not None and heads != encoder.global_branch.block.attn.num_heads:
        own_heads = encoder.global_branch.block.attn.num_heads
        offer.misfit["attention heads"] = (
            f"{heads} in the file, {own_heads} in the model, in tensors of equal shapes: "
            f"model.shape={{heads: {heads}}} fits"
        )


def _offer_to_net(net: Any, file: WeightFile, offer: _Offer) -> None:
    """Undoes our names of a ViT, then lets timm's own reader of that net fit names and tables where they differ."""
    necks = {name: value for name, value in offer.tensors.items() if not name.startswith("encoder.")}
    source = net_state(offer.tensors)
    before = {name: tuple(value.shape) for name, value in source.items()}
    read = getattr(sys.modules[type(net).__module__], "checkpoint_filter_fn", None)
    is_same = all(before.get(name) == tuple(value.shape) for name, value in net.state_dict().items())
    if read is not None and not is_same:
        try:
            source = read(source, net)
        except Exception as error:
            raise ModelFormatError(
                f"timm's reader for a {type(net).__name__} cannot use {file.source} ({type(error).__name__}: {error}); "
                "is it of the same net?"
            ) from error
    after = {name: tuple(value.shape) for name, value in source.items()}
    changed = [name for name in after if name in before and before[name] != after[name]]
    offer.tensors = {**necks, **{_NET + name: value for name, value in source.items()}}
    offer.resized.update({_NET + name: f"{before[name]} -> {after[name]} by timm's rule" for name in changed})
    cfg = getattr(net, "pretrained_cfg", None) or {}
    classifiers = cfg.get("classifier") or "fc"
    for classifier in [classifiers] if isinstance(classifiers, str) else classifiers:
        offer.not_needed[rf"encoder\.net\.{re.escape(classifier)}\."] = "classifier of the pre-training"


def net_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's tensors under the names that timm gives to the net."""
    depth = sum(name.endswith(".norm1.weight") for name in state if name.startswith("encoder.blocks."))
    bare = {}
    for name, value in state.items():
        if name.startswith("encoder."):
            name = name.removeprefix(_NET).removeprefix("encoder.")
            name = name.replace("global_branch.block.", f"blocks.{depth}.").replace("global_branch.norm.", "norm.")
            bare[name] = value
    return bare


def _why_fresh(name: str, value: Tensor | None, own: Tensor) -> str | None:
    """Why a tensor keeps its initial value on purpose; None: it should have come from the file."""
    if value is None:
        if name == _SIDE or name.startswith("necks."):
            return "not in the file"
        return "a counter that older files do not have" if name.endswith(".num_batches_tracked") else None
    if value.shape[1:] != own.shape[1:] or value.ndim != own.ndim:
        return None
    if name == _SIDE:
        return f"{len(value)} cameras x views in the file, {len(own)} in the model"
    if re.match(_CLASSIFIER, name):
        return f"{len(value)} classes in the file, {len(own)} in the model"
    return None


def _why_not_needed(name: str, not_needed: Mapping[str, str]) -> str | None:
    return next((reason for pattern, reason in not_needed.items() if re.match(pattern, name)), None)
