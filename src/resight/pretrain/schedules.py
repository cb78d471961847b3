"""Schedules of the pre-training methods, each value taken per optimiser step."""

import math
from dataclasses import dataclass


def cosine(start: float, end: float, progress: float) -> float:
    """From start to end along half a cosine; progress is the share of the run that is done, 0..1."""
    return end + 0.5 * (start - end) * (1 + math.cos(math.pi * progress))


def warmed_up(start: float, end: float, warmup_epochs: int, epoch: int) -> float:
    """From start to end in equal steps over the epochs of warm-up (both ends included), then end: by epoch, from 0."""
    if epoch >= warmup_epochs:
        return end
    return start if warmup_epochs == 1 else start + (end - start) * epoch / (warmup_epochs - 1)


@dataclass(frozen=True)
class DinoRate:
    """Learning rate: linear from 0 over the steps of warm-up, then a cosine over the rest.

    The last warm-up step has the peak, and so has the first of the cosine; `final_lr` is never quite reached. It is a
    `Schedule` of the trainer for the clock `step`.

    epochs: of the run. steps_per_epoch: optimiser steps of one. warmup_epochs: of the rise. final_lr: where the cosine
    would end.

    Source: released code of Caron et al. 2021, arXiv:2104.14294.
    """

    epochs: int
    steps_per_epoch: int
    warmup_epochs: int = 10
    final_lr: float = 1e-6

    def __call__(self, t: float, peak: float) -> float:
        step = math.floor(t * self.steps_per_epoch + 1e-6)
        warmup = self.warmup_epochs * self.steps_per_epoch
        if step < warmup:
            return peak * step / (warmup - 1) if warmup > 1 else 0.0
        return cosine(peak, self.final_lr, (step - warmup) / (self.epochs * self.steps_per_epoch - warmup))


@dataclass(frozen=True)
class MocoV3Rate:
    """Learning rate: linear from 0 over the epochs of warm-up, then half a cosine to 0, by fractions of an epoch.

    Source: released code of Chen et al. 2021, arXiv:2104.02057.
    """

    epochs: int
    warmup_epochs: int = 40

    def __call__(self, t: float, peak: float) -> float:
        if t < self.warmup_epochs:
            return peak * t / self.warmup_epochs
        return cosine(peak, 0.0, (t - self.warmup_epochs) / (self.epochs - self.warmup_epochs))
