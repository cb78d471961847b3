"""How batches become gradients: in which precision, compiled or not, each by itself or joined."""

import logging
import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from resight.errors import TrainingError
from resight.train.joined import Joinable, joined_backward
from resight.train.precision import Precision, PrecisionChoice, autocast, can_calculate, measure_precision
from resight.train.settings import LoopSettings
from resight.train.task import StepTime, Task

_logger = logging.getLogger(__name__)

_SMALLEST_SCALE = 2.0**-14
"""Of the loss in fp16: a scaler below it has halved its first one 31 times, so no scale will do."""


class Gradients:
    """Forward and backward passes of a task.

    Precision is set here, because accelerate keeps it once for the whole process and leaves its autocast in the model's
    `forward`; so evaluation runs in fp32, as the stored model does.

    Args:
        task: what is trained.
        accelerator: device and processes.
        settings: precision, mining, compile.

    Raises:
        TrainingError: if the device lacks the precision, or the task's batches cannot be joined.
    """

    def __init__(self, task: Task, accelerator: Accelerator, settings: LoopSettings) -> None:
        self.task = task
        self.accelerator = accelerator
        self.joinable = _require_joinable(task) if settings.mining == "joined" else None
        # Loaders stay out of prepare(): the PK sampler already gives each rank its own batches.
        self.model: nn.Module = accelerator.prepare(task.model)
        called = self.model if self.joinable is None else self.joinable.encoder
        self.forward: Any = torch.compile(called) if settings.compile else called
        self.precision: Precision | None = None  # None: `auto`, and not measured yet
        self.scaler = torch.amp.GradScaler(accelerator.device.type, enabled=False)
        if settings.precision != "auto":
            self.use_precision(settings.precision)
            if accelerator.device.type == "cpu" and settings.precision != "fp32" and accelerator.is_main_process:
                _logger.warning(
                    "%s may take many times as long as fp32 on a CPU; train.precision=auto measures which is quicker",
                    settings.precision,
                )

    def use_precision(self, precision: Precision) -> None:
        """Sets the precision of the forward pass.

        Raises:
            TrainingError: if the device lacks it.
        """
        device = self.accelerator.device
        if not can_calculate(device, precision):
            raise TrainingError(f"the device {device} cannot calculate in {precision}; use precision fp32 or auto")
        self.precision = precision
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")

    def measure_precision(self, optimizer: torch.optim.Optimizer, batch: Any, time: StepTime) -> PrecisionChoice:
        """Measures which precision to use, and uses it; all processes have to call. See `measure_precision` there."""
        device = self.accelerator.device
        choice = measure_precision(
            self.task,
            optimizer,
            batch.to(device),
            time,
            device=device,
            slowest=lambda values: gather(values.unsqueeze(0)).amax(0),
            is_alone=self.accelerator.num_processes == 1,
        )
        self.use_precision(choice.chosen)
        return choice

    def add(self, batches: Sequence[Any], seeds: Sequence[int], *, losses: int, is_last: bool) -> Mapping[str, Tensor]:
        """Adds the gradients of one batch, or with joined mining of several; returns its terms.

        Args:
            batches: on the CPU or the device.
            seeds: of the random numbers of each.
            losses: that make up an optimiser step; the gradient is that of their mean.
            is_last: whether the gradients of this optimiser step are then complete, to be averaged over the processes.
        """
        batches = [batch.to(self.accelerator.device) for batch in batches]
        if self.joinable is not None:
            return joined_backward(
                self.joinable, self.forward, batches, seeds=seeds, autocast=self._autocast, scale=self.scaler.scale
            )
        (batch,), (seed,) = batches, seeds
        torch.manual_seed(seed)
        with nullcontext() if is_last else self.accelerator.no_sync(self.model):
            with self._autocast():
                terms = self.task.terms(self.forward, batch)
            self.scaler.scale(terms["loss"] / losses).backward()  # type: ignore[no-untyped-call]
        return terms

    def are_finite(self) -> Tensor:
        """Scalar, 1 or 0: whether all gradients are finite; a finite loss can have others, which spoil all weights.

        Gradients of a scaled loss count as finite, since their step is skipped; until no scale is left to try.
        """
        gradients = [parameter.grad for parameter in self.model.parameters() if parameter.grad is not None]
        if self.scaler.is_enabled() or not gradients:
            is_hopeless = self.scaler.is_enabled() and self.scaler.get_scale() < _SMALLEST_SCALE
            return torch.full((), float(not is_hopeless), device=self.accelerator.device)
        return get_total_norm(gradients, math.inf).isfinite().float()

    def _autocast(self) -> torch.autocast:
        return autocast(self.accelerator.device, self.precision or "fp32")


def _require_joinable(task: Task) -> Joinable:
    if not isinstance(task, Joinable):
        raise TrainingError(
            f"the loss of a {type(task).__name__} cannot be taken over several batches at once; use mining=batch"
        )
    return task
