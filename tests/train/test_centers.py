"""Center loss in training, against the steps of the strong baseline written out by hand."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from resight.errors import TrainingError
from resight.losses import CenterLoss, ReIDLoss
from resight.train import SupervisedTask
from resight.train.centers import MovingCenters
from resight.train.schedules import schedule_time, set_learning_rate
from tests.train.toy import BATCHES, assert_same, state_of, toy_batch, toy_model, toy_trainer

WEIGHT = 0.0005


def make_task(seed: int = 5, model: torch.nn.Module | None = None, weight: float = WEIGHT) -> SupervisedTask:
    model = toy_model(drop_path=0.0) if model is None else model
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SupervisedTask(model, ReIDLoss(margin=0.3), MovingCenters(3, 12, weight=weight))


def batch_rows(task: SupervisedTask) -> tuple[torch.Tensor, torch.Tensor]:
    batch = toy_batch(0, 0)
    return task.model.eval()(batch.images, batch.cameras, batch.views).features[:, 0], batch.labels


def test_training_is_that_of_the_strong_baseline() -> None:
    """Weighted loss for all; the centers' gradient times 1 / weight, then SGD at 0.5."""
    task = make_task()
    trainer = toy_trainer(model=task.model, task=task, epochs=2)
    twin = make_task()
    reference, centers = twin.model, CenterLoss(3, 12)
    centers.load_state_dict(twin.centers.loss.state_dict())
    optimizer = toy_trainer(model=reference, task=twin).optimizer
    center_optimizer = torch.optim.SGD(centers.parameters(), lr=0.5)
    for epoch in range(2):
        reference.train()
        for number in range(BATCHES):
            set_learning_rate(optimizer, trainer.schedule, schedule_time("epoch_end", epoch, number, BATCHES))
            batch = toy_batch(epoch, number)
            output = reference(batch.images, batch.cameras, batch.views)
            loss = ReIDLoss(margin=0.3)(output.features, output.logits, batch.labels).total
            loss = loss + WEIGHT * centers(output.features[:, 0], batch.labels)
            optimizer.zero_grad()
            center_optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            centers.centers.grad *= 1 / WEIGHT
            center_optimizer.step()
    before = twin.centers.state().clone()
    trainer.fit()
    assert (task.centers.state() - before).abs().max() > 0.1, "they moved"
    assert_close(task.centers.state(), centers.centers.detach(), rtol=1e-4, atol=1e-5)
    for (name, ours), theirs in zip(task.model.named_parameters(), reference.parameters(), strict=True):
        # Where the true gradient is 0 (the keys' bias), Adam turns rounding into steps.
        if not name.endswith("qkv.bias"):
            assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=lambda m, name=name: f"{name}: {m}")


def test_the_loss_and_its_part() -> None:
    task = make_task(weight=0.25)
    features, labels = batch_rows(task)
    terms = task.terms(task.model, toy_batch(0, 0))
    pull = task.centers.loss(features, labels)
    assert terms["center_loss"].item() == pytest.approx(pull.item())
    assert terms["loss"].item() == pytest.approx(
        (terms["identity_loss"] + terms["triplet_loss"]).item() + 0.25 * pull.item()
    )


def test_one_step_goes_half_the_way_of_the_gradient() -> None:
    """Each center moves by lr * 2 / B * the sum of its images' offsets, whatever the weight of the loss."""
    for weight in (1e-4, 2.0):
        task = make_task(weight=weight)
        features, labels = batch_rows(task)
        before = task.centers.state().clone()
        task.terms(task.model, toy_batch(0, 0))
        task.after_step(1)
        for label in range(3):
            step = 0.5 * 2 / 6 * (features[labels == label] - before[label]).sum(0)
            assert_close(task.centers.state()[label], before[label] + step.detach())


def test_several_batches_of_one_step_count_by_their_mean() -> None:
    once, twice = make_task(), make_task()
    once.model.eval()
    twice.model.eval()
    once.terms(once.model, toy_batch(0, 0))
    for _ in range(2):
        twice.terms(twice.model, toy_batch(0, 0))
    once.after_step(1)
    twice.after_step(1)
    assert_close(once.centers.state(), twice.centers.state())
    again = once.centers.state().clone()
    once.after_step(2)
    assert torch.equal(once.centers.state(), again), "no batch, no move"


