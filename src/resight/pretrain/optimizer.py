"""Optimisers of the pre-training methods, and how they clip."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import nn

from resight.pretrain.lars import LARS

PretrainOptimizer = Literal["adamw", "sgd", "lars"]


def pretrain_optimizer(
    model: nn.Module,
    name: PretrainOptimizer,
    *,
    lr: float,
    weight_decay: float,
    total_batch: int,
    lr_batch: int | None = 256,
    decay_vectors: bool = False,
    momentum: float = 0.9,
    betas: tuple[float, float] = (0.9, 0.999),
) -> torch.optim.Optimizer:
    """The optimiser of a task's model, ready for the trainer.

    Args:
        model: `task.model`; frozen parameters are left out.
        name: `adamw` (DINO, MoCo v3 and MoBY on ViTs), `sgd` (MoCo v2, DINO on a ResNet) or `lars` (MoCo v3 on one).
        lr: rate for a batch of `lr_batch`; the peak is lr * total_batch / lr_batch.
        weight_decay: at the start; a task may change it per step (DINO).
        total_batch: images per optimiser step, of all processes and accumulated batches.
        lr_batch: 256 (DINO, MoCo v3), 512 (MoBY); None: `lr` is the peak (MoCo v2).
        decay_vectors: False leaves biases and tensors of one dimension undecayed (DINO, MoBY); tables (class token,
            positions) decay. MoCo v2 and v3 decay everything, LARS never decays a tensor of one dimension.
        momentum: of sgd and lars.
        betas: of adamw.

    Raises:
        ValueError: for another name.
    """
    peak = lr if lr_batch is None else lr * total_batch / lr_batch
    groups = decay_groups(model.named_parameters(), peak, weight_decay, decay_vectors=decay_vectors)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=peak, betas=betas, fused=True)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=peak, momentum=momentum)
    if name == "lars":
        return LARS(groups, lr=peak, momentum=momentum)
    raise ValueError(f"there is no pre-training optimizer named {name!r}; choose adamw, sgd or lars")


def decay_groups(
    named: Iterable[tuple[str, nn.Parameter]], lr: float, weight_decay: float, *, decay_vectors: bool
) -> list[dict[str, Any]]:
    """One group that decays and one that does not, of the parameters that train.

    `peak_lr` is what a schedule scales; `decays` says which group a schedule of the decay is for.
    """
    decayed: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in named:
        if parameter.requires_grad:
            is_vector = parameter.ndim <= 1 or name.endswith(".bias")
            (decayed if decay_vectors or not is_vector else rest).append(parameter)
    shared = {"lr": lr, "peak_lr": lr}
    groups = [
        {"params": decayed, "weight_decay": weight_decay, "decays": True, **shared},
        {"params": rest, "weight_decay": 0.0, "decays": False, **shared},
    ]
    return [group for group in groups if group["params"]]


def set_weight_decay(optimizer: torch.optim.Optimizer, value: float) -> None:
    """Of the groups that decay."""
    for group in optimizer.param_groups:
        if group.get("decays"):
            group["weight_decay"] = value


@torch.no_grad()
def clip_each(parameters: Iterable[nn.Parameter], limit: float) -> None:
    """Scales each gradient by itself to at most that norm, as DINO does: g <- g * min(1, limit / (|g| + 1e-6))."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:
        return
    norms = torch.stack(torch._foreach_norm(gradients)).tolist()
    factors = [limit / (norm + 1e-6) for norm in norms]
    too_long = [number for number, factor in enumerate(factors) if factor < 1]
    if too_long:
        torch._foreach_mul_([gradients[number] for number in too_long], [factors[number] for number in too_long])
