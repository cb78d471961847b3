import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from resight.data.dataset import Batch
from resight.errors import TrainingError
from resight.losses import ReIDLoss
from resight.models import ReIDModel, create_model
from resight.train import Hooks, LoopSettings, SupervisedTask
from resight.train.centers import MovingCenters
from resight.train.checkpoint import load_checkpoint
from resight.train.joined import Joinable, joined_backward
from tests.train.toy import BATCHES, ToyBatches, assert_same, state_of, toy_batch, toy_model, toy_trainer

JOINED: dict[str, Any] = {"accumulation": 2, "mining": "joined"}


def one_batch(batches: list[Batch]) -> Batch:
    columns = (torch.cat(column) for column in list(zip(*batches, strict=True))[:5])
    return Batch(*columns)


def part(batch: Batch, rows: slice) -> Batch:
    return Batch(*(column[rows] for column in batch[:5]))


def joined(
    task: SupervisedTask, batches: list[Batch], scale: float = 1.0, dtype: torch.dtype | None = None
) -> Mapping[str, Tensor]:
    return joined_backward(
        task,
        task.encoder,
        batches,
        seeds=range(len(batches)),
        autocast=lambda: torch.autocast("cpu", dtype, enabled=dtype is not None),
        scale=lambda loss: loss * scale,
    )


def gradients(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.grad for name, value in module.named_parameters() if value.grad is not None}


