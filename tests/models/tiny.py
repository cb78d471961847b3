"""Networks small enough to run in milliseconds, with weights in which every term shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from unittest import mock

import torch
from torch import Tensor, nn

from resight.models.backbones import ViTShape, create_vit

IMAGE_SIZE = (32, 16)
PATCH = 8  # 4 x 2 patches
SHAPE = ViTShape(width=24, depth=2, heads=3)
TINY = {
    "image_size": IMAGE_SIZE,
    "patch_size": PATCH,
    "shape": {"width": SHAPE.width, "depth": SHAPE.depth, "heads": SHAPE.heads},
    "drop_path": 0.0,
}
"""Arguments of `create_model` for a model of that size."""


def shake(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module with random weights of a size that a swapped, skipped or doubled term is seen; norms near 1."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = 0.3 * torch.randn(parameter.shape, generator=generator)
            is_gain = parameter.ndim == 1 and name.endswith("weight")
            parameter.copy_(1 + noise if is_gain else noise)
    return module


def tiny_vit(**settings: object) -> nn.Module:
    return shake(create_vit(SHAPE, **{"image_size": IMAGE_SIZE, "patch_size": PATCH, **settings}))


def images(count: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(count, 3, *IMAGE_SIZE, generator=torch.Generator().manual_seed(seed))


@contextmanager
def weightless() -> Iterator[None]:
    """Models that are built inside have shapes and names, but neither values nor memory."""
    # Older timm reads the stochastic depth of each block from a tensor, which has no value here.
    on_cpu = partial(torch.linspace, device="cpu")
    with mock.patch.object(torch, "linspace", on_cpu), torch.device("meta"):
        yield
