import copy
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from resight.data.dataset import Batch
from resight.errors import TrainingError
from resight.losses import ReIDLoss
from resight.train import Hooks, PrecisionChoice, SupervisedTask, Trainer, gradients, precision, snapshot
from resight.train.centers import MovingCenters
from resight.train.checkpoint import load_checkpoint
from resight.train.precision import autocast, can_calculate, candidates, measure_precision, quickest
from resight.train.task import StepTime
from tests.train.toy import assert_same, state_of, toy_batch, toy_model, toy_trainer

CPU = torch.device("cpu")
START = StepTime(0, 0, 5, 0, 5)


def current() -> str:
    """The precision that the code under test is in."""
    if not torch.is_autocast_enabled("cpu"):
        return "fp32"
    return {torch.bfloat16: "bf16", torch.float16: "fp16"}[torch.get_autocast_dtype("cpu")]


class Told(SupervisedTask):
    """A task whose precisions behave as told: `change(precision, loss)` makes the loss."""

    def __init__(self, change: Callable[[str, Tensor], Tensor]) -> None:
        super().__init__(toy_model(), ReIDLoss())
        self.change = change

    def terms(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        terms = super().terms(model, batch)
        return {**terms, "loss": self.change(current(), terms["loss"])}


def slow_in(*slow: str) -> Callable[[str, Tensor], Tensor]:
    def change(name: str, loss: Tensor) -> Tensor:
        time.sleep(0.4 if name in slow else 0)
        return loss

    return change


def measure(task: SupervisedTask, **options: Any) -> PrecisionChoice:
    optimizer = torch.optim.SGD(task.model.parameters(), lr=1.0)
    return measure_precision(task, optimizer, toy_batch(0, 0), START, device=CPU, **options)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"fp32": 1.0, "bf16": 0.5, "fp16": 0.6}, "bf16"),
        ({"fp32": 1.0, "bf16": 0.96}, "fp32"),
        ({"fp32": 1.0, "bf16": 0.94}, "bf16"),
        ({"fp32": 1.0, "bf16": 0.5, "fp16": 0.49}, "bf16"),
        ({"fp32": 1.0, "bf16": 0.5, "fp16": 0.4}, "fp16"),
        ({"fp32": 1.0, "bf16": 1.5, "fp16": 0.4}, "fp16"),
        ({"bf16": 1.0}, "bf16"),
    ],
)
def test_a_narrower_type_has_to_be_clearly_quicker(seconds: Mapping[Any, float], expected: str) -> None:
    assert quickest(seconds) == expected


def test_candidates() -> None:
    assert candidates(CPU) == ("fp32", "bf16")
    assert candidates(torch.device("cuda")) == ("fp32", "bf16", "fp16")


def test_what_a_device_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert can_calculate(CPU, "fp32")
    assert can_calculate(CPU, "bf16")
    monkeypatch.setitem(precision.DTYPES, "bf16", torch.float64)  # which autocast refuses with a warning
    assert not can_calculate(CPU, "bf16")


@pytest.mark.parametrize(("slow", "chosen"), [(("bf16",), "fp32"), (("fp32",), "bf16")])
def test_the_quicker_one_is_chosen(slow: tuple[str, ...], chosen: str) -> None:
    choice = measure(Told(slow_in(*slow)))
    assert choice.chosen == chosen
    assert list(choice.seconds) == ["fp32", "bf16"]
    assert choice.out == {}
    assert choice.line().startswith(f"{chosen} is used: a training step on cpu (")
    assert choice.to_json()["seconds_per_step"][slow[0]] > 0.1


def test_nothing_of_the_run_changes() -> None:
    model = toy_model()
    task = SupervisedTask(model, ReIDLoss(), MovingCenters(3, 12, weight=0.1))
    optimizer = torch.optim.AdamW(model.parameters())
    next(model.parameters()).grad = torch.ones_like(next(model.parameters()))
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), task.state(), torch.get_rng_state()))
    measure_precision(task, optimizer, toy_batch(0, 0), START, device=CPU)
    assert_same((model.state_dict(), optimizer.state_dict(), task.state(), torch.get_rng_state()), before)
    first, *others = model.parameters()
    assert torch.equal(first.grad, torch.ones_like(first))  # type: ignore[arg-type]
    assert all(parameter.grad is None for parameter in others)
    assert task.centers is not None
    assert task.centers.loss.centers.grad is None


