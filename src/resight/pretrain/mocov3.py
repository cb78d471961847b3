"""MoCo v3: a predicted query has to find the key of its own image among those of the batch; no queue."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resight.models.conv_stem import ConvStem
from resight.models.initial import sincos_positions
from resight.pretrain.contrast import batch_contrast
from resight.pretrain.crop_vit import CropViT
from resight.pretrain.heads import moco_v3_mlp
from resight.pretrain.health import spread
from resight.pretrain.method import PretrainTask, feature_width
from resight.pretrain.processes import gathered, rank
from resight.pretrain.schedules import cosine
from resight.pretrain.target import follow, make_target, place_beside
from resight.pretrain.view_batch import ViewBatch
from resight.train.task import StepTime


@dataclass(frozen=True)
class MocoV3Settings:
    """How MoCo v3 trains; the defaults are the official ones of a ViT.

    dim: of queries and keys. hidden: width of the MLPs. projector_layers, predictor_layers: linear layers of them (2
    and 2 for a ResNet-50). predictor_norm: whether the predictor ends with a batch norm (False for a ResNet-50).
    momentum: of the key network at the start, a cosine to 1 at the end. temperature: 0.2; 1 for a ResNet-50.
    """

    dim: int = 256
    hidden: int = 4096
    projector_layers: int = 3
    predictor_layers: int = 2
    predictor_norm: bool = True
    momentum: float = 0.99
    temperature: float = 0.2


class PredictingNetwork(nn.Module):
    """Backbone, projector and predictor. Views pass it one after the other, for batch norm's sake.

    Args:
        backbone: images to (B, D).
        projector: (B, D) to (B, dim).
        predictor: (B, dim) to (B, dim).
    """

    def __init__(self, backbone: nn.Module, projector: nn.Module, predictor: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = projector
        self.predictor = predictor

    def forward(self, *views: Tensor) -> list[Tensor]:
        """(B, dim) for each view (B, 3, H, W)."""
        return [self.predictor(self.projector(self.backbone(view))) for view in views]


class TargetNetwork(nn.Module):
    """Backbone and projector alone."""

    def __init__(self, network: PredictingNetwork) -> None:
        super().__init__()
        self.backbone = network.backbone
        self.projector = network.projector

    def forward(self, view: Tensor) -> tuple[Tensor, Tensor]:
        """Keys (B, dim) and the backbone's features (B, D), from (B, 3, H, W)."""
        features: Tensor = self.backbone(view)
        return self.projector(features), features

    def follow(self, network: Any, momentum: float) -> None:
        """Follows a `PredictingNetwork`, over parameters."""
        follow(self.backbone, network.backbone, momentum)
        follow(self.projector, network.projector, momentum)


class MocoV3Task(PretrainTask):
    """MoCo v3 as a task of the trainer, on two views of one size, each once query and once key.

    Each step: the key network follows the query network as it is before the step, queries and keys of both views, the
    loss among the images of all processes, the optimiser.

    Args:
        backbone: as it starts; a `CropViT` should come from `prepare_vit`.
        settings: how.

    Source: Chen et al. 2021, arXiv:2104.02057, and its released code.
    """

    method = "mocov3"

    def __init__(self, backbone: nn.Module, settings: MocoV3Settings) -> None:
        width, dim, hidden = feature_width(backbone), settings.dim, settings.hidden
        network = PredictingNetwork(
            backbone,
            moco_v3_mlp(width, dim, layers=settings.projector_layers, hidden=hidden),
            moco_v3_mlp(dim, dim, layers=settings.predictor_layers, hidden=hidden, last_norm=settings.predictor_norm),
        )
        super().__init__(network, make_target(TargetNetwork(network)))
        self.settings = settings

    def before_step(self, time: StepTime, optimizer: torch.optim.Optimizer) -> None:
        super().before_step(time, optimizer)
        if self.is_first_batch:
            target: Any = self.target
            target.follow(self.model, cosine(self.settings.momentum, 1.0, time.progress))

    def terms(self, model: nn.Module, batch: ViewBatch) -> dict[str, Tensor]:
        """`loss` (both directions), and how far the backbone's features spread.

        Not its keys: their batch norm spreads whatever is left of a difference.
        """
        views = batch.pair()
        place_beside(self.target, views[0])
        queries: list[Tensor] = model(*views)
        with torch.no_grad():
            keys, features = zip(*(self.target(view) for view in views), strict=True)
        place = rank() * len(views[0])
        with torch.autocast(views[0].device.type, enabled=False):
            pairs = zip(queries, reversed(keys), strict=True)
            losses = [batch_contrast(q, gathered(k), self.settings.temperature, first=place) for q, k in pairs]
        return {"loss": losses[0] + losses[1], **spread(features[0])}


@torch.no_grad()
def prepare_vit(net: CropViT) -> None:
    """What MoCo v3 does to a ViT before it starts.

    Fixed sine-cosine positions (0 at the class token), a random patch embedding that does not train (a convolution stem
    does), Xavier-uniform linear layers (query, key and value each by itself), a class token of nearly 0. The positions
    are laid out row by row as the patches are; the official code lays them out column by column, which on images that
    are not square gives patches the positions of others.

    The official ViT-S has 12 heads, where re-identification's has 6: pre-train with the number that the net will be
    used with.
    """
    if net.pos_embed is None:
        raise ValueError("MoCo v3 gives a ViT fixed positions; this one has no table of positions")
    rows = net.pos_embed.shape[1] - net.grid[0] * net.grid[1]
    net.pos_embed.zero_()
    net.pos_embed[0, rows:] = sincos_positions(net.grid, net.num_features)
    net.pos_embed.requires_grad_(False)
    for module in net.blocks.modules():
        if isinstance(module, nn.Linear):
            pieces = 3 if module.out_features == 3 * module.in_features else 1
            bound = (6 / (module.in_features + module.out_features // pieces)) ** 0.5
            module.weight.uniform_(-bound, bound)
            if module.bias is not None:
                module.bias.zero_()
    token: Any = net.cls_token
    token.normal_(std=1e-6)
    if isinstance(net.patch_embed, ConvStem):
        return
    patches = net.patch_embed.proj
    bound = (6 / (patches.weight[0].numel() + patches.out_channels)) ** 0.5
    patches.weight.uniform_(-bound, bound)
    if patches.bias is not None:
        patches.bias.zero_()
    net.patch_embed.requires_grad_(False)
