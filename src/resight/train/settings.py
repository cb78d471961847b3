"""How the loop trains."""

from dataclasses import dataclass
from typing import Literal

from resight.train.precision import Precision
from resight.train.schedules import Clock


@dataclass(frozen=True)
class LoopSettings:
    """How to train, whatever is trained.

    epochs: number. seed: of everything. precision: of the forward pass; weights stay fp32. `auto`: the quickest sound
    one, measured before the first step (`resight.train.precision`). accumulation: batches per optimiser step; the last
    step of an epoch may have fewer. mining: `batch`: each of these batches has a loss of its own, and mining does not
    reach across them; `joined`: one loss over all of them (`resight.train.joined`). clip_norm: largest global gradient
    norm; None does not clip. clock: see `resight.train.schedules.Clock`. average_decay: of the weight average that is
    evaluated and stored; None: the weights themselves. compile: use `torch.compile`. save_every, evaluate_every: in
    epochs; 0: only at the end. save_steps: also save after so many optimiser steps inside an epoch; 0: never.

    Raises:
        ValueError: if epochs or accumulation is below 1, another number is negative, or there is nothing to join.
    """

    epochs: int
    seed: int = 0
    precision: Precision | Literal["auto"] = "fp32"
    accumulation: int = 1
    mining: Literal["batch", "joined"] = "batch"
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
        if self.mining == "joined" and self.accumulation == 1:
            raise ValueError("mining=joined joins the batches of an optimiser step; set accumulation to 2 or more")

    def saves_after(self, epochs: int) -> bool:
        """Whether to save after so many epochs: the last one, or one of every so many."""
        return epochs == self.epochs or (self.save_every > 0 and epochs % self.save_every == 0)

    def evaluates_after(self, epochs: int) -> bool:
        """Whether to evaluate after so many epochs; the result of the last one is evaluated by whoever trains."""
        return self.evaluate_every > 0 and epochs % self.evaluate_every == 0 and epochs < self.epochs
