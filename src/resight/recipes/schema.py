"""What a recipe may say: every setting of a run, typed, with its default.

The defaults are those of the released TransReID code, ViT-B/16 at 256x128.
"""

from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, Field, model_validator

from resight.functional.rerank import RERANK_PRESETS

Pixels = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
Spread = Annotated[float, Field(gt=0)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Epoch = Annotated[float, Field(gt=0)]


class Section(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Base of all sections: unknown keys, infinity and NaN are errors, values cannot be changed."""


class DataSection(Section):
    """Where the images are.

    source: a manifest (.parquet, .csv), or a folder that `format` names a converter for. format: name of the
    converter; None: a manifest. options: of that converter (`resight data formats`). both_directions: evaluate query
    against gallery and gallery against query, and report the mean (for two-camera sets). workers: processes that load
    images. decoder: `turbo` decodes JPEG files of training in half the time, with the extra `fast`. cache: GiB on disk
    that the resized training crops of all sets may take together, kept for all workers and later runs; 0: none.
    """

    source: Path | None = None
    format: str | None = None
    options: dict[str, bool | int | str] = Field(default_factory=dict)
    both_directions: bool = False
    workers: int = Field(0, ge=0)
    decoder: Literal["pillow", "turbo"] = "pillow"
    cache: float = Field(0.0, ge=0)


class ModelSection(Section):
    """The network; see `resight.models.create_model`.

    stride: step between patches in pixels; null: `patch_size`, no overlap. side_information: which of the data's
    cameras and views get an embedding. weights: what to start from: `timm` for what timm offers for that net, or the
    path of a file or folder of any kind that `resight.models.weights` reads; null: initial values.
    """

    name: str = "vit_base"
    image_size: tuple[Pixels, Pixels] = (256, 128)
    patch_size: int = Field(16, ge=1)
    stride: int | None = Field(None, ge=1)
    side_information: Literal["none", "camera", "view", "both"] = "none"
    side_coefficient: float = 3.0
    jigsaw: bool = False
    jigsaw_parts: int = Field(4, ge=1)
    jigsaw_shift: int = Field(5, ge=1)
    jigsaw_groups: int = Field(2, ge=1)
    jigsaw_rearrange: bool = True
    pooling: Literal["default", "average", "gem"] = "default"
    drop_path: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.0, ge=0, lt=1)
    attention_dropout: float = Field(0.0, ge=0, lt=1)
    neck_feature: Literal["before", "after"] = "before"
    neck: Literal["bnneck", "none"] = "bnneck"
    classifier: Literal["linear", "arcface", "cosface", "amsoftmax", "circle"] = "linear"
    classifier_scale: float | None = Field(None, gt=0)
    classifier_margin: float | None = Field(None, ge=0)
    initial_weights: Literal["official", "structured"] = "official"
    weights: str | None = None
    shape: dict[str, int | float | bool | None] = Field(default_factory=dict)


class AugmentSection(Section):
    """Training augmentation and normalisation; see `resight.data.transforms.TrainTransform`."""

    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[Spread, Spread, Spread] = (0.5, 0.5, 0.5)
    interpolation: Literal["bilinear", "bicubic"] = "bicubic"
    flip: float = Field(0.5, ge=0, le=1)
    flip_together: bool = False
    padding: int = Field(10, ge=0)
    erase: float = Field(0.5, ge=0, le=1)
    erase_area: tuple[Share, Share] = (0.02, 1 / 3)
    erase_fill: Literal["noise", "mean"] = "noise"
    zoom: float = Field(0.0, ge=0)
    aspect: float = Field(0.0, ge=0)
    rotation: float = Field(0.0, ge=0, le=180)
    translation: float = Field(0.0, ge=0, le=1)
    blur: float = Field(0.0, ge=0, le=1)
    brightness: float = Field(0.0, ge=0)
    contrast: float = Field(0.0, ge=0)
    saturation: float = Field(0.0, ge=0)
    hue: float = Field(0.0, ge=0, le=0.5)
    grey: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _area_ascends(self) -> "AugmentSection":
        if not 0 < self.erase_area[0] <= self.erase_area[1]:
            raise ValueError(f"erase_area is [smallest, largest] share, above 0 and ascending, not {self.erase_area}")
        return self


class SamplerSection(Section):
    """P identities, K images of each, for one process.

    name: `pk`, or `shuffle`: every image once in random order, P * K at a time; for the identity loss alone.
    """

    name: Literal["pk", "shuffle"] = "pk"
    ids_per_batch: int = Field(16, ge=2)
    images_per_id: int = Field(4, ge=1)


class LossSection(Section):
    """See `resight.losses.ReIDLoss`; margin null is the soft margin.

    center_weight: of the center loss of the global feature; center_lr: of its centers. See `resight.train.centers`.
    across_ranks: with several processes, triplet and contrastive loss see the batches of all.
    """

    identity_weight: float = Field(1.0, ge=0)
    triplet_weight: float = Field(1.0, ge=0)
    contrastive_weight: float = Field(0.0, ge=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    margin: float | None = Field(None, ge=0)
    normalize_triplet: bool = False
    temperature: float = Field(0.1, gt=0)
    branch_weighting: Literal["code", "paper"] = "code"
    center_weight: float = Field(0.0, ge=0)
    center_lr: float = Field(0.5, gt=0)
    across_ranks: bool = False

    @model_validator(mode="after")
    def _some_loss(self) -> "LossSection":
        if not any((self.identity_weight, self.triplet_weight, self.contrastive_weight)):
            alone = ", or only the center loss, which would pull all images to one point" if self.center_weight else ""
            raise ValueError(
                f"no weight tells identities apart: all are 0{alone}; set identity_weight, triplet_weight or "
                "contrastive_weight above 0"
            )
        return self


class OptimizerSection(Section):
    """See `resight.train.optim`."""

    name: Literal["sgd", "adam", "adamw", "muon"] = "sgd"
    lr: float = Field(0.008, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    bias_lr_factor: float = Field(2.0, gt=0)
    bias_weight_decay: float | None = Field(None, ge=0)
    classifier_lr_factor: float = Field(1.0, gt=0)
    decay_vectors: bool = True
    momentum: float = Field(0.9, ge=0, lt=1)
    betas: tuple[Decay, Decay] = (0.9, 0.999)


class ScheduleSection(Section):
    """See `resight.train.schedules`; milestones and gamma are for `multistep` alone."""

    name: Literal["cosine", "multistep", "constant"] = "cosine"
    clock: Literal["epoch_end", "epoch_start", "step"] = "epoch_end"
    warmup_epochs: float = Field(5, ge=0)
    warmup_factor: float = Field(0.01, ge=0)
    final_factor: float = Field(0.002, ge=0)
    milestones: tuple[Epoch, ...] = (40, 70)
    gamma: float = Field(0.1, gt=0)

    @model_validator(mode="after")
    def _milestones_ascend(self) -> "ScheduleSection":
        if any(later <= earlier for earlier, later in pairwise(self.milestones)):
            raise ValueError(f"milestones are epochs that ascend, not {list(self.milestones)}")
        return self


class TrainSection(Section):
    """See `resight.train.settings.LoopSettings`."""

    epochs: int = Field(120, ge=1)
    seed: int = Field(1234, ge=0, lt=2**63)
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    accumulation: int = Field(1, ge=1)
    mining: Literal["batch", "joined"] = "batch"
    clip_norm: float | None = Field(None, gt=0)
    average_decay: float | None = Field(None, ge=0, lt=1)
    compile: bool = False
    gradient_checkpointing: bool = False
    save_every: int = Field(1, ge=0)
    save_steps: int = Field(0, ge=0)
    evaluate_every: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _something_to_join(self) -> "TrainSection":
        if self.mining == "joined" and self.accumulation == 1:
            raise ValueError("mining=joined joins the batches of an optimiser step; set accumulation to 2 or more")
        return self


class RerankSection(Section):
    """k-reciprocal re-ranking, see `resight.functional.Rerank`; in a recipe also the name of an official setting."""

    k1: int = Field(20, ge=1)
    k2: int = Field(6, ge=1)
    weight: Share = 0.3

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str) and value in RERANK_PRESETS:
            return asdict(RERANK_PRESETS[value])
        if isinstance(value, (RerankSection, dict)):
            return value
        names = ", ".join(RERANK_PRESETS)
        raise ValueError(f"expected null, one of {names}, or values such as {{k1: 20, k2: 6}}, got {value!r}")


class EvaluateSection(Section):
    """The protocol; see `resight.evaluation.evaluate`. flip: average embeddings with those of the mirrored images.

    rerank: k-reciprocal re-ranking; null: none, `paper` or `transreid_ssl`: 20, 6, 0.3, `transreid`: 50, 15, 0.3.
    """

    metric: Literal["squared_euclidean", "euclidean", "cosine"] = "squared_euclidean"
    cross_camera: bool = True
    flip: bool = False
    max_rank: int = Field(50, ge=1)
    rerank: RerankSection | None = None
    batch_size: int = Field(256, ge=1)


class Recipe(Section):
    """All settings of a run. `title` says in one line what it is; `command` runs it: `resight COMMAND`."""

    command: ClassVar[str]
    title: str = ""


class TrainRecipe(Recipe):
    """All settings of a supervised run."""

    command: ClassVar[str] = "train"
    data: DataSection = DataSection()
    model: ModelSection = ModelSection()
    augment: AugmentSection = AugmentSection()
    sampler: SamplerSection = SamplerSection()
    loss: LossSection = LossSection()
    optimizer: OptimizerSection = OptimizerSection()
    schedule: ScheduleSection = ScheduleSection()
    train: TrainSection = TrainSection()
    evaluate: EvaluateSection = EvaluateSection()

    @model_validator(mode="after")
    def _identities_for_mining(self) -> "TrainRecipe":
        if self.sampler.name == "shuffle" and (self.loss.triplet_weight or self.loss.contrastive_weight):
            raise ValueError(
                "sampler.name=shuffle draws images, not identities, so there is nothing to mine; set "
                "loss.triplet_weight=0 and loss.contrastive_weight=0, or sampler.name=pk"
            )
        return self

    @model_validator(mode="after")
    def _positives_for_contrast(self) -> "TrainRecipe":
        if self.loss.contrastive_weight and self.sampler.images_per_id < 2:
            raise ValueError(
                "loss.contrastive_weight needs two images of an identity in a batch: sampler.images_per_id=2 or more"
            )
        return self