def test_processes_move_their_centers_by_the_mean_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    alone, shared = make_task(), make_task()
    for task in (alone, shared):
        task.model.eval()
        task.terms(task.model, toy_batch(0, 0))
    alone.after_step(1)
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr("torch.distributed.all_reduce", lambda gradient: gradient.mul_(2))  # the other has the same
    shared.after_step(1)
    assert_close(shared.centers.state(), alone.centers.state())


TWO = """
import sys
import torch
import torch.distributed as dist
from resight.train.centers import MovingCenters

rank, meeting, result = int(sys.argv[1]), sys.argv[2], sys.argv[3]
dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
torch.manual_seed(0)
centers = MovingCenters(3, 4, weight=0.1)
features, labels = torch.randn(8, 4), torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
rows = slice(4 * rank, 4 * rank + 4)
centers.pull(features[rows], labels[rows])
centers.move()
torch.save(centers.state(), f"{result}{rank}")
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_move_them_as_one_with_the_joined_batch(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        alone = MovingCenters(3, 4, weight=0.1)
        features, labels = torch.randn(8, 4), torch.tensor([0, 0, 1, 1, 2, 2, 0, 1])
    alone.pull(features, labels)
    alone.move()
    command = [sys.executable, "-c", TWO]
    places = [str(tmp_path / "meeting"), str(tmp_path / "rank")]
    started = [subprocess.Popen([*command, str(rank), *places]) for rank in range(2)]
    assert [process.wait(120) for process in started] == [0, 0]
    first, second = (torch.load(tmp_path / f"rank{rank}", weights_only=True) for rank in range(2))
    assert torch.equal(first, second)
    assert_close(first, alone.state())


def test_of_several_branches_the_global_one_has_centers() -> None:
    task = make_task()
    features = torch.randn(6, 3, 12)
    labels = toy_batch(0, 0).labels

    def model(*_: object) -> object:
        return type("Output", (), {"features": features, "logits": torch.zeros(6, 3, 3)})

    terms = task.terms(model, toy_batch(0, 0))
    assert terms["center_loss"].item() == pytest.approx(task.centers.loss(features[:, 0], labels).item())


def test_half_precision_does_not_reach_the_centers() -> None:
    task = make_task()
    features, labels = batch_rows(task)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = task.centers.pull(features, labels)
    assert value.dtype == torch.float32
    assert_close(value, task.centers.loss(features, labels))


class Stopped(Exception):  # noqa: N818
    pass


@pytest.mark.parametrize("settings", [{}, {"save_steps": 1, "accumulation": 2}], ids=["plain", "accumulation"])
def test_a_stopped_run_ends_bitwise_as_an_undisturbed_one(tmp_path: Path, settings: dict) -> None:
    whole = make_task()
    expected = toy_trainer(model=whole.model, task=whole, epochs=2, **settings)
    expected.fit()
    for stop in (BATCHES + 2, 2 * BATCHES):
        path = tmp_path / f"{stop}.pt"
        task = make_task()
        trainer = toy_trainer(path, model=task.model, task=task, epochs=2, **settings)
        left = [stop]

        def on_step(*_: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise Stopped

        trainer.hooks.on_step = on_step
        with pytest.raises(Stopped):
            trainer.fit()
        again = make_task(seed=6, model=toy_model(seed=1, drop_path=0.0))
        resumed = toy_trainer(path, model=again.model, task=again, epochs=2, **settings)
        resumed.resume()
        resumed.fit()
        assert torch.equal(again.centers.state(), whole.centers.state()), stop
        assert_same(state_of(resumed), state_of(expected), f"stopped after {stop}")


def test_a_checkpoint_without_centers_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    toy_trainer(path, epochs=1).fit()
    task = make_task(model=toy_model())
    with pytest.raises(TrainingError, match=r"does not fit this run: 'centers'"):
        toy_trainer(path, model=task.model, task=task).resume()
