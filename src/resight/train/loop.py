"""The one training loop of the house, for labelled and unlabelled data alike.

All chance in a step comes from seeds made of (run seed, step, rank), and all chance in a batch from (run seed, epoch,
place). So a run can be entered at any step and goes on exactly as if it had never stopped.
"""

import logging
import math
import time
from collections.abc import Mapping
from contextlib import nullcontext
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
from resight.train.hooks import Batches, Hooks
from resight.train.schedules import Schedule, schedule_time, set_learning_rate
from resight.train.settings import LoopSettings
from resight.train.step_seed import step_seed
from resight.train.stop import StopSignals
from resight.train.task import Task

_logger = logging.getLogger(__name__)

_LOWER = (
    "take fewer images per batch (ids_per_batch; accumulation makes up for it), precision bf16, gradient checkpointing "
    "or a smaller image size"
)


class Trainer:
    """Runs a task to its end, from the start or from a checkpoint.

    Accelerate brings the device, the processes and their exchange of gradients. Precision is set here, because
    accelerate keeps it once for the whole process and leaves its autocast in the model's `forward`; so evaluation runs
    in fp32, as the stored model does.

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
        # Loaders stay out of prepare(): the PK sampler already gives each rank its own batches.
        self.model: nn.Module = self.accelerator.prepare(task.model)
        self.forward: Any = torch.compile(self.model) if settings.compile else self.model
        self.scaler = torch.amp.GradScaler(self.accelerator.device.type, enabled=settings.precision == "fp16")
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
            while self.epoch < self.settings.epochs:
                self._run_epoch()
        return self._shared_result()

    def _run_epoch(self) -> None:
        row = self._train_epoch()
        self.epoch, self.step, self.sums, self.seconds = self.epoch + 1, 0, {}, 0.0
        failure = None
        if self._evaluates() and self.hooks.evaluate is not None:
            try:
                row.update(self.hooks.evaluate(self._shared_result()))
            except ResightError as error:  # the epoch is kept, without numbers of the evaluation
                failure = error
        if self.accelerator.is_main_process:
            # Before the checkpoint: a row too many is cut when the run is resumed, a missing one would stay missing.
            self.hooks.on_row(row)
        if failure is not None:  # nothing here waits for other processes, which may be inside the evaluation
            self.save()
            raise failure
        self.is_stopping = self.is_stopping or self._numbers({}, stop=self.signals.flag)["stop"] > 0
        if self._due(self.settings.save_every) or self.is_stopping:
            self.save()
        self.accelerator.wait_for_everyone()
        if self.is_stopping:
            self.signals.leave()

    def _shared_result(self) -> nn.Module:
        """`result` in evaluation mode; statistics of norms, which differ between processes, are those of the first."""
        for buffer in self.result.buffers():
            broadcast(buffer)
        return self.result.eval()

    def _train_epoch(self) -> dict[str, Any]:
        """The rest of the present epoch; returns its row."""
        self.model.train()
        batches = self.batches(self.epoch, self.step)
        steps = self.step + len(batches)  # type: ignore[arg-type]
        if steps == 0:
            raise TrainingError("an epoch has no batch; there are too few images for one batch of P x K")
        rate = 0.0
        started = time.perf_counter()
        for batch in batches:
            rate = self._run_step(batch, steps)
            self.seconds += time.perf_counter() - started
            if self._saves_here(steps):
                self.save()
                if self.is_stopping:
                    self.signals.leave()
            started = time.perf_counter()
        images, skipped = self.sums.pop("images"), self.sums.pop("skipped")
        row: dict[str, Any] = {"epoch": self.epoch + 1, "lr": rate}
        row.update({name: value / steps for name, value in self.sums.items()})
        if skipped:
            row["skipped_images"] = round(skipped)
        row["images_per_second"] = images / self.seconds
        return row

    def _run_step(self, batch: Any, steps: int) -> float:
        settings = self.settings
        # A seed of its own for every step and rank: nothing depends on what was drawn before.
        torch.manual_seed(step_seed(settings.seed, self.epoch, self.step, self.accelerator.process_index))
        rate = set_learning_rate(
            self.optimizer, self.schedule, schedule_time(settings.clock, self.epoch, self.step, steps)
        )
        first = self.step - self.step % settings.accumulation  # batch of the optimiser step that this one belongs to
        count = min(settings.accumulation, steps - first)
        is_last = self.step + 1 == first + count
        synchronized = nullcontext() if is_last else self.accelerator.no_sync(self.model)
        with explain_out_of_memory(f"training on {len(batch.rows)} images at a time", _LOWER), synchronized:
            batch = batch.to(self.accelerator.device)
            with self._autocast():
                terms = self.task.terms(self.forward, batch)
            self.scaler.scale(terms["loss"] / count).backward()  # type: ignore[no-untyped-call]
        self._report_skipped(batch)
        numbers = self._numbers(terms, skipped=float(len(batch.skipped)), stop=self.signals.flag)
        self._check(numbers["loss"], batch)
        self.is_stopping = self.is_stopping or numbers.pop("stop") > 0
        numbers["skipped"] *= self.accelerator.num_processes
        self.step += 1
        if is_last:
            self._update()
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.sums["images"] = self.sums.get("images", 0) + len(batch.rows) * self.accelerator.num_processes
        self.hooks.on_step(self.epoch, self.step, steps, self.sums["loss"] / self.step)
        return rate

    def _update(self) -> None:
        """One step of the optimiser, and what follows from it."""
        if self.settings.clip_norm is not None:
            self.scaler.unscale_(self.optimizer)
            clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        self.updates += 1
        self.task.after_step(self.updates)
        if self.average is not None:
            self.average.update(self.task.model)

    def _autocast(self) -> torch.autocast:
        dtype = torch.float16 if self.settings.precision == "fp16" else torch.bfloat16
        return torch.autocast(self.accelerator.device.type, dtype, enabled=self.settings.precision != "fp32")

    def _numbers(self, terms: Mapping[str, Tensor], **others: float) -> dict[str, float]:
        """The terms and other numbers, averaged over the processes; fetched from the device at once."""
        numbers = torch.tensor(list(others.values()), device=self.accelerator.device)
        values = torch.stack([*(value.detach().float() for value in terms.values()), *numbers])
        return dict(zip((*terms, *others), self.accelerator.reduce(values, "mean").tolist(), strict=True))

    def _report_skipped(self, batch: Any) -> None:
        for message in batch.skipped:
            if message not in self._named:
                self._named.add(message)
                _logger.warning("left out of training: %s", message)

    def _check(self, loss: float, batch: Any) -> None:
        if not math.isfinite(loss):
            kept = self.checkpoint is not None and self.checkpoint.is_file()
            where = f"the last checkpoint is kept at {self.checkpoint}" if kept else "nothing was stored yet"
            raise TrainingError(
                f"the loss became {loss} in epoch {self.epoch + 1}, step {self.step + 1} (training rows "
                f"{batch.rows.tolist()}); {where}. Lower the learning rate, use fp32, or clip gradients (clip_norm)"
            )

    def _evaluates(self) -> bool:
        """Whether to evaluate between epochs; the result is evaluated by whoever called `fit`."""
        every = self.settings.evaluate_every
        return every > 0 and self.epoch % every == 0 and self.epoch < self.settings.epochs

    def _due(self, every: int) -> bool:
        """Whether the epoch that just ended is one of every so many, or the last."""
        return self.epoch == self.settings.epochs or (every > 0 and self.epoch % every == 0)

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
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "updates": self.updates,
            "sums": self.sums,
            "seconds": self.seconds,
            "processes": self.accelerator.num_processes,
            "model": self.task.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
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
        if self.checkpoint is None:
            raise TrainingError("this trainer has no checkpoint to resume from; pass checkpoint=PATH")
        state = load_checkpoint(self.checkpoint)
        processes = self.accelerator.num_processes
        try:
            if state["step"] and state["processes"] != processes:
                raise ValueError(
                    f"it was saved inside an epoch that {state['processes']} process(es) shared, not {processes}"
                )
            self.task.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.scaler.load_state_dict(state["scaler"])
            if self.average is not None:
                self.average.model.load_state_dict(state["average"])
                self.average.steps = state["average_steps"]
            self.task.load_state(state["task"])
            self.epoch, self.step, self.updates = state["epoch"], state["step"], state["updates"]
            self.sums, self.seconds = dict(state["sums"]), state["seconds"]
        except (RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
            reason = " ".join(str(error).split()).removesuffix(".")
            raise TrainingError(
                f"{self.checkpoint} does not fit this run: {reason}. Resume with the recipe of that run"
            ) from error
