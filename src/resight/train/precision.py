"""The precision of the forward pass: told, or measured on the device and with the model that trains."""

import copy
import math
import platform
import statistics
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal

import torch
from torch import Tensor

from resight.errors import MemoryLimitError, TrainingError
from resight.memory import explain_out_of_memory
from resight.train.task import StepTime, Task

Precision = Literal["fp32", "bf16", "fp16"]

DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
GAIN = 0.05
"""Share of the time that a narrower type has to save; less may be noise, and the wider type is the safer one."""
ROUNDS = 3
HOPELESS = 3.0
"""Times the quickest first step after which a candidate is not measured further, if its own took over a second: a CPU
without bf16 units can need thirty times as long."""
LOSS_SCALES: dict[Precision, tuple[float, ...]] = {
    "fp32": (1.0,),
    "bf16": (1.0,),
    "fp16": tuple(2.0**power for power in range(16, 7, -1)),
}
"""Factors of the loss to try: a gradient scaler begins at 65536 and halves it until all gradients are finite."""


@dataclass(frozen=True)
class PrecisionChoice:
    """What was measured, and what follows.

    chosen: the quickest sound precision. device: its name. seconds: of a training step (forward, loss, backward), the
    median, for each that was measured. out: why each of the others was not.
    """

    chosen: Precision
    device: str
    seconds: Mapping[Precision, float] = field(default_factory=dict)
    out: Mapping[Precision, str] = field(default_factory=dict)

    def line(self) -> str:
        """What was measured, in one line."""
        times = ", ".join(f"{1000 * value:.1f} ms in {name}" for name, value in self.seconds.items())
        reasons = "".join(f"; {name}: {reason}" for name, reason in self.out.items())
        return f"{self.chosen} is used: a training step on {self.device} takes {times}{reasons}"

    def to_json(self) -> dict[str, Any]:
        """Plain values for `json.dumps`."""
        return {
            "chosen": self.chosen,
            "device": self.device,
            "seconds_per_step": dict(self.seconds),
            "out": dict(self.out),
        }


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """The context of a forward pass in a precision."""
    return torch.autocast(device.type, DTYPES[precision], enabled=precision != "fp32")


def can_calculate(device: torch.device, precision: Precision) -> bool:
    """Whether a device calculates in a precision at all."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of a type that a device lacks, and goes on in fp32
            with autocast(device, precision):
                square = torch.ones(8, 8, device=device)
                return (square @ square).dtype == DTYPES[precision]
    except RuntimeError:
        return False


def candidates(device: torch.device) -> tuple[Precision, ...]:
    """What is worth measuring, the safest first: fp16 needs a scaled loss, and is no gain on a CPU."""
    return ("fp32", "bf16") if device.type == "cpu" else ("fp32", "bf16", "fp16")


def quickest(seconds: Mapping[Precision, float]) -> Precision:
    """The precision of the least time; one that comes later has to save `GAIN` over those before it."""
    names = list(seconds)
    best = names[0]
    for name in names[1:]:
        if seconds[name] < (1 - GAIN) * seconds[best]:
            best = name
    return best


def measure_precision(
    task: Task,
    optimizer: torch.optim.Optimizer,
    batch: Any,
    time: StepTime,
    *,
    device: torch.device,
    slowest: Callable[[Tensor], Tensor] = lambda values: values,
    is_alone: bool = True,
) -> PrecisionChoice:
    """Times training steps of a task on a batch in every candidate, and takes the quickest sound one.

    A step is forward pass, loss and backward pass, not compiled. All of it happens on copies of task and optimiser and
    in a fork of the random state, so nothing of the run changes. Sound is what gives finite loss and gradients.

    Args:
        task: on the device.
        optimizer: of the task, which only hears of the step.
        batch: on the device.
        time: of the step.
        device: that trains.
        slowest: the maximum over the processes, element by element, of a tensor (n,): all of them then decide alike.
        is_alone: whether this is the only process; another one cannot leave a step out that does not fit in memory.

    Raises:
        TrainingError: if not one candidate is sound.
        MemoryLimitError: if not one fits in memory, or in a process of several one does not.
    """
    trial = _Trial(task, optimizer, batch, time, device, slowest)
    scales: dict[Precision, float] = {}
    out: dict[Precision, str] = {}
    quickest_first = math.inf
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for precision in candidates(device):
            try:
                scale, first = trial.first_step(precision)
            except _UnsoundError as error:
                out[precision] = str(error)
            except MemoryLimitError as error:
                if not is_alone:
                    raise
                out[precision] = str(error)
            else:
                if first > max(HOPELESS * quickest_first, 1.0):
                    out[precision] = f"{first / quickest_first:.0f} times as slow"
                else:
                    scales[precision] = scale
                quickest_first = min(first, quickest_first)
        if not scales:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in out.items())
            raise TrainingError(f"no precision is sound for the first batch of this run ({reasons})")
        seconds = trial.seconds(scales)
    return PrecisionChoice(quickest(seconds), device_name(device), seconds, out)


def device_name(device: torch.device) -> str:
    """What a person calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"


