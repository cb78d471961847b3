import copy
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from resight.data.dataset import Batch
from resight.errors import DataError, MemoryLimitError, TrainingError
from resight.losses import ReIDLoss
from resight.train import Hooks, SupervisedTask
from resight.train.checkpoint import load_checkpoint
from tests.train.toy import BATCHES, ToyBatches, assert_same, state_of, toy_batch, toy_model, toy_trainer, weights

Rows = list[dict[str, Any]]


def test_an_epochs_row_comes_before_its_checkpoint(tmp_path: Path) -> None:
    """The other way round a kill between the two would lose the row for ever."""
    path = tmp_path / "last.pt"
    trainer = toy_trainer(path, epochs=1)
    trainer.hooks = Hooks(on_row=lambda row: pytest.fail("saved first") if path.is_file() else None)
    trainer.fit()
    assert path.is_file()


def test_accumulation_is_the_mean_of_the_batches_also_at_the_end_of_an_epoch() -> None:
    """Five batches by two: the last optimiser step has one batch, of full weight."""
    trainer = toy_trainer(model=toy_model(drop_path=0.0), epochs=1, accumulation=2, optimizer="sgd", clock="epoch_end")
    model = copy.deepcopy(trainer.task.model).train()
    trainer.fit()
    assert trainer.updates == 3
    rates = {name: 0.02 if "bias" in name else 0.01 for name, _ in model.named_parameters()}
    rates = {name: trainer.schedule(1, rate) for name, rate in rates.items()}
    task = SupervisedTask(model, ReIDLoss())
    momentum: dict[str, Tensor] = {}
    for group in ([0, 1], [2, 3], [4]):
        model.zero_grad()
        for number in group:
            (task.terms(model, toy_batch(0, number))["loss"] / len(group)).backward()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.grad is not None:
                    gradient = parameter.grad + 0.05 * parameter
                    momentum[name] = momentum[name] * 0.9 + gradient if name in momentum else gradient
                    parameter -= rates[name] * momentum[name]
    for name, value in model.state_dict().items():
        torch.testing.assert_close(trainer.task.model.state_dict()[name], value, msg=name, rtol=1e-4, atol=1e-5)


def test_clipping_bounds_the_step() -> None:
    moved = []
    for clip_norm in (None, 1e-3):
        trainer = toy_trainer(epochs=1, optimizer="sgd", clip_norm=clip_norm)
        for group in trainer.optimizer.param_groups:
            group["weight_decay"] = 0.0
        before = weights(trainer.task.model)
        trainer.fit()
        learned = [name for name, parameter in trainer.task.model.named_parameters() if parameter.requires_grad]
        after = trainer.task.model.state_dict()
        moved.append(sum(float((after[name] - before[name]).square().sum()) for name in learned) ** 0.5)
    # Five steps of at most rate 0.02 * norm 1e-3, each weighed by momentum up to ten times.
    assert moved[1] <= 5 * 0.02 * 1e-3 * 10
    assert moved[0] > moved[1]


def test_every_step_draws_its_own_drop_path_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()

    class OneBatch(ToyBatches):
        def __iter__(self) -> Any:
            return (toy_batch(0, 0) for _ in self.numbers)

    trainer = toy_trainer(batches=OneBatch, epochs=1)
    for group in trainer.optimizer.param_groups:
        group["peak_lr"] = group["weight_decay"] = 0.0
    trainer.schedule = lambda t, peak: 0.0
    sums: list[float] = [0.0]
    trainer.hooks = Hooks(on_step=lambda epoch, step, steps, loss: sums.append(loss * step))
    trainer.fit()
    same_batch = [round(later - earlier, 4) for earlier, later in itertools.pairwise(sums)]
    assert len(set(same_batch)) > 1, "the drop path must differ from step to step"
    assert torch.equal(torch.get_rng_state(), before)


def test_rows_are_means_over_the_epoch() -> None:
    rows: Rows = []
    losses: list[float] = []
    hooks = Hooks(on_row=rows.append, on_step=lambda epoch, step, steps, loss: losses.append(loss))
    toy_trainer(hooks=hooks, epochs=2).fit()
    assert [row["epoch"] for row in rows] == [1, 2]
    assert [row["loss"] for row in rows] == pytest.approx([losses[BATCHES - 1], losses[2 * BATCHES - 1]])
    assert set(rows[0]) == {"epoch", "lr", "loss", "identity_loss", "triplet_loss", "accuracy", "images_per_second"}
    assert rows[0]["loss"] == pytest.approx(rows[0]["identity_loss"] + rows[0]["triplet_loss"])


