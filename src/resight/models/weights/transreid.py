"""Names of the official TransReID checkpoints, translated to ours."""

import re
from collections.abc import Mapping

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
    """The state of a `ReIDModel` from that of an official model.

    A leading `module.` goes; the ImageNet classifier that stays behind in the official backbone is left out, and so are
    its last block and final norm when the model has jigsaw branches, which never read them.

    Args:
        state: names and tensors of a checkpoint such as `transformer_120.pth`, or of the backbone alone
            (`base.` left out).

    Raises:
        ModelFormatError: if it holds no ViT.
    """
    names = {key.removeprefix("module."): value for key, value in state.items()}
    if not any(key.startswith("base.") for key in names):
        names = {f"base.{key}": value for key, value in names.items()}
    depth = 1 + max((int(match[1]) for key in names if (match := re.match(r"base\.blocks\.(\d+)\.", key))), default=-1)
    if depth == 0:
        raise ModelFormatError("no block of a ViT (base.blocks.0...) in this state; is it a TransReID checkpoint?")
    has_branches = any(key.startswith("b1.") for key in names)
    translated = {}
    for key, value in names.items():
        name = _translate(key, depth, has_branches)
        if name is not None:
            translated[name] = value
    return translated


def _translate(key: str, depth: int, has_branches: bool) -> str | None:
    """Our name for an official one; None for what no output depends on."""
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
    if match := re.match(r"(bottleneck|classifier)(?:_(\d+))?\.(.+)", key):
        part = {"bottleneck": "norm", "classifier": "classifier"}[match[1]]
        return f"necks.{match[2] or 0}.{part}.{match[3]}"
    return key
