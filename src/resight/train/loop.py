"""The one training loop of the house, for labelled and unlabelled data alike.

All chance in a step comes from seeds made of (run seed, step, rank), and all chance in a batch from (run seed, epoch,
place). So a run can be entered at any step and goes on exactly as if it had never stopped.
"""

import logging
import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from resight.errors import ResightError, TrainingError
from resight.memory import explain_out_of_memory
from resight.train.average import WeightAverage
from resight.train.checkpoint import load_checkpoint, save_checkpoint
from resight.train.gradients import Gradients
from resight.train.hooks import Batches, Hooks
from resight.train.schedules import Schedule, schedule_time, set_learning_rate
from resight.train.settings import LoopSettings
from resight.train.snapshot import restore_snapshot, take_snapshot
from resight.train.step_seed import step_seed
from resight.train.stop import StopSignals
from resight.train.task import StepTime, Task

_logger = logging.getLogger(__name__)

_LOWER = (
    "take fewer images per batch (ids_per_batch, data.batch_size; accumulation makes up for it), precision bf16, "
    "gradient checkpointing or a smaller image size"
)


class Trainer:
    """Runs a task to its end, from the start or from a checkpoint.

    Accelerate brings the device, the processes and their exchange of gradients.

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
        self.optimizer = optimizer
        self.schedule = schedule
        self.settings = settings
        self.checkpoint = checkpoint
        self.hooks = hooks or Hooks()
        # Without a GPU it has to be told so, or else several processes would train side by side, each for itself.
        self.accelerator = Accelerator(mixed_precision="no", cpu=not torch.accelerator.is_available())
        self.gradients = Gradients(task, self.accelerator, settings)
        self.model = self.gradients.model
        decay = settings.average_decay
        self.average = None if decay is None else WeightAverage(task.model, decay)
        self.epoch = 0  # the one that runs or comes next
        self.step = 0  # batches done in it
        self.updates = 0  # optimiser steps done since the start
        self.sums: dict[str, float] = {}
        self.seconds = 0.0
        self.signals = StopSignals()
        self.is_stopping = False  # a process was told to stop, and by now all know
        self._named: set[str] = set()  # unreadable images that were reported

    @property
    def result(self) -> nn.Module:
        """The model to evaluate and to keep: the weight average where there is one."""
        return self.task.model if self.average is None else self.average.model

    def fit(self) -> nn.Module:
        """Trains to the last epoch; returns `result`, in evaluation mode and the same in all processes.

        Precision `auto` is measured first, and the choice is saved at once, so that resuming keeps it.

        Ctrl-C or SIGTERM ends it after the step that runs, with a checkpoint; a second one ends it at once.

        Raises:
            TrainingError: if the loss stops being finite, or a checkpoint cannot be written; the last one is kept.
            MemoryLimitError: if a batch does not fit.
            ResightError: of an evaluation between epochs; the epoch before it is logged and saved.
            KeyboardInterrupt: after Ctrl-C.
            SystemExit: after SIGTERM.
        """
        device = self.accelerator.device
        with self.signals, torch.random.fork_rng([device] if device.type == "cuda" else []):
            if self.epoch < self.settings.epochs and self.gradients.precision is None:
                self._measure_precision()
            while self.epoch < self.settings.epochs:
                self._run_epoch()
        return self._shared_result()

    def _run_epoch(self) -> None:
        row, failure = self._train_epoch(), None
        if self.settings.evaluates_after(self.epoch + 1) and self.hooks.evaluate is not None:
            self._save_and_perhaps_leave()  # an evaluation takes long, and a kill in it must not cost the epoch
            try:
                row.update(self.hooks.evaluate(self._shared_result()))
            except ResightError as error:  # the epoch is kept, without numbers of the evaluation
                failure = error
        self.epoch, self.step, self.sums, self.seconds = self.epoch + 1, 0, {}, 0.0
        if self.accelerator.is_main_process:
            # Before the checkpoint: a row too many is cut when the run is resumed, a missing one would stay missing.
            self.hooks.on_row(row)
        if failure is not None:  # nothing here waits for other processes, which may be inside the evaluation
            self.save()
            raise failure
        if self.settings.saves_after(self.epoch) or self._hears_stop():
            self._save_and_perhaps_leave()
        self.accelerator.wait_for_everyone()

    def _save_and_perhaps_leave(self) -> None:
        """Leaves after a signal, all processes at once: a launcher ends the others as soon as one has left."""
        self.save()
        if self._hears_stop():
            self.accelerator.wait_for_everyone()
            self.signals.leave()

    def _hears_stop(self) -> bool:
        """Whether a process was told to stop; all have to ask, and all hear the same."""
        self.is_stopping = self.is_stopping or self._numbers({}, stop=self.signals.flag)["stop"] > 0
        return self.is_stopping

    def _shared_result(self) -> nn.Module:
        """`result` in evaluation mode; statistics of norms, which differ between processes, are those of the first."""
        for buffer in self.result.buffers():
            broadcast(buffer)
        return self.result.eval()

    def _train_epoch(self) -> dict[str, Any]:
        """The rest of the present epoch; returns its row."""
        self.model.train()
        batches, steps = self._batches()
        waiting: list[Any] = []
        started = time.perf_counter()
        for batch in batches:
            waiting.append(batch)
            if self.settings.mining == "joined" and len(waiting) < min(self.settings.accumulation, steps - self.step):
                continue
            self._run_step(waiting, steps)
            waiting = []
            self.seconds += time.perf_counter() - started
            if self._saves_here(steps):
                self._save_and_perhaps_leave()
            started = time.perf_counter()
        sums = dict(self.sums)
        images, skipped = sums.pop("images"), sums.pop("skipped")
        row: dict[str, Any] = {"epoch": self.epoch + 1, "lr": float(self.optimizer.param_groups[0]["lr"])}
        row.update({name: value / steps for name, value in sums.items()})
        if skipped:
            row["skipped_images"] = round(skipped)
        row["images_per_second"] = images / self.seconds
        return row

    def _batches(self) -> tuple[Iterable[Any], int]:
        """The batches that are left of the present epoch, and how many the whole of it has."""
        batches = self.batches(self.epoch, self.step)
        steps = self.step + len(batches)  # type: ignore[arg-type]
        if steps == 0:
            raise TrainingError("an epoch has no batch; there are too few images for one batch of P x K")
        return batches, steps

    def _run_step(self, batches: list[Any], steps: int) -> None:
        """One batch, or with joined mining all of an optimiser step."""
        settings = self.settings
        seeds = [self._seed(self.step + place) for place in range(len(batches))]
        torch.manual_seed(seeds[0])
        first = self.step - self.step % settings.accumulation  # batch of the optimiser step that these belong to
        count = min(settings.accumulation, steps - first)
        set_learning_rate(self.optimizer, self.schedule, schedule_time(settings.clock, self.epoch, first, steps))
        self.task.before_step(self._time(steps), self.optimizer)
        losses = count if settings.mining == "batch" else 1
        is_last = self.step + len(batches) == first + count
        with explain_out_of_memory(f"training on {len(batches[0].rows)} images at a time", _LOWER):
            terms = self.gradients.add(batches, seeds, losses=losses, is_last=is_last)
        self._add_up(terms, batches)
        self.step += len(batches)
        if is_last:
            self._update()
        self.hooks.on_step(self.epoch, self.step, steps, self.sums["loss"] / self.step)

    def _add_up(self, terms: Mapping[str, Tensor], batches: list[Any]) -> None:
        """Adds the numbers of some batches to those of the epoch, after a look at them."""
        self._report_skipped(batches)
        skipped = sum(len(batch.skipped) for batch in batches)
        terms = {**terms, "finite": self.gradients.are_finite()}
        numbers = self._numbers(terms, skipped=float(skipped), stop=self.signals.flag)
        self._check(numbers["loss"], numbers.pop("finite"), batches)
        self.is_stopping = self.is_stopping or numbers.pop("stop") > 0
        processes = self.accelerator.num_processes
        added = {name: value * len(batches) for name, value in numbers.items()}
        added["skipped"] = numbers["skipped"] * processes
        added["images"] = float(sum(len(batch.rows) for batch in batches) * processes)
        for name, value in added.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def _seed(self, step: int) -> int:
        """A seed of its own for every step and rank: nothing depends on what was drawn before."""
        return step_seed(self.settings.seed, self.epoch, step, self.accelerator.process_index)

    def _time(self, steps: int) -> StepTime:
        updates = self.settings.epochs * math.ceil(steps / self.settings.accumulation)
        return StepTime(self.epoch, self.step, steps, self.updates, updates)

    @explain_out_of_memory("taking a step of the optimiser", _LOWER)  # its first one makes its state
    def _update(self) -> None:
        """One step of the optimiser, and what follows from it."""
        scaler = self.gradients.scaler
        scaler.unscale_(self.optimizer)
        self.task.before_update()
        if self.settings.clip_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        scaler.step(self.optimizer)
        scaler.update()
        self.optimizer.zero_grad()
        self.updates += 1
        self.task.after_step(self.updates)
        if self.average is not None:
            self.average.update(self.task.model)

    def _measure_precision(self) -> None:
        batches, steps = self._batches()
        choice = self.gradients.measure_precision(self.optimizer, next(iter(batches)), self._time(steps))
        _logger.info("precision: %s", choice.line())
        if self.accelerator.is_main_process:
            self.hooks.on_precision(choice)
        self.save()
        self.accelerator.wait_for_everyone()

    def _numbers(self, terms: Mapping[str, Tensor], **others: float) -> dict[str, float]:
        """The terms and other numbers, averaged over the processes; fetched from the device at once."""
        numbers = torch.tensor(list(others.values()), device=self.accelerator.device)
        values = torch.stack([*(value.detach().float() for value in terms.values()), *numbers])
        return dict(zip((*terms, *others), self.accelerator.reduce(values, "mean").tolist(), strict=True))

    def _report_skipped(self, batches: list[Any]) -> None:
        for message in (message for batch in batches for message in batch.skipped):
            if message not in self._named:
                self._named.add(message)
                _logger.warning("left out of training: %s", message)

    def _check(self, loss: float, finite: float, batches: list[Any]) -> None:
        if not math.isfinite(loss) or finite < 1:
            kept = self.checkpoint is not None and self.checkpoint.is_file()
            rows = [row for batch in batches for row in batch.rows.tolist()]
            where = f"the last checkpoint is kept at {self.checkpoint}" if kept else "nothing was stored yet"
            what = "gradients are not finite" if math.isfinite(loss) else f"the loss became {loss}"
            raise TrainingError(
                f"{what} in epoch {self.epoch + 1}, step {self.step + 1} (training rows "
                f"{rows}); {where}. Lower the learning rate, use fp32, or clip gradients (clip_norm)"
            )

    def _saves_here(self, steps: int) -> bool:
        """Whether to save inside the epoch; only between optimiser steps, since gradients are not stored."""
        if self.step % self.settings.accumulation or self.step == steps:
            return False
        every = self.settings.save_steps * self.settings.accumulation
        return self.is_stopping or (every > 0 and self.step % every == 0)

    def save(self) -> None:
        """Writes the checkpoint, on the first rank."""
        if self.checkpoint is None or not self.accelerator.is_main_process:
            return
        save_checkpoint(self.checkpoint, take_snapshot(self))

    def resume(self) -> None:
        """Goes back to the state of the checkpoint.

        Raises:
            TrainingError: if there is none, or it belongs to another model or optimiser.
        """
        if self.checkpoint is None:
            raise TrainingError("this trainer has no checkpoint to resume from; pass checkpoint=PATH")
        restore_snapshot(self, load_checkpoint(self.checkpoint))
