"""Optimisers and their parameter groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn

from resight.train.muon import Muon

OptimizerName = Literal["sgd", "adam", "adamw", "muon"]


_TABLES = ("cls_token", "pos_embed", "side_information.table")


@dataclass(frozen=True)
class GroupRule:
    """Learning rate and decay of a parameter, from its name and shape.

    lr: base rate. bias_lr_factor: times the rate where the name contains `bias`. classifier_lr_factor: times the base
    rate where the name contains `classifier`. weight_decay: decay. bias_weight_decay: decay where the name contains
    `bias`; None: as `weight_decay`. decay_vectors: False leaves undecayed what is no weight of a layer: tensors of one
    dimension (biases, norms) and tables (class token, positions, side information).

    Source: released TransReID code, which has bias_lr_factor 2 and decays everything.
    """

    lr: float
    weight_decay: float = 1e-4
    bias_lr_factor: float = 2.0
    bias_weight_decay: float | None = None
    classifier_lr_factor: float = 1.0
    decay_vectors: bool = True

    def settings(self, name: str, parameter: nn.Parameter) -> tuple[float, float]:
        """(learning rate, weight decay) of a parameter."""
        rate, decay = self.lr, self.weight_decay
        if "bias" in name:
            rate = self.lr * self.bias_lr_factor
            decay = self.weight_decay if self.bias_weight_decay is None else self.bias_weight_decay
        if "classifier" in name:
            rate = self.lr * self.classifier_lr_factor
        if not self.decay_vectors and (parameter.ndim <= 1 or name.endswith(_TABLES)):
            decay = 0.0
        return rate, decay


def parameter_groups(named: Iterable[tuple[str, nn.Parameter]], rule: GroupRule) -> list[dict[str, Any]]:
    """Trainable parameters, in as few groups as their settings allow.

    The official code has one group per tensor; equal settings in one group give the same numbers, and one fused or
    multi-tensor update instead of hundreds.

    Args:
        named: names and parameters; frozen ones are left out.
        rule: their settings.

    Returns:
        Groups with `params`, `lr`, `peak_lr` (what a schedule scales), `weight_decay` and `pieces` (see `Muon`; the
        other optimisers do not read it), in order of first appearance.
    """
    groups: dict[tuple[float, float, int], dict[str, Any]] = {}
    for name, parameter in named:
        if not parameter.requires_grad:
            continue
        rate, decay = rule.settings(name, parameter)
        pieces = _pieces(name, parameter)
        group = groups.setdefault(
            (rate, decay, pieces),
            {"params": [], "lr": rate, "peak_lr": rate, "weight_decay": decay, "pieces": pieces},
        )
        group["params"].append(parameter)
    return list(groups.values())


def _pieces(name: str, parameter: nn.Parameter) -> int:
    """How many matrices a tensor stacks, for the weights of linear layers inside blocks; 0 for all else."""
    if parameter.ndim != 2 or ".block" not in name:
        return 0
    return 3 if "qkv" in name else 1


def create_optimizer(
    groups: list[dict[str, Any]],
    name: OptimizerName,
    *,
    momentum: float = 0.9,
    betas: tuple[float, float] = (0.9, 0.999),
) -> torch.optim.Optimizer:
    """The optimiser of that name over the groups.

    Args:
        groups: from `parameter_groups`.
        name: `sgd` (momentum, decay added to the gradient), `adam` (decay added to the gradient), `adamw` or `muon`.
        momentum: for sgd and muon.
        betas: for adam, adamw and muon.

    Raises:
        ValueError: for another name.
    """
    # One pass over the memory instead of several; None where torch has no such kernel.
    fused = {parameter.device.type for group in groups for parameter in group["params"]} <= {"cpu", "cuda"} or None
    if name == "sgd":
        return torch.optim.SGD(groups, momentum=momentum, fused=fused)
    if name == "adam":
        return torch.optim.Adam(groups, betas=betas, fused=fused)
    if name == "adamw":
        return torch.optim.AdamW(groups, betas=betas, fused=fused)
    if name == "muon":
        return Muon(groups, momentum=momentum, betas=betas)
    raise ValueError(f"there is no optimizer named {name!r}; choose sgd, adam, adamw or muon")
