"""Whether a net takes images of a size, found out before anything is trained."""

import copy
from typing import Any

import timm
import torch
from torch import Tensor, nn

from resight.models.patch_embed import Size

_FAILURES = (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError)


def require_features(name: str, net: nn.Module, image_size: Size, dim: int) -> None:
    """Checks that a net makes one feature vector of each image.

    It runs on torch's meta device, which knows shapes and has no values, and so takes no time; where that fails, once
    more with values, since some operations need them.

    Args:
        name: for the error.
        net: images (B, 3, H, W) to features (B, dim); it is not changed.
        image_size: (height, width) in pixels.
        dim: D.

    Raises:
        ValueError: if it does not; the message names the size that timm made the net for.
    """
    try:
        features = _run(_without_values(net), image_size, "meta")
    except _FAILURES:
        try:
            features = _run(copy.deepcopy(net), image_size, "cpu")
        except _FAILURES as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"{name} cannot take images of {_text(image_size)}{made_for(name)} ({reason})") from error
    if not isinstance(features, Tensor) or features.shape != (2, dim):
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise ValueError(f"{name} does not give one feature of {dim} numbers for each image (2 images gave {shape})")


def made_for(name: str) -> str:
    """The image size that timm made a net for, as part of a message; empty where timm does not say."""
    try:
        config: Any = timm.get_pretrained_cfg(name)
    except RuntimeError:  # a tag that timm does not know
        return ""
    if config is None or not config.input_size:
        return ""
    _, height, width = config.input_size
    return f"; it was made for {height}x{width}: try image_size=[{height}, {width}], or another net"


def _run(net: nn.Module, image_size: Size, device: str) -> Any:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return net.eval()(torch.zeros(2, 3, *image_size, device=device))


def _without_values(net: nn.Module) -> nn.Module:
    """A copy on the meta device; nothing is allocated for it."""
    copies: dict[int, Any] = {}
    for parameter in net.parameters():
        copies[id(parameter)] = nn.Parameter(parameter.detach().to("meta"), parameter.requires_grad)
    for buffer in net.buffers():
        copies[id(buffer)] = buffer.to("meta")
    return copy.deepcopy(net, copies)


def _text(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
