"""DINO's training step as its released code takes it, written from the facts alone: what ours is compared with.

Attention in plain matrix products, all tokens through all blocks, 18 pairs of crops with a softmax each, weights of the
prototypes normalised in every forward pass, gradients, weight average and clipping tensor by tensor.
"""

import copy
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


class LiteralAttention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        batch, count, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, count, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1)) * (dim // self.heads) ** -0.5
        return self.proj((weights.softmax(-1) @ v).transpose(1, 2).reshape(batch, count, dim))


class LiteralBlock(nn.Module):
    def __init__(self, dim: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = LiteralAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)
        self.drop_path = drop_path

    def dropped(self, x: Tensor) -> Tensor:
        if not self.drop_path or not self.training:
            return x
        keep = 1 - self.drop_path
        return x.div(keep) * (keep + torch.rand(len(x), 1, 1)).floor_()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropped(self.attn(self.norm1(x)))
        return x + self.dropped(self.fc2(F.gelu(self.fc1(self.norm2(x)))))


class LiteralViT(nn.Module):
    def __init__(self, dim: int, depth: int, heads: int, size: tuple[int, int], drop_path: float) -> None:
        super().__init__()
        self.grid = (size[0] // 16, size[1] // 16)
        self.patch = nn.Conv2d(3, dim, 16, 16)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid[0] * self.grid[1], dim))
        rates = torch.linspace(0, drop_path, depth).tolist()
        self.blocks = nn.ModuleList(LiteralBlock(dim, heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(dim, eps=1e-6)

    def positions(self, rows: int, columns: int) -> Tensor:
        if (rows, columns) == self.grid:
            return self.pos_embed
        table = self.pos_embed[:, 1:].reshape(1, *self.grid, -1).permute(0, 3, 1, 2)
        scale = ((rows + 0.1) / self.grid[0], (columns + 0.1) / self.grid[1])
        table = F.interpolate(table, scale_factor=scale, mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], table.permute(0, 2, 3, 1).flatten(1, 2)], 1)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.patch(images)
        rows, columns = patches.shape[2:]
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches.flatten(2).transpose(1, 2)], 1)
        x = x + self.positions(rows, columns)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)[:, 0]


class LiteralNetwork(nn.Module):
    def __init__(self, backbone: LiteralViT, dim: int, prototypes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.mlp = nn.Sequential(
            nn.Linear(dim, 2048), nn.GELU(), nn.Linear(2048, 2048), nn.GELU(), nn.Linear(2048, 256)
        )
        self.last_layer = weight_norm(nn.Linear(256, prototypes, bias=False))
        gain = self.last_layer.parametrizations.weight.original0
        gain.data.fill_(1)
        gain.requires_grad_(False)

    def forward(self, crops: Sequence[Tensor]) -> Tensor:
        groups: list[list[Tensor]] = []
        for crop in crops:
            if groups and groups[-1][0].shape[-1] == crop.shape[-1]:
                groups[-1].append(crop)
            else:
                groups.append([crop])
        features = torch.cat([self.backbone(torch.cat(group)) for group in groups])
        return self.last_layer(F.normalize(self.mlp(features), dim=-1))


class LiteralDino:
    """Student, teacher, center and one step; `freeze` drops the gradients of the prototypes, as in the first epoch."""

    def __init__(
        self, size: tuple[int, int], prototypes: int, *, dim: int = 384, depth: int = 12, heads: int = 6
    ) -> None:
        self.student = LiteralNetwork(LiteralViT(dim, depth, heads, size, 0.1), dim, prototypes)
        self.teacher = LiteralNetwork(LiteralViT(dim, depth, heads, size, 0.0), dim, prototypes)
        self.teacher.load_state_dict(copy.deepcopy(self.student.state_dict()))
        for parameter in self.teacher.parameters():
            parameter.requires_grad = False
        self.center = torch.zeros(1, prototypes)
        named = [(n, p) for n, p in self.student.named_parameters() if p.requires_grad]
        plain = [p for n, p in named if n.endswith(".bias") or p.ndim == 1]
        rest = [p for n, p in named if not (n.endswith(".bias") or p.ndim == 1)]
        self.optimizer = torch.optim.AdamW([{"params": rest}, {"params": plain, "weight_decay": 0.0}])

    def loss(self, student: Tensor, teacher: Tensor, crops: int) -> Tensor:
        student_out = (student / 0.1).chunk(crops)
        teacher_out = F.softmax((teacher - self.center) / 0.04, dim=-1).detach().chunk(2)
        total, terms = torch.zeros(()), 0
        for one, q in enumerate(teacher_out):
            for other in range(crops):
                if other != one:
                    total = total + torch.sum(-q * F.log_softmax(student_out[other], dim=-1), dim=-1).mean()
                    terms += 1
        self.center = self.center * 0.9 + teacher.detach().sum(0, keepdim=True) / len(teacher) * 0.1
        return total / terms

    def step(self, crops: Sequence[Tensor], *, momentum: float = 0.996, freeze: bool = True) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = 5e-4
        self.optimizer.param_groups[0]["weight_decay"] = 0.04
        teacher = self.teacher(crops[:2])
        student = self.student(crops)
        loss = self.loss(student, teacher, len(crops))
        if not math.isfinite(loss.item()):
            raise RuntimeError("not finite")
        self.optimizer.zero_grad()
        loss.backward()
        for parameter in self.student.parameters():
            if parameter.grad is not None:
                factor = 3.0 / (parameter.grad.norm(2) + 1e-6)
                if factor < 1:
                    parameter.grad.mul_(factor)
        if freeze:
            for name, parameter in self.student.named_parameters():
                if "last_layer" in name:
                    parameter.grad = None
        self.optimizer.step()
        with torch.no_grad():
            for mine, other in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                mine.data.mul_(momentum).add_((1 - momentum) * other.detach().data)
        return loss.item()
