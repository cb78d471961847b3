"""The heads that methods put on the backbone's feature; they are thrown away after pre-training."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PrototypeLayer(nn.Module):
    """Dot products with unit vectors, one per prototype, times a gain: a weight-normalised linear layer without bias.

    The length of each row is divided out of the outputs rather than out of the weights, which are far more numbers.

    Args:
        dim: of the input.
        prototypes: K.
        trains_gain: False keeps every gain at 1.
    """

    def __init__(self, dim: int, prototypes: int, *, trains_gain: bool) -> None:
        super().__init__()
        self.weight_g = nn.Parameter(torch.ones(prototypes, 1), requires_grad=trains_gain)
        self.weight_v = nn.Parameter(nn.Linear(dim, prototypes, bias=False).weight.detach().clone())

    def forward(self, features: Tensor, *, frozen: bool = False) -> Tensor:
        """(B, K), from (B, dim); `frozen` sends no gradient to the weights."""
        direction, gain = (self.weight_v.detach(), self.weight_g.detach()) if frozen else (self.weight_v, self.weight_g)
        factor = gain / torch.linalg.vector_norm(direction, dim=1, keepdim=True)  # (K, 1)
        scores: Tensor = F.linear(features, direction) * factor.t()
        return scores


class DinoHead(nn.Module):
    """Linear, GELU, ... , Linear to the bottleneck, unit length, prototypes.

    Weight names as official: `mlp.*`, `last_layer.weight_g`, `last_layer.weight_v`.

    Args:
        dim: of the backbone's feature.
        prototypes: K.
        hidden: width of the MLP.
        bottleneck: width of what the prototypes are compared with.
        layers: linear layers of the MLP, 1 or more.
        batch_norm: after each hidden one.
        trains_gain: of the prototypes.

    Source: Caron et al. 2021, arXiv:2104.14294, and its released code.
    """

    def __init__(
        self,
        dim: int,
        prototypes: int = 65536,
        *,
        hidden: int = 2048,
        bottleneck: int = 256,
        layers: int = 3,
        batch_norm: bool = False,
        trains_gain: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"a DINO head needs 1 layer or more, not {layers}")
        widths = [dim, *[hidden] * (layers - 1), bottleneck]
        modules: list[nn.Module] = []
        for number, (fan_in, fan_out) in enumerate(pairwise(widths)):
            modules.append(_linear(fan_in, fan_out))
            if number < layers - 1:
                modules += [nn.BatchNorm1d(fan_out), nn.GELU()] if batch_norm else [nn.GELU()]
        self.mlp: nn.Module = nn.Sequential(*modules) if layers > 1 else modules[0]
        self.last_layer = PrototypeLayer(bottleneck, prototypes, trains_gain=trains_gain)

    def forward(self, features: Tensor, *, frozen_prototypes: bool = False) -> Tensor:
        """(B, K), from (B, dim)."""
        hidden = self.mlp(features)
        hidden = F.normalize(hidden, dim=-1, eps=1e-6 if hidden.dtype == torch.float16 else 1e-12)
        scores: Tensor = self.last_layer(hidden, frozen=frozen_prototypes)
        return scores


def moco_v2_head(dim: int, out_dim: int = 128) -> nn.Sequential:
    """Linear, ReLU, Linear, as wide as the feature.

    Source: Chen et al. 2020, arXiv:2003.04297.
    """
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, out_dim))


def moco_v3_mlp(dim: int, out_dim: int, *, layers: int, hidden: int = 4096, last_norm: bool = True) -> nn.Sequential:
    """Linear layers without bias, batch norm and ReLU between them, and a batch norm without weights at the end.

    Args:
        dim: of the input.
        out_dim: of the output.
        layers: linear layers.
        hidden: width between them.
        last_norm: whether the last batch norm is there; the ResNet-50's predictor has none.

    Source: Chen et al. 2021, arXiv:2104.02057, and its released code.
    """
    modules: list[nn.Module] = []
    for number in range(layers):
        is_last = number == layers - 1
        modules.append(nn.Linear(dim if number == 0 else hidden, out_dim if is_last else hidden, bias=False))
        if not is_last:
            modules += [nn.BatchNorm1d(hidden), nn.ReLU(inplace=True)]
        elif last_norm:
            modules.append(nn.BatchNorm1d(out_dim, affine=False))
    return nn.Sequential(*modules)


def moby_mlp(dim: int, out_dim: int = 256, *, hidden: int = 4096) -> nn.Sequential:
    """Linear, batch norm, ReLU, Linear, all with bias.

    Source: Xie et al. 2021, arXiv:2105.04553, and its released code.
    """
    return nn.Sequential(
        nn.Linear(dim, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, out_dim)
    )


def _linear(fan_in: int, fan_out: int) -> nn.Linear:
    layer = nn.Linear(fan_in, fan_out)
    nn.init.trunc_normal_(layer.weight, std=0.02)
    nn.init.zeros_(layer.bias)
    return layer
