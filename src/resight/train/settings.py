"""How the loop trains."""

from dataclasses import dataclass
from typing import Literal

from resight.train.schedules import Clock

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class LoopSettings:
    """How to train, whatever is trained.

    epochs: number. seed: of everything. precision: of the forward pass; weights stay fp32. accumulation: batches per
    optimiser step, each with a loss of its own (mining does not reach across them); the last step of an epoch may have
    fewer. clip_norm: largest global gradient norm; None does not clip. clock: see `resight.train.schedules.Clock`.
    average_decay: of the weight average that is evaluated and stored; None: the weights themselves. compile: use
    `torch.compile`. save_every, evaluate_every: in epochs; 0: only at the end. save_steps: also save after so many
    optimiser steps inside an epoch; 0: never.

    Raises:
        ValueError: if epochs or accumulation is below 1, or another number is negative.
    """

    epochs: int
    seed: int = 0
    precision: Precision = "fp32"
    accumulation: int = 1
    clip_norm: float | None = None
    clock: Clock = "epoch_end"
    average_decay: float | None = None
    compile: bool = False
    save_every: int = 1
    save_steps: int = 0
    evaluate_every: int = 0

    def __post_init__(self) -> None:
        for name in ("epochs", "accumulation"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in ("seed", "save_every", "save_steps", "evaluate_every"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
