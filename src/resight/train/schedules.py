"""Learning-rate schedules, as functions of time t in epochs.

`schedule(t, peak)` is the rate of a parameter group whose own peak is `peak`. Which t an epoch has is the trainer's
choice (`Clock`): the official TransReID trains epoch e (from 1) at t = e, TransReID-SSL at t = e - 1.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

Clock = Literal["epoch_end", "epoch_start", "step"]
"""Time of the steps in epoch e, counted from 1: e, or e - 1, or rising with each step from e - 1 to e."""


class Schedule(Protocol):
    """Rate at time t of a group with that peak rate."""

    def __call__(self, t: float, peak: float) -> float: ...


@dataclass(frozen=True)
class CosineSchedule:
    """Linear warm-up, then a cosine that is not shifted by it.

    For t < warmup_epochs: start + t * (peak - start) / warmup_epochs, with start = warmup_factor * base_lr. From then
    on: floor + (peak - floor) * (1 + cos(pi * t / epochs)) / 2, with floor = final_factor * base_lr. Start and floor
    come from the base rate whatever the peak of the group.

    Source: released code of He et al. 2021, arXiv:2102.04378 (5 warm-up epochs) and Luo et al. 2021, arXiv:2111.12084
    (20).
    """

    base_lr: float
    epochs: int
    warmup_epochs: float = 5
    warmup_factor: float = 0.01
    final_factor: float = 0.002

    def __call__(self, t: float, peak: float) -> float:
        if t < self.warmup_epochs:
            start = self.warmup_factor * self.base_lr
            return start + t * (peak - start) / self.warmup_epochs
        floor = self.final_factor * self.base_lr
        return floor + 0.5 * (peak - floor) * (1 + math.cos(math.pi * min(t, self.epochs) / self.epochs))


@dataclass(frozen=True)
class MultiStepSchedule:
    """Linear warm-up of a factor, and a drop at each milestone; a milestone epoch has the lower rate already.

    Source: Luo et al. 2019, arXiv:1906.08332 (milestones 40 and 70, warm-up of 10 epochs from factor 0.01).
    """

    milestones: tuple[float, ...] = (40, 70)
    gamma: float = 0.1
    warmup_epochs: float = 10
    warmup_factor: float = 0.01

    def __call__(self, t: float, peak: float) -> float:
        factor = 1.0
        if t < self.warmup_epochs:
            alpha = t / self.warmup_epochs
            factor = self.warmup_factor * (1 - alpha) + alpha
        return peak * factor * self.gamma ** sum(t >= milestone for milestone in self.milestones)


@dataclass(frozen=True)
class ConstantSchedule:
    """The peak rate throughout."""

    def __call__(self, t: float, peak: float) -> float:
        return peak


def schedule_time(clock: Clock, epoch: int, step: int, steps_per_epoch: int) -> float:
    """Time t, in epochs, of a step.

    Args:
        clock: see `Clock`.
        epoch: from 0.
        step: within the epoch, from 0.
        steps_per_epoch: steps of this epoch.
    """
    if clock == "step":
        return epoch + step / max(steps_per_epoch, 1)
    return float(epoch + 1 if clock == "epoch_end" else epoch)


def set_learning_rate(optimizer: torch.optim.Optimizer, schedule: Schedule, t: float) -> float:
    """Sets every group to its rate at time t; returns that of the first group, for the log."""
    for group in optimizer.param_groups:
        group["lr"] = schedule(t, group["peak_lr"])
    return float(optimizer.param_groups[0]["lr"])