def test_the_task_hears_of_the_step_in_a_copy() -> None:
    class Hearing(SupervisedTask):
        heard: Any = None

        def before_step(self, time: StepTime, optimizer: torch.optim.Optimizer) -> None:
            self.heard = time
            optimizer.param_groups[0]["weight_decay"] = 9.0

        def terms(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
            assert self.heard == START
            return super().terms(model, batch)

    task = Hearing(toy_model(), ReIDLoss())
    optimizer = torch.optim.SGD(task.model.parameters(), lr=1.0)
    measure_precision(task, optimizer, toy_batch(0, 0), START, device=CPU)
    assert task.heard is None
    assert optimizer.param_groups[0]["weight_decay"] == 0


@pytest.mark.parametrize(
    ("factor", "reason"), [(float("nan"), "the loss is not finite"), (1e38, "the gradients are not finite")]
)
def test_what_is_not_finite_is_out(factor: float, reason: str) -> None:
    def change(name: str, loss: Tensor) -> Tensor:
        if name == "fp32":
            time.sleep(0.1)
            return loss
        return (loss - loss.detach()) * factor * 1e10 if factor == 1e38 else loss * factor

    choice = measure(Told(change))
    assert (choice.chosen, dict(choice.out), list(choice.seconds)) == ("fp32", {"bf16": reason}, ["fp32"])
    assert choice.line().endswith(f"; bf16: {reason}")


def test_nothing_sound() -> None:
    with pytest.raises(TrainingError, match=r"no precision is sound .*fp32: the loss is not finite; bf16: the loss is"):
        measure(Told(lambda name, loss: loss * float("nan")))


def test_fp16_gets_the_scale_that_a_scaler_would_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "candidates", lambda device: ("fp32", "fp16"))
    scales: list[float] = []

    def overflow_above(limit: float) -> Callable[[str, Tensor], Tensor]:
        class Overflow(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, loss: Tensor) -> Tensor:
                return loss.clone()

            @staticmethod
            def backward(ctx: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
                scales.append(float(gradient))
                return gradient * (float("inf") if float(gradient) > limit else 1)

        return lambda name, loss: Overflow.apply(loss) if name == "fp16" else loss  # type: ignore[no-any-return]

    assert "fp16" in measure(Told(overflow_above(2.0**10))).seconds
    assert scales[:7] == [2.0**power for power in range(16, 9, -1)]
    assert set(scales[7:]) == {2.0**10}
    assert measure(Told(overflow_above(1.0))).out == {"fp16": "the gradients are not finite"}


def test_what_does_not_fit_in_memory_is_out_or_in_several_processes_an_error() -> None:
    def change(name: str, loss: Tensor) -> Tensor:
        return loss + torch.empty(2**60).sum() if name == "fp32" else loss

    choice = measure(Told(change))
    assert choice.chosen == "bf16"
    assert choice.out["fp32"].startswith("out of memory while measuring fp32")
    with pytest.raises(MemoryError, match="out of memory while measuring fp32"):
        measure(Told(change), is_alone=False)


def test_all_processes_decide_by_the_slowest() -> None:
    """Another process is slow in bf16, and one has a loss that is not finite."""
    slower = iter([[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0]])
    choice = measure(Told(slow_in("fp32")), slowest=lambda values: torch.maximum(values, torch.tensor(next(slower))))
    assert choice.chosen == "fp32"
    assert dict(choice.seconds) == {"fp32": 1.0, "bf16": 2.0}
    broken = itertools.chain([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], itertools.repeat([0.0]))
    choice = measure(Told(slow_in("fp32")), slowest=lambda values: torch.maximum(values, torch.tensor(next(broken))))
    assert choice.out == {"bf16": "the loss is not finite"}


def test_what_is_hopelessly_slow_is_tried_once() -> None:
    first_steps = iter([[0.0, 0.0, 2.0], [0.0, 0.0, 60.0]])
    calls: list[str] = []

    def change(name: str, loss: Tensor) -> Tensor:
        calls.append(name)
        return loss

    def slowest(values: Tensor) -> Tensor:
        return torch.tensor(next(first_steps)) if len(values) == 3 else values

    choice = measure(Told(change), slowest=slowest)
    assert (choice.chosen, choice.out) == ("fp32", {"bf16": "30 times as slow"})
    assert calls.count("bf16") == 1
    assert list(choice.seconds) == ["fp32"]


def _trainer(path: Path | None = None, *, slow: str = "fp32", **options: Any) -> Trainer:
    task = Told(slow_in())
    trainer = toy_trainer(path, model=task.model, task=task, precision="auto", epochs=2, **options)
    if slow:
        task.change = slow_in(slow)
    return trainer


def test_a_measured_run_is_the_told_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    told = toy_trainer(precision="bf16", epochs=2)
    told.fit()
    choices: list[PrecisionChoice] = []
    saved: list[str] = []

    def on_step(*_: object) -> None:
        saved.append(load_checkpoint(tmp_path / "last.pt")["precision"])

    trainer = _trainer(tmp_path / "last.pt", hooks=Hooks(on_precision=choices.append, on_step=on_step))
    with caplog.at_level(logging.INFO, "resight"):
        trainer.fit()
    assert_same(state_of(trainer), state_of(told))
    assert [choice.chosen for choice in choices] == ["bf16"]
    assert saved[0] == "bf16", "the choice is stored before the first step"
    assert f"precision: {choices[0].line()}" in caplog.messages


def test_resuming_keeps_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = toy_trainer(precision="bf16", epochs=2)
    told.fit()
    path = tmp_path / "last.pt"

    def stop(*_: object) -> None:
        raise KeyError

    for hooks in (Hooks(on_step=stop), Hooks(on_row=stop)):
        path.unlink(missing_ok=True)
        with pytest.raises(KeyError):
            _trainer(path, hooks=hooks).fit()
        with monkeypatch.context() as patch:
            patch.setattr(gradients, "measure_precision", lambda *_, **__: pytest.fail("measured again"))
            again = _trainer(path, slow="")
            again.resume()
            again.fit()
        assert_same(state_of(again), state_of(told))


def test_a_device_that_lacks_what_was_measured_measures_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "last.pt"
    _trainer(path).fit()

    def only_fp32(device: torch.device, name: str) -> bool:
        return name == "fp32"

    for module in (precision, snapshot, gradients):
        monkeypatch.setattr(module, "can_calculate", only_fp32)
    again = _trainer(path)
    again.resume()
    assert again.gradients.precision is None
    assert "the run began in bf16, which cpu cannot calculate in; it is measured anew" in caplog.text
    again.epoch = 0
    again.fit()
    assert load_checkpoint(path)["precision"] == "fp32"


def test_a_told_precision_that_the_device_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "can_calculate", lambda device, name: False)
    with pytest.raises(TrainingError, match="cpu cannot calculate in bf16; use precision fp32 or auto"):
        toy_trainer(precision="bf16")


def test_a_run_without_a_batch_is_not_measured() -> None:
    trainer = toy_trainer(precision="auto", batches=lambda epoch, start: [])
    with pytest.raises(TrainingError, match="an epoch has no batch"):
        trainer.fit()


def test_autocast_is_off_in_fp32() -> None:
    with autocast(CPU, "fp32"):
        assert current() == "fp32"
    with autocast(CPU, "fp16"):
        assert current() == "fp16"


@pytest.mark.parametrize(("name", "says"), [("fp32", False), ("auto", False), ("bf16", True), ("fp16", True)])
def test_a_narrow_type_on_a_cpu_is_said_once(name: Any, says: bool, caplog: pytest.LogCaptureFixture) -> None:
    toy_trainer(precision=name, epochs=2).fit()
    line = f"{name} may take many times as long as fp32 on a CPU; train.precision=auto measures which is quicker"
    assert caplog.messages.count(line) == says


def test_a_model_that_cannot_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy, "deepcopy", lambda value: torch.empty(2**60))
    with pytest.raises(MemoryError, match="while copying the model to measure its precision; name one, such as"):
        measure(Told(slow_in()))
