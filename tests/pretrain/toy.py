"""Pre-training of a two-layer ViT on random views, small enough for hundreds of steps per second of test time."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from resight.pretrain.backbone import BackboneSettings
from resight.pretrain.create import create_task
from resight.pretrain.method import PretrainTask
from resight.pretrain.optimizer import pretrain_optimizer
from resight.pretrain.schedules import DinoRate
from resight.pretrain.view_batch import ViewBatch
from resight.train import Hooks, LoopSettings, Trainer

STEPS = 4
SHAPE = {"width": 12, "depth": 2, "heads": 3, "mlp_ratio": 2.0}
OPTIONS: dict[str, dict[str, Any]] = {
    "dino": {"prototypes": 16, "hidden": 8, "bottleneck": 6},
    "mocov2": {"dim": 6, "queue": 12},
    "mocov3": {"dim": 6, "hidden": 8},
    "moby": {"dim": 6, "hidden": 8, "queue": 12},
}


def toy_backbone(**changes: Any) -> BackboneSettings:
    shape = {**SHAPE, **changes.pop("shape", {})}
    defaults = {"name": "vit_nano", "image_size": (32, 16), "patch_size": 8, "drop_path": 0.3}
    return BackboneSettings(**{**defaults, **changes}, shape=shape)


def toy_task(method: str, seed: int = 0, backbone: BackboneSettings | None = None, **options: Any) -> PretrainTask:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return create_task(method, backbone or toy_backbone(), {**OPTIONS[method], **options})


def toy_views(method: str, number: int = 0, batch: int = 4) -> ViewBatch:
    generator = torch.Generator().manual_seed(number)
    views = [torch.randn(2, batch, 3, 32, 16, generator=generator)]
    if method == "dino":
        views.append(torch.randn(3, batch, 3, 16, 8, generator=generator))
    return ViewBatch(tuple(views), torch.arange(batch))


class ToyBatches:
    """The batches of an epoch from some step on."""

    def __init__(self, method: str, epoch: int, start: int) -> None:
        self.method = method
        self.numbers = range(100 * epoch + start, 100 * epoch + STEPS)

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterable[ViewBatch]:
        return (toy_views(self.method, number) for number in self.numbers)


def toy_trainer(
    task: PretrainTask, checkpoint: Path | None = None, *, hooks: Hooks | None = None, **settings: Any
) -> Trainer:
    return Trainer(
        task,
        batches=lambda epoch, start: ToyBatches(task.method, epoch, start),
        optimizer=pretrain_optimizer(task.model, "adamw", lr=0.01, weight_decay=0.04, total_batch=256),
        schedule=DinoRate(epochs=2, steps_per_epoch=STEPS, warmup_epochs=1),
        settings=LoopSettings(**{"epochs": 2, "clock": "step", "seed": 5, **settings}),
        checkpoint=checkpoint,
        hooks=hooks,
    )
