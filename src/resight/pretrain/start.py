"""What a pre-training goes on from: another one, or the weights of a net alone."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from resight.errors import ModelFormatError
from resight.models.weights import read_weights
from resight.models.weights.checkpoint_file import open_checkpoint
from resight.models.weights.positions import fit_table
from resight.models.weights.weight_file import WeightFile
from resight.pretrain.crop_vit import CropViT
from resight.pretrain.method import PretrainTask, attention_heads

_logger = logging.getLogger(__name__)
_POSITIONS = "pos_embed"


def start_from(task: PretrainTask, source: Path) -> None:
    """Gives a fresh task weights to go on from.

    A run of the same method is gone on with as it was: both networks and their heads. Of anything else the net is
    taken, for both networks; heads stay fresh, and a position table of another grid is resized.

    Args:
        task: changed in place.
        source: run folder or weight file, see `resight.models.weights.read_weights`.

    Raises:
        ModelFormatError: if it cannot be read, or its net is another one.
    """
    checkpoint = source.expanduser() / "checkpoints" / "last.pt"
    if checkpoint.is_file() and _continued(task, open_checkpoint(checkpoint)):
        return
    file = read_weights(source)
    for network in (task.model, task.target):
        load_net(network.backbone, file)  # type: ignore[arg-type]


def _continued(task: PretrainTask, content: Mapping[str, Any]) -> bool:
    """Whether it was a checkpoint of the same method and sizes, which is then taken whole."""
    state = content.get("task")
    if not isinstance(state, Mapping) or state.get("method") != task.method:
        return False
    for network, tensors in ((task.model, content["model"]), (task.target, state["target"])):
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        if shapes != {name: value.shape for name, value in tensors.items()}:
            return False
    task.model.load_state_dict(content["model"])
    task.target.load_state_dict(state["target"])
    return True


@torch.no_grad()
def load_net(net: nn.Module, file: WeightFile) -> None:
    """Loads the net of a weight file into a backbone of `resight.pretrain.backbone`.

    Args:
        net: changed in place; every tensor of it has to come from the file.
        file: what `read_weights` gave.

    Raises:
        ModelFormatError: if a tensor is missing or has another shape.
    """
    _check_heads(net, file)
    own = net.state_dict()
    given = {_net_name(name, own): value for name, value in file.state.items()}
    if isinstance(net, CropViT) and net.pos_embed is not None and _POSITIONS in given:
        table, done = fit_table(given[_POSITIONS], rows=net.pos_embed.shape[1], grid=net.grid, learned_on=file.grid)
        given[_POSITIONS] = table
        if done:
            _logger.info("%s: position table %s", file.source, done)
    wrong = [name for name, value in own.items() if name not in given or _shape(given[name], value) != value.shape]
    if wrong:
        raise ModelFormatError(
            f"{file.source} does not fit the net: {len(wrong)} of its {len(own)} tensors are missing there or have "
            f"another shape ({', '.join(wrong[:3])}); take the model that the file was made with"
        )
    net.load_state_dict({name: given[name].reshape(value.shape) for name, value in own.items()})


def _check_heads(net: nn.Module, file: WeightFile) -> None:
    """Heads do not show in the shapes of tensors; some kinds of files tell them."""
    wanted = file.about.get("heads")
    heads = attention_heads(net)
    if None not in (wanted, heads) and heads != wanted:
        raise ModelFormatError(f"{file.source} is of a net with {wanted} heads, this one has {heads}; set model.shape")


def _shape(given: Tensor, wanted: Tensor) -> torch.Size:
    """A patch embedding may be stored as matrix or as convolution."""
    return wanted.shape if given.numel() == wanted.numel() and given.shape[:1] == wanted.shape[:1] else given.shape


def _net_name(name: str, own: Mapping[str, Tensor]) -> str:
    """The name in the net, of a name in our models."""
    depth = 1 + max((int(found[1]) for other in own if (found := re.match(r"blocks\.(\d+)\.", other))), default=-1)
    short = name.removeprefix("encoder.").removeprefix("net.")
    return short.replace("global_branch.block.", f"blocks.{depth - 1}.").replace("global_branch.norm.", "norm.")