@pytest.mark.parametrize(("every", "expected"), [(0, []), (1, [1, 2, 3]), (2, [2])])
def test_evaluation_between_epochs(every: int, expected: list[int]) -> None:
    rows: Rows = []
    modes: list[bool] = []

    def evaluate(model: torch.nn.Module) -> Mapping[str, float]:
        modes.append(model.training)
        return {"mean_ap": 0.5}

    trainer = toy_trainer(hooks=Hooks(on_row=rows.append, evaluate=evaluate), epochs=4, evaluate_every=every)
    trainer.fit()
    assert [row["epoch"] for row in rows if row.get("mean_ap") == 0.5] == expected
    assert not any(modes)


def test_evaluation_does_not_change_the_training() -> None:
    plain = toy_trainer()
    plain.fit()
    evaluated = toy_trainer(hooks=Hooks(evaluate=lambda model: {"x": torch.rand(()).item()}), evaluate_every=1)
    evaluated.fit()
    assert_same(state_of(evaluated), state_of(plain))


def test_the_average_is_the_result() -> None:
    trainer = toy_trainer(average_decay=0.99)
    result = trainer.fit()
    assert trainer.average is not None
    assert result is trainer.average.model
    assert not result.training
    assert not torch.equal(result.encoder.cls_token, trainer.task.model.encoder.cls_token)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_and_leaves_a_model_that_computes_in_fp32(precision: str) -> None:
    trainer = toy_trainer(precision=precision, average_decay=0.5)
    seen: list[torch.dtype] = []
    terms = trainer.task.terms

    def spy(model: torch.nn.Module, batch: Any) -> Mapping[str, Tensor]:
        seen.append(model(batch.images).features.dtype)
        return terms(model, batch)

    trainer.task.terms = spy  # type: ignore[method-assign]
    result = trainer.fit()
    assert set(seen) <= {torch.bfloat16, torch.float16, torch.float32}
    batch = toy_batch(0, 0)
    fresh = toy_model(seed=5).eval()
    fresh.load_state_dict(result.state_dict())
    with torch.no_grad():
        assert torch.equal(result(batch.images).embedding, fresh(batch.images).embedding)
        block = trainer.task.model.encoder.blocks[0]
        assert block(torch.zeros(1, 5, 12)).dtype == torch.float32


def test_precision_changes_the_numbers() -> None:
    results = []
    for precision in ("fp32", "bf16", "fp32"):
        trainer = toy_trainer(precision=precision, epochs=1)
        trainer.fit()
        results.append(trainer.task.model.encoder.cls_token.detach().clone())
    assert not torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2]), "a trainer must not change the next one of the same process"


class BrokenTask(SupervisedTask):
    """Its loss becomes NaN at the third step of the second epoch."""

    calls = 0

    def terms(self, model: torch.nn.Module, batch: Any) -> dict[str, Tensor]:
        terms = super().terms(model, batch)
        self.calls += 1
        if self.calls == BATCHES + 3:
            terms["loss"] = terms["loss"] * float("nan")
        return terms


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    model = toy_model()
    trainer = toy_trainer(path, model=model, task=BrokenTask(model, ReIDLoss()))
    with pytest.raises(
        TrainingError, match=r"became nan in epoch 2, step 3 .*\[0, 1, 2, 3, 4, 5\].*kept at .*last\.pt"
    ):
        trainer.fit()
    assert load_checkpoint(path)["epoch"] == 1
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_a_loss_that_is_not_finite_before_any_checkpoint() -> None:
    model = toy_model()
    task = BrokenTask(model, ReIDLoss())
    task.calls = BATCHES
    with pytest.raises(TrainingError, match="nothing was stored yet"):
        toy_trainer(model=model, task=task).fit()


class SteepTask(SupervisedTask):
    """A finite loss with a gradient that is not, at the last step of the second epoch."""

    calls = 0

    def terms(self, model: torch.nn.Module, batch: Any) -> dict[str, Tensor]:
        terms = super().terms(model, batch)
        self.calls += 1
        if self.calls == 2 * BATCHES:
            terms["loss"] = terms["loss"] + (terms["loss"] - terms["loss"].detach()).sqrt()
        return terms


@pytest.mark.parametrize("accumulation", [1, 5])
def test_a_gradient_that_is_not_finite_spoils_neither_weights_nor_checkpoint(tmp_path: Path, accumulation: int) -> None:
    path = tmp_path / "last.pt"
    model = toy_model()
    trainer = toy_trainer(path, model=model, task=SteepTask(model, ReIDLoss()), accumulation=accumulation)
    with pytest.raises(TrainingError, match=r"gradients are not finite in epoch 2, step 5 .*kept at .*last\.pt"):
        trainer.fit()
    assert load_checkpoint(path)["epoch"] == 1
    assert all(torch.isfinite(value).all() for value in model.state_dict().values())


