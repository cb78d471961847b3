"""Batch norm over the batches of all processes."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm

from resight.pretrain.processes import world


class SharedBatchNorm(_BatchNorm):
    """Batch norm whose statistics, and their gradients, are those of the joined batch of all processes.

    torch's own `SyncBatchNorm` runs on GPUs alone; this one runs wherever processes can talk.
    """

    def _check_input_dim(self, images: Tensor) -> None:
        if images.ndim < 2:
            raise ValueError(f"batch norm: expected (B, C, ...), came {tuple(images.shape)}")

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, ...), normed."""
        if not self.training or world() == 1:
            return super().forward(images)
        self._check_input_dim(images)
        axes = [0, *range(2, images.ndim)]
        shape = [1, -1, *[1] * (images.ndim - 2)]
        values = images.to(torch.promote_types(images.dtype, torch.float32))
        count = values.numel() // values.shape[1]
        sums = torch.cat([values.sum(axes), values.new_tensor([float(count)])])
        total: Tensor = all_reduce(sums)  # type: ignore[no-untyped-call]
        number = total[-1].detach()
        mean = total[:-1] / number
        # In a second exchange: from sums of squares, little would be left of the variance of features that are alike.
        centered = values - mean.view(shape)
        variance: Tensor = all_reduce(centered.square().sum(axes)) / number  # type: ignore[no-untyped-call]
        self._remember(mean.detach(), variance.detach(), float(number))
        scale = (variance + self.eps).rsqrt()
        if self.affine:
            scale = scale * self.weight
        normed = centered * scale.view(shape)
        if self.affine:
            normed = normed + self.bias.view(shape)
        return normed.to(images.dtype)

    def _remember(self, mean: Tensor, variance: Tensor, number: float) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * number / max(number - 1, 1), momentum)


def share_batch_norm(module: nn.Module) -> nn.Module:
    """The same net, its batch norms over all processes; weights and names stay. A process alone keeps it as it is.

    The classes are changed in place, so that references to the norms hold.
    """
    if world() == 1:
        return module
    if dist.get_backend() == "nccl":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return converted
    for part in module.modules():
        plain: Any = part
        if type(plain) in (nn.BatchNorm1d, nn.BatchNorm2d):
            plain.__class__ = SharedBatchNorm
    return module
