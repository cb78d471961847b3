"""The one training loop of the house, for labelled and unlabelled data alike.

All chance in a step comes from seeds made of (run seed, step, rank), and all chance in a batch from (run seed, epoch,
place). So a run can be entered at any step and goes on exactly as if it had never stopped.
"""

import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from resight.errors import TrainingError
from resight.train.average import WeightAverage
from resight.train.checkpoint import load_checkpoint, save_checkpoint
from resight.train.schedules import Clock, Schedule, schedule_time, set_learning_rate
from resight.train.task import Task

Precision = Literal["fp32", "bf16", "fp16"]
Batches = Callable[[int, int], Iterable[Any]]
"""(epoch, first step) -> the batches of that epoch from that step on; it has a length."""


@dataclass(frozen=True)
class LoopSettings:
    """How to train, whatever is trained.

    epochs: number. seed: of everything. precision: of the forward pass; weights stay fp32. accumulation: batches per
    optimiser step, each with a loss of its own (mining does not reach across them). clip_norm: largest global gradient
    norm; None does not clip. clock: see `resight.train.schedules.Clock`. average_decay: of the weight average that is
    evaluated and stored; None: the weights themselves. compile: use `torch.compile`. save_every, evaluate_every: in
    epochs; 0: only at the end. save_steps: also save after so many steps inside an epoch; 0: never.
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


@dataclass
class Hooks:
    """What the loop tells the outside.

    on_row: a finished epoch's numbers. on_step: (epoch, step, steps of the epoch, mean loss so far). evaluate: called
    with the model to evaluate, gives numbers for the row of its epoch.
    """

    on_row: Callable[[dict[str, Any]], None] = field(default=lambda row: None)
    on_step: Callable[[int, int, int, float], None] = field(default=lambda epoch, step, steps, loss: None)
    evaluate: Callable[[nn.Module], Mapping[str, float]] | None = None


class Trainer:
    """Runs a task to its end, from the start or from a checkpoint.

    Args:
        task: what is trained.
        batches: of an epoch.
        optimizer: over the task's model, with `peak_lr` in each group (`resight.train.optim.parameter_groups`).
        schedule: learning rate over time.
        settings: how.
        checkpoint: file to save to and to resume from; None saves nothing.
        hooks: what to tell whom.
    """

    def __init__(
        self,
        task: Task,
        *,
        batches: Batches,
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        settings: LoopSettings,
        checkpoint: Path | None = None,
        hooks: Hooks | None = None,
    ) -> None:
        self.task = task
        self.batches = batches
        self.schedule = schedule
        self.settings = settings
        self.checkpoint = checkpoint
        self.hooks = hooks or Hooks()
        self.accelerator = Accelerator(mixed_precision=_MIXED[settings.precision])
        # Loaders stay out of prepare(): the PK sampler already gives each rank its own batches.
        self.model, self.optimizer = self.accelerator.prepare(task.model, optimizer)
        self.forward: Any = torch.compile(self.model) if settings.compile else self.model
        self.average = None
        if settings.average_decay is not None:
            self.average = WeightAverage(task.model, settings.average_decay)
        self.epoch = 0  # the one that runs or comes next
        self.step = 0  # batches done in it
        self.updates = 0  # optimiser steps done since the start
        self.sums: dict[str, float] = {}
        self.seconds = 0.0

    @property
    def result(self) -> nn.Module:
        """The model to evaluate and to keep: the weight average where there is one."""
        return self.task.model if self.average is None else self.average.model

    def fit(self) -> nn.Module:
        """Trains to the last epoch; returns `result`, in evaluation mode.

        Raises:
            TrainingError: if the loss stops being finite; the last checkpoint is kept.
        """
        devices = [] if self.accelerator.device.type == "cpu" else [self.accelerator.device]
        with torch.random.fork_rng(devices):
            while self.epoch < self.settings.epochs:
                self._run_epoch()
        return self.result.eval()

    def _run_epoch(self) -> None:
        self.model.train()
        batches = self.batches(self.epoch, self.step)
        steps = self.step + len(batches)  # type: ignore[arg-type]
        if steps == 0:
            raise TrainingError("an epoch has no batch; there are too few images for one batch of P x K")
        started = time.perf_counter()
        rate = 0.0
        for batch in batches:
            rate = self._run_step(batch, steps)
            self.seconds += time.perf_counter() - started
            started = time.perf_counter()
            if self.settings.save_steps and self.step % self.settings.save_steps == 0 and self.step < steps:
                self.save()
        row = self._row(rate)
        self.epoch, self.step, self.sums, self.seconds = self.epoch + 1, 0, {}, 0.0
        main = self.accelerator.is_main_process
        if main and self._evaluates() and self.hooks.evaluate is not None:
            row.update(self.hooks.evaluate(self.result.eval()))
        if self._due(self.settings.save_every):
            self.save()
        if main:
            self.hooks.on_row(row)
        self.accelerator.wait_for_everyone()

    def _run_step(self, batch: Any, steps: int) -> float:
        settings = self.settings
        # A seed of its own for every step and rank: nothing depends on what was drawn before.
        torch.manual_seed(_mix(settings.seed, self.epoch, self.step, self.accelerator.process_index))
        rate = set_learning_rate(
            self.optimizer, self.schedule, schedule_time(settings.clock, self.epoch, self.step, steps)
        )
        batch = batch.to(self.accelerator.device)
        with self.accelerator.autocast():
            terms = self.task.terms(self.forward, batch)
        self._check(terms["loss"], batch)
        self.accelerator.backward(terms["loss"] / settings.accumulation)
        self.step += 1
        if self.step % settings.accumulation == 0 or self.step == steps:
            if settings.clip_norm is not None:
                self.accelerator.clip_grad_norm_(self.model.parameters(), settings.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.updates += 1
            self.task.after_step(self.updates)
            if self.average is not None:
                self.average.update(self.task.model)
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.item()
        self.sums["images"] = self.sums.get("images", 0) + len(batch.rows) * self.accelerator.num_processes
        self.hooks.on_step(self.epoch, self.step, steps, self.sums["loss"] / self.step)
        return rate

    def _check(self, loss: Tensor, batch: Any) -> None:
        if not math.isfinite(loss.item()):
            kept = f"the last checkpoint is kept at {self.checkpoint}" if self.checkpoint else "nothing was stored"
            raise TrainingError(
                f"the loss became {loss.item()} in epoch {self.epoch + 1}, step {self.step + 1} (manifest rows "
                f"{batch.rows.tolist()}); {kept}. Lower the learning rate, use fp32, or clip gradients (clip_norm)"
            )

    def _row(self, rate: float) -> dict[str, Any]:
        images = self.sums.pop("images")
        row: dict[str, Any] = {"epoch": self.epoch + 1, "lr": rate}
        row.update({name: value / self.step for name, value in self.sums.items()})
        row["images_per_second"] = images / self.seconds
        return row

    def _evaluates(self) -> bool:
        """Whether to evaluate between epochs; the result is evaluated by whoever called `fit`."""
        every = self.settings.evaluate_every
        return every > 0 and self.epoch % every == 0 and self.epoch < self.settings.epochs

    def _due(self, every: int) -> bool:
        """Whether the epoch that just ended is one of every so many, or the last."""
        return self.epoch == self.settings.epochs or (every > 0 and self.epoch % every == 0)

    def save(self) -> None:
        """Writes the checkpoint, on the first rank."""
        if self.checkpoint is None or not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        state = {
            "format_version": 1,
            "epoch": self.epoch,
            "step": self.step,
            "updates": self.updates,
            "sums": self.sums,
            "seconds": self.seconds,
            "model": self.task.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "task": self.task.state(),
            "average": None if self.average is None else self.average.model.state_dict(),
            "average_steps": 0 if self.average is None else self.average.steps,
        }
        save_checkpoint(self.checkpoint, state)

    def resume(self) -> None:
        """Goes back to the state of the checkpoint.

        Raises:
            TrainingError: if there is none, or it belongs to another model or optimiser.
        """
        assert self.checkpoint is not None
        state = load_checkpoint(self.checkpoint)
        try:
            self.task.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average is not None:
                self.average.model.load_state_dict(state["average"])
                self.average.steps = state["average_steps"]
        except (RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise TrainingError(
                f"{self.checkpoint} does not fit this model and optimiser: {error}. Resume with the recipe of that run"
            ) from error
        if self.accelerator.scaler is not None and state["scaler"] is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.task.load_state(state["task"])
        self.epoch, self.step, self.updates = state["epoch"], state["step"], state["updates"]
        self.sums, self.seconds = dict(state["sums"]), state["seconds"]


_MIXED = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}


def _mix(*numbers: int) -> int:
    """One seed of 63 bits from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
