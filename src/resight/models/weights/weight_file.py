"""A weight file of any known kind, told by the names in it and brought to our names.

| kind | what | how it is told |
|---|---|---|
| `resight` | our model folder, run folder, or a file of them | `encoder.global_branch.*`, `encoder.net.*` |
| `transreid` | fine-tuned by official TransReID, TransReID-SSL, strong baseline | `base.*` |
| `transreid_ssl` | the same with the convolution stem of TransReID-SSL | `base.patch_embed.conv.*` |
| `dino_teacher`, `dino_student` | pre-training by DINO, TransReID-SSL | `teacher`, `student`; `backbone.*` |
| `moco_v2`, `moco_v3`, `moby` | pre-training by these | `encoder_q.*`, `base_encoder.*`, `encoder_k.*` |
| `timm` | a net alone, as timm, torchvision, DeiT and DINO name it | anything else |
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError, safe_open
from torch import Tensor

from resight.errors import ModelFormatError
from resight.models.patch_embed import Size, patch_grid
from resight.models.weights.checkpoint_file import open_checkpoint
from resight.models.weights.pretraining import LAYOUTS, Layout, layout_of, own_facts, own_network, why_left_out
from resight.models.weights.transreid import transreid_names

Kind = Literal[
    "resight", "transreid", "transreid_ssl", "dino_teacher", "dino_student", "moco_v2", "moco_v3", "moby", "timm"
]
Network = Literal["teacher", "student"]

_WRAPPERS = ("model", "state_dict")
_PREFIXES = ("module.", "_orig_mod.")  # of torch's parallel and compiled modules
_UNUSED = "the official model keeps it, but no output depends on it"


@dataclass(frozen=True)
class WeightFile:
    """What a file offers.

    source: what to call it in messages. kind: see the table above. state: tensors under the names of our `ReIDModel`;
    those of a net that is no ViT are under `encoder.net.`. left_out: names in the file that no model of ours has a use
    for, and why. about: what else the file says, such as its epoch. grid: rows and columns that its position table was
    learned on, where that is known; None: it is told from the number of rows.
    """

    source: str
    kind: Kind
    state: Mapping[str, Tensor]
    left_out: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    grid: Size | None = None


def read_weights(path: str | PathLike[str], *, network: Network = "teacher") -> WeightFile:
    """Reads a weight file; its kind is told from its content.

    Args:
        path: a .pth, .pt, .bin or .safetensors file, a model folder, or a run folder.
        network: which one to take from a file that holds a teacher and a student.

    Raises:
        ModelFormatError: if there is no such file, it cannot be read safely, or it holds no net.
    """
    file = _inside(Path(path).expanduser())
    content = open_checkpoint(file)
    own = own_network(content, teacher=network == "teacher")
    entry = _entry(content, network) if own is None else None
    tensors = _tensors(own or (content if entry is None else content[entry]), file)
    about = _about(content, entry) if own is None else own_facts(content)
    return from_tensors(tensors, source=str(file), about=about, network=network, card=_card(file))


def from_tensors(
    tensors: Mapping[str, Tensor],
    *,
    source: str,
    about: Mapping[str, Any] | None = None,
    network: Network = "teacher",
    card: Mapping[str, Any] | None = None,
) -> WeightFile:
    """The same for a state dict in memory.

    Args:
        tensors: by the names of its kind.
        source: what to call it in messages.
        about: see `WeightFile`.
        network: what to call the network of a state dict of DINO.
        card: of a model folder of ours.

    Raises:
        ModelFormatError: if it holds no net.
    """
    while prefix := next((one for one in _PREFIXES if tensors and all(name.startswith(one) for name in tensors)), None):
        tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    kind = _kind(tensors, network)
    names, left_out = _names(tensors, kind)
    state = {ours: tensors[key] for key, ours in names.items()}
    known = {**(about or {}), **(card or {})}
    token = state.get("encoder.cls_token")
    if kind == "moco_v3" and token is not None and token.shape[-1:] == (384,):
        known["heads"] = 12  # twice as many as every other ViT-S, in tensors of the same shapes
    return WeightFile(source, kind, state, left_out, known, _grid(card))


def _inside(path: Path) -> Path:
    """The file that is meant by a folder."""
    if not path.is_dir():
        return path
    candidates = ("model.safetensors", "model/model.safetensors", "backbone.safetensors", "checkpoints/last.pt")
    for name in candidates:
        if (path / name).is_file():
            return path / name
    raise ModelFormatError(f"the folder {path} holds no weights: it has none of {', '.join(candidates)}")


def _entry(content: Mapping[str, Any], network: Network) -> str | None:
    """The entry that holds the tensors; None: the file itself does."""
    if "teacher" in content or "student" in content:
        if network not in content:
            hint = "; --student takes its student, in Python network='student'" if network == "teacher" else ""
            raise ModelFormatError(f"the file holds no {network}; its entries are {', '.join(map(str, content))}{hint}")
        return network
    return next((name for name in _WRAPPERS if isinstance(content.get(name), Mapping)), None)


def _tensors(entry: Any, file: Path) -> dict[str, Tensor]:
    items = entry.items() if isinstance(entry, Mapping) else []
    tensors = {name: value for name, value in items if isinstance(name, str) and isinstance(value, Tensor)}
    if not tensors:
        found = ", ".join(map(str, entry)) if isinstance(entry, Mapping) else type(entry).__name__
        raise ModelFormatError(f"{file} holds no tensors of a net; it has: {found[:200] or 'nothing'}")
    return tensors


def _kind(names: Mapping[str, Any], network: Network) -> Kind:
    def has(*prefixes: str) -> bool:
        return any(name.startswith(prefixes) for name in names)

    if has("encoder.global_branch.", "encoder.net."):
        return "resight"
    method = layout_of(names)
    if method is not None:
        dino: Kind = "dino_teacher" if network == "teacher" else "dino_student"
        return dino if method == "dino" else method  # type: ignore[return-value]
    if has("base."):
        return "transreid_ssl" if has("base.patch_embed.conv.") else "transreid"
    return "timm"


def _names(tensors: Mapping[str, Tensor], kind: Kind) -> tuple[dict[str, str], dict[str, str]]:
    """Name in the file to our name, and name in the file to the reason why it is left out."""
    if kind == "resight":
        return {key: key for key in tensors}, {}
    if kind.startswith("transreid"):
        translated, left_out = transreid_names(tensors), {}
    else:
        layout = LAYOUTS.get("dino" if kind.startswith("dino") else kind, Layout("", ""))
        left_out = {key: reason for key in tensors if (reason := why_left_out(key, layout))}
        rest = [key for key in tensors if key not in left_out]
        translated = _net_names({key: key.removeprefix(layout.backbone) for key in rest})
    why = _UNUSED if kind.startswith("transreid") else "classifier of the pre-training"
    left_out.update({key: why for key, ours in translated.items() if ours is None})
    return {key: ours for key, ours in translated.items() if ours is not None}, left_out


def _net_names(names: Mapping[str, str]) -> dict[str, str | None]:
    """Of a net alone: keys, with its own names, to ours."""
    is_vit = any(re.match(r"blocks\.\d+\.", name) for name in names.values())
    if not (is_vit and any(name.startswith("patch_embed.") for name in names.values())):
        return {key: f"encoder.net.{name}" for key, name in names.items()}
    ours = transreid_names(names.values())
    return {key: ours[name] for key, name in names.items()}


def _about(content: Mapping[str, Any], entry: str | None) -> dict[str, Any]:
    """Plain values beside the tensors."""
    if entry is None:
        return {}
    values = {name: value.item() if isinstance(value, np.generic) else value for name, value in content.items()}
    plain = {name: value for name, value in values.items() if isinstance(value, (str, int, float))}
    arch = getattr(content.get("args"), "arch", None)
    return {"entry": entry, **({"arch": arch} if isinstance(arch, str) else {}), **plain}


def _card(file: Path) -> dict[str, Any]:
    """Name and settings from the card beside the weights, or from the header of what pre-training left; else empty."""
    try:
        content = json.loads(file.with_name("card.json").read_text(encoding="utf-8"))
        return {"name": str(content["name"]), "settings": dict(content["settings"])}
    except (OSError, ValueError, KeyError, TypeError):
        return _header(file)


def _header(file: Path) -> dict[str, Any]:
    """What `resight.pretrain.export` says of a backbone: name, sizes, heads, and the mean and std of its images."""
    if file.suffix != ".safetensors":
        return {}
    try:
        with safe_open(file, framework="pt") as opened:
            header = opened.metadata() or {}
        content = json.loads(header["backbone"])
        heads = {"heads": int(header["heads"])} if "heads" in header else {}
        about = json.loads(header.get("about", "{}"))
        pixels = {name: tuple(map(float, about[name])) for name in ("mean", "std") if name in about}
        return {"name": str(content["name"]), "settings": dict(content), **heads, **pixels}
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return {}


def _grid(card: Mapping[str, Any] | None) -> Size | None:
    settings = (card or {}).get("settings", {})
    try:
        patch = settings["patch_size"]
        return patch_grid(tuple(settings["image_size"]), patch, settings.get("stride") or patch)
    except (KeyError, TypeError, ValueError):
        return None
