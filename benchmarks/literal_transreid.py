"""TransReID as its released code computes it, written from the facts alone: what ours is compared with.

Attention in plain matrix products, whole last blocks, four calls of the local branch, a loss for every branch, one
parameter group for each tensor. Weights have the released names, so that ours can read them.
"""

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LiteralShape(NamedTuple):
    dim: int = 768
    depth: int = 12
    heads: int = 12
    image_size: tuple[int, int] = (256, 128)


class LiteralAttention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.qkv = nn.Linear(dim, 3 * dim)
        self.attn_drop = nn.Dropout(0.0)
        self.proj = nn.Linear(dim, dim)
        self.proj_drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, count, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        weights = self.attn_drop(((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1))
        return self.proj_drop(self.proj((weights @ v).transpose(1, 2).reshape(batch, count, dim)))


class LiteralMlp(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(4 * dim, dim)
        self.drop = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class LiteralBlock(nn.Module):
    def __init__(self, dim: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = LiteralAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = LiteralMlp(dim)
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> Tensor:
        x = x + self._dropped(self.attn(self.norm1(x)))
        return x + self._dropped(self.mlp(self.norm2(x)))

    def _dropped(self, change: Tensor) -> Tensor:
        if not self.training or not self.drop_path:
            return change
        keep = 1 - self.drop_path
        return change / keep * torch.floor(keep + torch.rand(len(change), 1, 1))


class LiteralBackbone(nn.Module):
    """All blocks but the last, which stays behind unused, as do the norm and the classifier of ImageNet."""

    def __init__(self, shape: LiteralShape, cameras: int, drop_path: float) -> None:
        super().__init__()
        tokens = (shape.image_size[0] // 16) * (shape.image_size[1] // 16)
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, shape.dim, 16, 16)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.pos_embed = nn.Parameter(torch.randn(1, tokens + 1, shape.dim) * 0.02)
        self.sie_embed = nn.Parameter(torch.randn(cameras, 1, shape.dim) * 0.02)
        self.pos_drop = nn.Dropout(0.0)
        rates = torch.linspace(0, drop_path, shape.depth).tolist()
        self.blocks = nn.ModuleList(LiteralBlock(shape.dim, shape.heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(shape.dim, eps=1e-6)
        self.fc = nn.Linear(shape.dim, 1000)

    def forward(self, images: Tensor, cameras: Tensor) -> Tensor:
        x = self.patch_embed.proj(images).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), dim=1)
        x = self.pos_drop(x + self.pos_embed + 3.0 * self.sie_embed[cameras])
        for block in self.blocks[:-1]:
            x = block(x)
        return x


class LiteralTransReID(nn.Module):
    """JPM and camera embedding; in training it gives scores and features of all branches, else one long feature."""

    def __init__(self, shape: LiteralShape, *, classes: int, cameras: int, drop_path: float = 0.1) -> None:
        super().__init__()
        self.base = LiteralBackbone(shape, cameras, drop_path)
        self.b1 = nn.Sequential(copy.deepcopy(self.base.blocks[-1]), copy.deepcopy(self.base.norm))
        self.b2 = nn.Sequential(copy.deepcopy(self.base.blocks[-1]), copy.deepcopy(self.base.norm))
        for suffix in ("", "_1", "_2", "_3", "_4"):
            classifier = nn.Linear(shape.dim, classes, bias=False)
            nn.init.normal_(classifier.weight, std=0.001)
            neck = nn.BatchNorm1d(shape.dim)
            neck.bias.requires_grad_(False)
            setattr(self, f"classifier{suffix}", classifier)
            setattr(self, f"bottleneck{suffix}", neck)

    def forward(self, images: Tensor, cameras: Tensor) -> tuple[list[Tensor], list[Tensor]] | Tensor:
        tokens = self.base(images, cameras)
        features = [self.b1(tokens)[:, 0]]
        class_token = tokens[:, :1]
        patches = self._shuffled(tokens)
        length = (tokens.shape[1] - 1) // 4
        for part in range(4):
            local = self.b2(torch.cat((class_token, patches[:, part * length : (part + 1) * length]), dim=1))
            features.append(local[:, 0])
        suffixes = ("", "_1", "_2", "_3", "_4")
        normed = [getattr(self, f"bottleneck{s}")(feature) for s, feature in zip(suffixes, features, strict=True)]
        if not self.training:
            return torch.cat([features[0], *(feature / 4 for feature in features[1:])], dim=1)
        scores = [getattr(self, f"classifier{s}")(feature) for s, feature in zip(suffixes, normed, strict=True)]
        return scores, features

    @staticmethod
    def _shuffled(tokens: Tensor, shift: int = 5, groups: int = 2) -> Tensor:
        batch, _, dim = tokens.shape
        x = torch.cat((tokens[:, shift:], tokens[:, 1:shift]), dim=1)
        if x.shape[1] % groups:
            x = torch.cat((x, x[:, -2:-1]), dim=1)
        return x.view(batch, groups, -1, dim).transpose(1, 2).contiguous().view(batch, -1, dim)


def literal_loss(scores: Sequence[Tensor], features: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Half of the global branch, half of the mean of the others; identity and soft-margin triplet."""
    identity = [F.cross_entropy(score, labels) for score in scores]
    triplet = [_triplet(feature, labels) for feature in features]
    halves = [0.5 * sum(values[1:]) / len(values[1:]) + 0.5 * values[0] for values in (identity, triplet)]
    return halves[0] + halves[1]


def _triplet(features: Tensor, labels: Tensor) -> Tensor:
    count = len(features)
    squares = features.pow(2).sum(dim=1, keepdim=True).expand(count, count)
    distance = (squares + squares.t() - 2 * features @ features.t()).clamp(min=1e-12).sqrt()
    same = labels.expand(count, count).eq(labels.expand(count, count).t())
    positive = distance[same].view(count, -1).max(dim=1).values
    negative = distance[~same].view(count, -1).min(dim=1).values
    return F.soft_margin_loss(negative - positive, torch.ones_like(negative))


def literal_optimizer(model: nn.Module, lr: float = 0.008) -> torch.optim.Optimizer:
    """A parameter group for each tensor; biases learn twice as fast."""
    groups = [
        {"params": [parameter], "lr": 2 * lr if "bias" in name else lr, "weight_decay": 1e-4}
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    ]
    return torch.optim.SGD(groups, momentum=0.9, foreach=False)