def assert_close(first: Mapping[str, Tensor], second: Mapping[str, Tensor], **tolerance: float) -> None:
    assert list(first) == list(second)
    for name, value in first.items():
        tolerance = tolerance or {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(value, second[name], **tolerance, msg=lambda text, name=name: f"{name}: {text}")


def jigsaw_model() -> ReIDModel:
    torch.manual_seed(0)
    shape = {"width": 12, "depth": 2, "heads": 3, "mlp_ratio": 2.0}
    options = {"jigsaw": True, "jigsaw_parts": 2, "jigsaw_shift": 1, "drop_path": 0.0, "shape": shape}
    return create_model("vit_nano", num_classes=3, image_size=(32, 32), **options)


CASES: dict[str, Any] = {
    "plain": (lambda: toy_model(drop_path=0.0), {}),
    "jigsaw": (jigsaw_model, {"margin": 0.3, "label_smoothing": 0.1}),
    "contrastive": (lambda: toy_model(drop_path=0.0), {"contrastive_weight": 0.5, "triplet_weight": 0.0}),
    "metric alone": (lambda: toy_model(drop_path=0.0), {"identity_weight": 0.0}),
    "arcface": (lambda: toy_model(drop_path=0.0, classifier="arcface"), {}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("sizes", [(6, 6, 6), (4, 12, 2)])
def test_joined_batches_are_one_large_batch(case: str, sizes: tuple[int, ...]) -> None:
    """Terms, gradients, running statistics of the neck, and the centers, in float64. The last size has one identity."""
    make, loss = CASES[case]
    task = SupervisedTask(make().double().train(), ReIDLoss(**loss), MovingCenters(3, 12, weight=0.1))
    other = copy.deepcopy(task)
    whole = one_batch([toy_batch(0, number) for number in range(3)])
    whole = whole._replace(images=whole.images.double())
    ends = torch.tensor(sizes).cumsum(0).tolist()
    batches = [part(whole, slice(end - size, end)) for size, end in zip(sizes, ends, strict=True)]
    terms = joined(task, batches)
    expected = other.terms(other.model, whole)
    expected["loss"].backward()
    exact = {"rtol": 1e-8, "atol": 1e-10}
    assert_close(terms, expected, rtol=1e-5, atol=1e-6)
    assert_close(gradients(task.model), gradients(other.model), **exact)
    assert_close(dict(task.model.named_buffers()), dict(other.model.named_buffers()), **exact)
    assert task.centers is not None
    assert other.centers is not None
    for centers in (task.centers, other.centers):
        centers.move()
    torch.testing.assert_close(task.centers.state(), other.centers.state())


def test_mining_by_batch_is_another_gradient() -> None:
    """Else the test above could not fail."""
    task = SupervisedTask(toy_model(drop_path=0.0).train(), ReIDLoss())
    other = copy.deepcopy(task)
    batches = [toy_batch(0, 0), toy_batch(0, 1)]
    joined(task, batches)
    for batch in batches:
        (other.terms(other.model, batch)["loss"] / 2).backward()
    name = "encoder.cls_token"
    assert not torch.allclose(gradients(task.model)[name], gradients(other.model)[name], rtol=1e-2)


def test_gradients_are_added_to_those_that_are_there_and_scaled() -> None:
    task = SupervisedTask(toy_model(drop_path=0.0).train(), ReIDLoss())
    other = copy.deepcopy(task)
    batches = [toy_batch(0, 0), toy_batch(0, 1)]
    joined(task, batches)
    joined(task, batches)
    joined(other, batches, scale=2.0)
    assert_close(gradients(task.model), gradients(other.model))


def test_the_second_pass_draws_what_the_first_one_drew() -> None:
    seen: list[Tensor] = []

    class Seen(SupervisedTask):
        def encode(self, encoder: nn.Module, batch: Batch) -> Tensor:
            seen.append(super().encode(encoder, batch))
            return seen[-1]

    task = Seen(toy_model(drop_path=0.5).train(), ReIDLoss())
    joined(task, [toy_batch(0, 0), toy_batch(0, 0)])
    assert [features.requires_grad for features in seen] == [False, False, True, True]
    assert torch.equal(seen[0], seen[2])
    assert torch.equal(seen[1], seen[3])
    assert not torch.equal(seen[0], seen[1]), "each batch has draws of its own"


def test_batch_norms_of_the_encoder_move_once_for_each_batch() -> None:
    torch.manual_seed(0)
    model = create_model("test_resnet", num_classes=3, image_size=(32, 32), drop_path=0.0).train()
    task, other = SupervisedTask(model, ReIDLoss()), copy.deepcopy(model)
    batches = [toy_batch(0, 0), toy_batch(0, 1)]
    joined(task, batches)
    for batch in batches:
        other.encoder(batch.images)
    assert_close(dict(model.encoder.named_buffers()), dict(other.encoder.named_buffers()))
    assert all(int(value) == 2 for name, value in model.encoder.named_buffers() if name.endswith("num_batches_tracked"))
    assert [int(neck.norm.num_batches_tracked) for neck in model.necks] == [1]


class Joined(ToyBatches):
    """The toy batches, two by two."""

    def __init__(self, epoch: int, start: int) -> None:
        super().__init__(epoch, 0)
        self.groups = [self.numbers[place : place + 2] for place in range(0, BATCHES, 2)][start:]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Any:
        return (one_batch([toy_batch(*number) for number in group]) for group in self.groups)


@pytest.mark.parametrize("settings", [{}, {"clip_norm": 0.1, "average_decay": 0.5}], ids=["plain", "clipped"])
def test_a_joined_run_is_the_run_of_larger_batches(settings: dict[str, Any]) -> None:
    """Five batches by two: the last optimiser step of each epoch has one batch."""
    rows: list[dict[str, Any]] = []
    small = toy_trainer(
        model=toy_model(drop_path=0.0), optimizer="sgd", epochs=2, hooks=Hooks(on_row=rows.append), **JOINED, **settings
    )
    large = toy_trainer(model=toy_model(drop_path=0.0), optimizer="sgd", epochs=2, batches=Joined, **settings)
    losses: list[float] = []
    large.hooks = Hooks(on_step=lambda epoch, step, steps, loss: losses.append(loss * step))
    assert_same(small.fit().training, large.fit().training)
    assert small.updates == large.updates == 6
    for name, value in large.result.state_dict().items():
        torch.testing.assert_close(small.result.state_dict()[name], value, rtol=1e-3, atol=1e-5, msg=name)
    first, second, third = losses[0], losses[1] - losses[0], losses[2] - losses[1]
    assert rows[0]["loss"] == pytest.approx((2 * first + 2 * second + third) / 5, rel=1e-4), "a mean over images"
    assert set(rows[0]) == {"epoch", "lr", "loss", "identity_loss", "triplet_loss", "accuracy", "images_per_second"}


@pytest.mark.parametrize("calls", range(1, 7))
def test_stopped_and_resumed(tmp_path: Path, calls: int) -> None:
    settings = {"epochs": 2, "save_steps": 1, "average_decay": 0.9, **JOINED}
    whole = toy_trainer(**settings)
    whole.fit()
    path, left = tmp_path / "last.pt", [calls]

    def on_step(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyError

    with pytest.raises(KeyError):
        toy_trainer(path, hooks=Hooks(on_step=on_step), **settings).fit()
    again = toy_trainer(path, model=toy_model(seed=1) if path.is_file() else toy_model(), **settings)
    if path.is_file():
        assert load_checkpoint(path)["step"] in (0, 2, 4)
        again.resume()
    torch.manual_seed(calls)
    again.fit()
    assert_same(state_of(again), state_of(whole))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype: torch.dtype) -> None:
    task = SupervisedTask(toy_model(drop_path=0.0).train(), ReIDLoss())
    other, batches, scale = copy.deepcopy(task), [toy_batch(0, 0), toy_batch(0, 1)], 256.0
    joined(task, batches, scale, dtype=dtype)
    joined(other, batches, scale)
    half, full = (torch.cat([value.flatten() for value in gradients(one.model).values()]) for one in (task, other))
    assert half.dtype == torch.float32
    assert not torch.equal(half, full)
    assert torch.cosine_similarity(half, full, dim=0) > 0.99
    torch.testing.assert_close(half.norm(), full.norm(), rtol=0.05, atol=0)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_run_in_half_precision(precision: str) -> None:
    losses: list[float] = []
    hooks = Hooks(on_row=lambda row: losses.append(row["loss"]))
    trainer = toy_trainer(precision=precision, epochs=6, hooks=hooks, **JOINED)
    trainer.fit()
    assert losses[-1] < losses[0]
    assert trainer.gradients.scaler.is_enabled() is (precision == "fp16")


def test_compiled_and_checkpointed_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = toy_trainer(epochs=1, optimizer="sgd", **JOINED)
    plain.fit()
    compiled: list[nn.Module] = []
    real = torch.compile

    def compile_quickly(module: nn.Module) -> Any:
        compiled.append(module)
        return real(module, backend="eager")

    monkeypatch.setattr(torch, "compile", compile_quickly)
    model = toy_model()
    other = toy_trainer(epochs=1, optimizer="sgd", model=model, compile=True, **JOINED)
    encoder: Any = model.encoder
    encoder.gradient_checkpointing = True
    other.fit()
    assert compiled == [encoder]
    assert_close(model.state_dict(), plain.task.model.state_dict(), rtol=1e-3, atol=1e-5)


def test_skipped_images_of_all_joined_batches_are_counted() -> None:
    rows: list[dict[str, Any]] = []

    def batches(epoch: int, start: int) -> list[Batch]:
        return [toy_batch(epoch, number)._replace(skipped=(f"cannot read {number}.jpg",)) for number in range(3)]

    toy_trainer(batches=batches, epochs=1, hooks=Hooks(on_row=rows.append), **JOINED).fit()
    assert rows[0]["skipped_images"] == 3


def test_a_loss_that_is_not_finite_names_all_rows() -> None:
    class Broken(SupervisedTask):
        def joined_terms(self, features: Tensor, batches: Any) -> dict[str, Tensor]:
            terms = super().joined_terms(features, batches)
            return {**terms, "loss": terms["loss"] * float("nan")}

    with pytest.raises(
        TrainingError, match=r"epoch 1, step 1 \(training rows \[0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5\]\)"
    ):
        toy_trainer(task=Broken(toy_model(), ReIDLoss()), **JOINED).fit()


class Unlabelled:
    """A task of its own kind, without a joined form."""

    def __init__(self) -> None:
        self.model: nn.Module = toy_model()

    def terms(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"loss": model(batch.images).features.mean()}


def test_a_task_that_cannot_join() -> None:
    assert not isinstance(Unlabelled(), Joinable)
    with pytest.raises(TrainingError, match="the loss of a Unlabelled cannot be taken over several batches at once"):
        toy_trainer(task=Unlabelled(), **JOINED)


def test_nothing_to_join() -> None:
    with pytest.raises(ValueError, match="set accumulation to 2 or more"):
        LoopSettings(epochs=1, mining="joined")
