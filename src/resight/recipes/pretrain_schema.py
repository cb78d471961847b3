"""What a recipe of pre-training may say. The defaults are those of the released LUPerson scripts: DINO, ViT-S/16."""

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from resight.recipes.schema import Decay, Pixels, Recipe, Section, Share, Spread

Area = tuple[Share, Share]
Option = bool | int | float | None


class PoolSection(Section):
    """Where the unlabelled images are.

    source: what `resight.data.pool.open_pool` opens: shards, LMDB, tars, a folder of images, or a manifest.
    batch_size: images of one process. workers: processes that read and augment, for each. run: rows that are read side
    by side, for disks that are slow at random places; 1: any order. decoder: `turbo` decodes JPEG files in half the
    time, with the extra `fast`.
    """

    source: Path | None = None
    batch_size: int = Field(64, ge=2)
    workers: int = Field(0, ge=0)
    run: int = Field(1, ge=1)
    decoder: Literal["pillow", "turbo"] = "pillow"


class BackboneSection(Section):
    """The net; see `resight.pretrain.backbone.BackboneSettings`. It is made for the size of the first view.

    weights: run or weight file to go on from, see `resight.pretrain.start`; null: fresh weights.
    """

    name: str = "vit_small"
    weights: Path | None = None
    patch_size: int = Field(16, ge=1)
    drop_path: float = Field(0.1, ge=0, lt=1)
    registers: int = Field(0, ge=0)
    initial_weights: Literal["official", "structured"] = "official"
    gradient_checkpointing: bool = False
    shape: dict[str, int | float | bool | None] = Field(default_factory=dict)


class ViewsSection(Section):
    """What is made of an image; see `resight.pretrain.views`.

    kind: `dino` (two global crops and `local_crops` local ones), `byol` (MoCo v3, MoBY), `mocov2`, or `luperson`
    (LUPerson's MoCo v2): two views. size: of global crops and of the two views. area: smallest and largest share of the
    image that these are cut from; local_size, local_crops, local_area: for `dino` alone. mean, std: null: those of
    ImageNet, for `luperson` LUPerson's.
    """

    kind: Literal["dino", "byol", "mocov2", "luperson"] = "dino"
    size: tuple[Pixels, Pixels] = (256, 128)
    area: Area = (0.4, 1.0)
    local_size: tuple[Pixels, Pixels] = (128, 64)
    local_crops: int = Field(8, ge=0)
    local_area: Area = (0.05, 0.4)
    mean: tuple[float, float, float] | None = None
    std: tuple[Spread, Spread, Spread] | None = None


class PretrainOptimizerSection(Section):
    """See `resight.pretrain.optimizer.pretrain_optimizer`: `lr` is for a batch of `lr_batch`; null: the peak itself.

    For DINO `weight_decay` is the decay at the start; it rises to `options.final_weight_decay` (0.4).
    """

    name: Literal["adamw", "sgd", "lars"] = "adamw"
    lr: float = Field(5e-4, gt=0)
    lr_batch: int | None = Field(256, ge=1)
    weight_decay: float = Field(0.04, ge=0)
    decay_vectors: bool = False
    momentum: float = Field(0.9, ge=0, lt=1)
    betas: tuple[Decay, Decay] = (0.9, 0.999)


class PretrainScheduleSection(Section):
    """Learning rate over time.

    name: `dino` (by optimiser steps, see `DinoRate`; ends at `final_lr`), `mocov3` (by fractions of an epoch, see
    `MocoV3Rate`) or `cosine` (see `resight.train.CosineSchedule`, with its factors of the peak). clock: of `cosine`:
    the rate changes with each step, or stays as it is at the start of the epoch.
    """

    name: Literal["dino", "mocov3", "cosine"] = "dino"
    clock: Literal["step", "epoch_start"] = "step"
    warmup_epochs: int = Field(10, ge=0)
    warmup_factor: float = Field(0.0, ge=0)
    final_factor: float = Field(0.0, ge=0)
    final_lr: float = Field(1e-6, ge=0)


class PretrainLoopSection(Section):
    """See `resight.train.settings.LoopSettings`.

    save_steps: an epoch of millions of images takes hours. look_steps: batches after which the numbers of the run are
    shown and kept in steps.jsonl inside an epoch; 0: never.
    """

    epochs: int = Field(100, ge=1)
    seed: int = Field(0, ge=0, lt=2**63)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    accumulation: int = Field(1, ge=1)
    clip_norm: float | None = Field(None, gt=0)
    compile: bool = False
    save_every: int = Field(1, ge=0)
    save_steps: int = Field(1000, ge=0)
    look_steps: int = Field(100, ge=0)


class ProbeSection(Section):
    """How good the backbone is meanwhile: k-NN accuracy and mAP on labelled images; see `resight.pretrain.probe`.

    source: manifest, or folder of `format`; null: no probe. format: name of a converter. every: epochs between two
    looks. steps: also after so many batches inside an epoch; 0: never. limit: images, the first of each split.
    """

    source: Path | None = None
    format: str | None = None
    every: int = Field(1, ge=1)
    steps: int = Field(0, ge=0)
    limit: int = Field(2000, ge=10)


class PretrainRecipe(Recipe):
    """All settings of a pre-training run.

    method: see `resight.pretrain`. options: fields of the method's settings that differ from its defaults
    (`DinoSettings`, `MocoV2Settings`, `MocoV3Settings`, `MobySettings`).
    """

    command: ClassVar[str] = "pretrain"
    method: Literal["dino", "mocov2", "mocov3", "moby"] = "dino"
    data: PoolSection = PoolSection()
    model: BackboneSection = BackboneSection()
    views: ViewsSection = ViewsSection()
    options: dict[str, Option] = Field(default_factory=dict)
    optimizer: PretrainOptimizerSection = PretrainOptimizerSection()
    schedule: PretrainScheduleSection = PretrainScheduleSection()
    train: PretrainLoopSection = PretrainLoopSection()
    probe: ProbeSection = ProbeSection()

    @model_validator(mode="after")
    def _views_of_the_method(self) -> "PretrainRecipe":
        if (self.method == "dino") != (self.views.kind == "dino"):
            fitting = "dino" if self.method == "dino" else "byol, mocov2 or luperson"
            raise ValueError(f"method={self.method} needs views.kind={fitting}, not {self.views.kind}")
        return self