def test_fp16_in_which_no_scale_of_the_loss_is_small_enough() -> None:
    """Each step would be skipped to the end of the run, and nothing learned."""

    class Steep(SupervisedTask):
        def terms(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
            terms = super().terms(model, batch)
            return {**terms, "loss": terms["loss"] + (terms["loss"] - terms["loss"].detach()).sqrt()}

    model = toy_model()
    before = {name: value.clone() for name, value in model.named_parameters()}
    trainer = toy_trainer(model=model, task=Steep(model, ReIDLoss()), precision="fp16", epochs=9)
    with pytest.raises(TrainingError, match="gradients are not finite in epoch 7, step 2"):
        trainer.fit()
    assert all(torch.equal(value, before[name]) for name, value in model.named_parameters())


def test_no_batch() -> None:
    trainer = toy_trainer(batches=lambda epoch, start: ToyBatches(epoch, start, count=0))
    with pytest.raises(TrainingError, match="no batch"):
        trainer.fit()


def test_the_task_is_told_of_steps_and_keeps_its_state(tmp_path: Path) -> None:
    class Counting(SupervisedTask):
        def __init__(self) -> None:
            super().__init__(toy_model(), ReIDLoss())
            self.steps: list[int] = []

        def after_step(self, step: int) -> None:
            self.steps.append(step)

        def state(self) -> dict[str, Any]:
            return {"steps": self.steps}

        def load_state(self, state: Mapping[str, Any]) -> None:
            self.steps = list(state["steps"])

    task = Counting()
    toy_trainer(tmp_path / "last.pt", model=task.model, task=task, epochs=1, accumulation=2).fit()
    assert task.steps == [1, 2, 3]
    again = Counting()
    trainer = toy_trainer(tmp_path / "last.pt", model=again.model, task=again, epochs=2, accumulation=2)
    trainer.resume()
    trainer.fit()
    assert again.steps == [1, 2, 3, 4, 5, 6]


def test_compiled_training_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = toy_trainer(epochs=1, model=toy_model(drop_path=0.0))
    plain.fit()
    compiled: list[torch.nn.Module] = []
    real = torch.compile

    def compile_quickly(model: torch.nn.Module) -> Any:
        compiled.append(model)
        return real(model, backend="eager")

    monkeypatch.setattr(torch, "compile", compile_quickly)
    trainer = toy_trainer(epochs=1, model=toy_model(drop_path=0.0), compile=True)
    trainer.fit()
    assert compiled == [trainer.model]
    assert list(trainer.task.model.state_dict()) == list(plain.task.model.state_dict()), "no names of the wrapper"
    for name, value in plain.task.model.state_dict().items():
        torch.testing.assert_close(trainer.task.model.state_dict()[name], value, rtol=1e-3, atol=1e-5, msg=name)


def test_out_of_memory_says_what_to_lower(tmp_path: Path) -> None:
    class Huge(SupervisedTask):
        def terms(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
            torch.empty(2**60)
            raise AssertionError("that much memory cannot be there")

    trainer = toy_trainer(task=Huge(toy_model(), ReIDLoss()))
    with pytest.raises(MemoryLimitError, match="out of memory while training on 6 images at a time; take fewer"):
        trainer.fit()


def test_out_of_memory_in_the_first_step_of_the_optimiser(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = toy_trainer()
    monkeypatch.setattr(trainer.optimizer, "step", lambda *_, **__: torch.empty(2**60))
    with pytest.raises(MemoryLimitError, match="out of memory while taking a step of the optimiser; take fewer"):
        trainer.fit()


def test_unreadable_images_are_counted_each_epoch_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    def batches(epoch: int, start: int) -> list[Batch]:
        return [toy_batch(epoch, number)._replace(skipped=("cannot read the image a.jpg",)) for number in (0, 1)]

    rows: list[dict[str, float]] = []
    toy_trainer(batches=batches, epochs=2, hooks=Hooks(on_row=rows.append)).fit()
    assert [row["skipped_images"] for row in rows] == [2, 2]
    assert caplog.messages == ["left out of training: cannot read the image a.jpg"]


def test_an_evaluation_that_fails_comes_after_its_epochs_row_and_checkpoint(tmp_path: Path) -> None:
    rows: Rows = []

    def evaluate(model: torch.nn.Module) -> Mapping[str, float]:
        raise DataError("no image")

    whole = toy_trainer()
    whole.fit()
    trainer = toy_trainer(tmp_path / "last.pt", hooks=Hooks(on_row=rows.append, evaluate=evaluate), evaluate_every=1)
    with pytest.raises(DataError, match="no image"):
        trainer.fit()
    assert [row["epoch"] for row in rows] == [1]
    again = toy_trainer(tmp_path / "last.pt")
    again.resume()
    assert again.epoch == 1
    again.fit()
    assert_same(state_of(again), state_of(whole))
