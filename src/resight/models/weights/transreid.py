"""Names of the official TransReID and TransReID-SSL models, translated to ours."""

import re
from collections.abc import Iterable, Mapping

from torch import Tensor

from resight.errors import ModelFormatError

_UNUSED = ("base.fc.", "base.head.")
_BRANCHES = {
    "b1.0": "global_branch.block",
    "b1.1": "global_branch.norm",
    "b2.0": "local_branch.block",
    "b2.1": "local_branch.norm",
}


def from_transreid(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of a `ReIDModel` from that of an official model; see `transreid_names`."""
    return {ours: state[key] for key, ours in transreid_names(state).items() if ours is not None}


def transreid_names(keys: Iterable[str]) -> dict[str, str | None]:
    """Our name for each official one; None for what no output of the official model depends on.

    A leading `module.` goes; the ImageNet classifier that stays behind in the official backbone is left out, and so are
    its last block and final norm when the model has jigsaw branches, which never read them. A backbone that is no ViT
    (the ResNet-50 of the strong baseline) goes to `encoder.net`.

    Args:
        keys: names of a checkpoint such as `transformer_120.pth`, or of a ViT backbone alone (`base.` left out).

    Raises:
        ModelFormatError: if it holds no backbone.
    """
    names = {key: key.removeprefix("module.") for key in keys}
    if not any(name.startswith("base.") for name in names.values()):
        names = {key: f"base.{name}" for key, name in names.items()}
    elif any(name.startswith("base.layer1.") for name in names.values()):
        return {key: _translate_net(name) for key, name in names.items()}
    numbers = [int(match[1]) for name in names.values() if (match := re.match(r"base\.blocks\.(\d+)\.", name))]
    if not numbers:
        raise ModelFormatError("no block of a ViT (base.blocks.0...) in this state; is it a TransReID checkpoint?")
    has_branches = any(name.startswith("b1.") for name in names.values())
    return {key: _translate(name, 1 + max(numbers), has_branches) for key, name in names.items()}


def _translate(key: str, depth: int, has_branches: bool) -> str | None:
    if key.startswith(_UNUSED):
        return None
    if key == "base.sie_embed":
        return "encoder.side_information.table"
    if match := re.match(r"(b[12]\.[01])\.(.+)", key):
        return f"encoder.{_BRANCHES[match[1]]}.{match[2]}"
    for last, ours in ((f"base.blocks.{depth - 1}.", "block"), ("base.norm.", "norm")):
        if key.startswith(last):
            return None if has_branches else f"encoder.global_branch.{ours}.{key.removeprefix(last)}"
    if key.startswith("base."):
        return f"encoder.{key.removeprefix('base.')}"
    return _translate_neck(key)


def _translate_net(key: str) -> str | None:
    if key.startswith(_UNUSED):
        return None
    return f"encoder.net.{key.removeprefix('base.')}" if key.startswith("base.") else _translate_neck(key)


def _translate_neck(key: str) -> str:
    if match := re.match(r"(bottleneck|classifier)(?:_(\d+))?\.(.+)", key):
        part = {"bottleneck": "norm", "classifier": "classifier"}[match[1]]
        return f"necks.{match[2] or 0}.{part}.{match[3]}"
    return key
