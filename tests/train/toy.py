"""A trainer of a two-layer ViT on random images, small enough for hundreds of steps per second of test time."""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from resight.data.dataset import Batch
from resight.losses import ReIDLoss
from resight.models import ReIDModel, create_model
from resight.train import (
    CosineSchedule,
    GroupRule,
    Hooks,
    LoopSettings,
    SupervisedTask,
    Trainer,
    create_optimizer,
    parameter_groups,
)

BATCHES = 5


def toy_model(seed: int = 0, *, drop_path: float = 0.4, classifier: str = "linear") -> ReIDModel:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return create_model(
            "vit_nano",
            num_classes=3,
            image_size=(32, 32),
            num_cameras=2,
            drop_path=drop_path,
            classifier=classifier,
            shape={"width": 12, "depth": 2, "heads": 3, "mlp_ratio": 2.0},
        )


def toy_batch(epoch: int, number: int) -> Batch:
    generator = torch.Generator().manual_seed(100 * epoch + number)
    return Batch(
        images=torch.randn(6, 3, 32, 32, generator=generator),
        labels=torch.tensor([0, 0, 1, 1, 2, 2]),
        cameras=torch.tensor([0, 1, 0, 1, 0, -1]),
        views=torch.full((6,), -1),
        rows=torch.arange(6),
    )


class ToyBatches:
    """The batches of an epoch from some step on."""

    def __init__(self, epoch: int, start: int, count: int = BATCHES) -> None:
        self.numbers = [(epoch, number) for number in range(start, count)]

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterable[Batch]:
        return (toy_batch(*number) for number in self.numbers)


def toy_trainer(
    checkpoint: Path | None = None,
    *,
    hooks: Hooks | None = None,
    model: ReIDModel | None = None,
    optimizer: str = "adamw",
    task: Any = None,
    batches: Any = ToyBatches,
    **settings: Any,
) -> Trainer:
    model = toy_model() if model is None else model
    rule = GroupRule(lr=0.01, weight_decay=0.05)
    return Trainer(
        SupervisedTask(model, ReIDLoss()) if task is None else task,
        batches=batches,
        optimizer=create_optimizer(parameter_groups(model.named_parameters(), rule), optimizer),
        schedule=CosineSchedule(base_lr=0.01, epochs=3, warmup_epochs=1),
        settings=LoopSettings(**{"epochs": 3, "seed": 7, **settings}),
        checkpoint=checkpoint,
        hooks=hooks,
    )


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_same(first: Any, second: Any, where: str = "") -> None:
    """Bit for bit, through dicts and lists."""
    assert type(first) is type(second), where
    if isinstance(first, dict):
        assert list(first) == list(second), where
        for name, value in first.items():
            assert_same(value, second[name], f"{where}.{name}")
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), where
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_same(one, other, f"{where}[{number}]")
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    else:
        assert first == second, where


def state_of(trainer: Trainer) -> dict[str, Any]:
    state = {"model": weights(trainer.task.model), "optimizer": copy.deepcopy(trainer.optimizer.state_dict())}
    if trainer.average is not None:
        state.update(average=weights(trainer.average.model), average_steps=trainer.average.steps)
    return state
