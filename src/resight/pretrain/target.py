"""The target network of a method: a copy of the trained one that follows it slowly and gets no gradient."""

import copy
from typing import TypeVar

import torch
from timm.layers.drop import DropPath
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def make_target(network: Network) -> Network:
    """A copy without gradients and without stochastic depth.

    It stays in training mode, as in the official code: where it has batch norm, it uses the statistics of the batch and
    keeps running ones of its own.
    """
    target = copy.deepcopy(network).requires_grad_(False)
    for module in target.modules():
        if isinstance(module, DropPath):
            module.drop_prob = 0.0
    return target.train()


@torch.no_grad()
def follow(target: nn.Module, network: nn.Module, momentum: float) -> None:
    """Target <- momentum * target + (1 - momentum) * network, over parameters; buffers (batch norm) stay.

    Args:
        target: from `make_target`.
        network: what it follows.
        momentum: 0..1.
    """
    mine = [parameter.detach() for parameter in target.parameters()]
    others = [parameter.detach() for parameter in network.parameters()]
    torch._foreach_lerp_(mine, others, 1 - momentum)


def place_beside(target: nn.Module, like: torch.Tensor) -> None:
    """Moves it to the device of a tensor, once."""
    first = next(target.parameters())
    if first.device != like.device:
        target.to(like.device)