class _UnsoundError(Exception):
    """Says why a precision is out."""


class _Trial:
    """Training steps on a copy of a task; see `measure_precision`."""

    def __init__(
        self,
        task: Task,
        optimizer: torch.optim.Optimizer,
        batch: Any,
        time: StepTime,
        device: torch.device,
        slowest: Callable[[Tensor], Tensor],
    ) -> None:
        with explain_out_of_memory("copying the model to measure its precision", "name one, such as precision bf16"):
            self.task, optimizer = copy.deepcopy((task, optimizer))
        self.task.model.train()
        self.task.before_step(time, optimizer)
        self.batch = batch
        self.device = device
        self.slowest = slowest

    def first_step(self, precision: Precision) -> tuple[float, float]:
        """The largest factor of the loss with which all gradients are finite in every process, and the step's seconds.

        Raises:
            _UnsoundError: if there is none.
        """
        if not can_calculate(self.device, precision):
            raise _UnsoundError("not on this device")
        for scale in LOSS_SCALES[precision]:
            loss, seconds = self._step(precision, scale)
            gradients = [value.grad for value in self.task.model.parameters() if value.grad is not None]
            finite = [loss.isfinite(), torch.stack([value.isfinite().all() for value in gradients]).all()]
            numbers = torch.tensor([*(1 - float(value) for value in finite), seconds], device=self.device)
            no_loss, no_gradients, slowest = self.slowest(numbers).tolist()
            if no_loss:
                raise _UnsoundError("the loss is not finite")
            if not no_gradients:
                return scale, slowest
        raise _UnsoundError("the gradients are not finite")

    def seconds(self, scales: Mapping[Precision, float]) -> dict[Precision, float]:
        """The median time of a step in each precision, of the slowest process."""
        times: dict[Precision, list[float]] = {precision: [] for precision in scales}
        for _ in range(ROUNDS):  # in turns, so that what else the machine does meets all alike
            for precision, scale in scales.items():
                times[precision].append(self._step(precision, scale)[1])
        medians = torch.tensor([statistics.median(values) for values in times.values()], device=self.device)
        return dict(zip(times, self.slowest(medians).tolist(), strict=True))

    def _step(self, precision: Precision, scale: float) -> tuple[Tensor, float]:
        """The loss of a step and its seconds; the gradients are left in the model."""
        self.task.model.zero_grad()
        torch.manual_seed(0)  # the same stochastic depth for all
        self._wait()
        started = perf_counter()
        with explain_out_of_memory(f"measuring {precision}", "take fewer images per batch"):
            with autocast(self.device, precision):
                loss = self.task.terms(self.task.model, self.batch)["loss"]
            (loss * scale).backward()  # type: ignore[no-untyped-call]
            self._wait()
        return loss.detach(), perf_counter() - started

    def _wait(self) -> None:
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
