"""From a recipe to objects. Nothing below this file knows what a recipe is."""

import inspect
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from pydantic import TypeAdapter, ValidationError

from resight.data.convert import CONVERTERS
from resight.data.convert.options import convert
from resight.data.dataset import Vocabulary
from resight.data.manifest import Manifest
from resight.data.pool_order import PoolSampler
from resight.data.samplers import PKSampler
from resight.data.table_files import SUFFIXES
from resight.data.transforms import EvalTransform, TrainTransform
from resight.errors import DataError, RecipeError
from resight.losses import ReIDLoss
from resight.models import ReIDModel, create_model
from resight.models.backbones import VIT_SHAPES
from resight.models.resnet import RESNET_SHAPES
from resight.models.weights import TIMM, WeightReport, find_weights, load_weights
from resight.recipes.schema import ModelSection, ScheduleSection, TrainRecipe
from resight.train.centers import MovingCenters
from resight.train.optim import GroupRule
from resight.train.schedules import ConstantSchedule, CosineSchedule, MultiStepSchedule, Schedule
from resight.train.settings import LoopSettings
from resight.train.task import SupervisedTask

_logger = logging.getLogger(__name__)


def read_source(
    source: Path,
    format: str | None = None,
    options: Mapping[str, object] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """A manifest file, or a data set that a converter reads.

    A table where the converter needs a folder is a manifest, so data sets that were converted before go with a recipe
    that names their format; options of the converter are then left out, with a log line.

    Args:
        source: file or folder.
        format: name of the converter; None: `source` is a manifest (.parquet, .csv).
        options: of the converter, see `resight.data.convert.options`.
        progress: for a converter that tells how far it is.

    Raises:
        DataError: if the source cannot be read, or the format or an option is unknown.
    """
    if format is not None and _is_manifest(source, format):
        if options:
            _logger.warning(
                "%s is read as a manifest; options of %s are not used: %s", source, format, ", ".join(options)
            )
        return Manifest.read(source)
    if format is None:
        if options:
            raise DataError(f"options ({', '.join(options)}) are those of a converter; name it with --format NAME")
        if source.is_dir():
            raise DataError(
                f"{source} is a folder; say how to read it, by the name of a converter ({', '.join(CONVERTERS)}): "
                "--format NAME, or data.format=NAME in a recipe"
            )
        return Manifest.read(source)
    return convert(format, source, options, progress=progress)


def _is_manifest(source: Path, format: str) -> bool:
    """Whether it is a table, and the converter cannot read one: the first argument of such a one is `folder`."""
    converter = CONVERTERS.get(format)
    takes_folder = converter is not None and next(iter(inspect.signature(converter).parameters)) == "folder"
    return takes_folder and source.suffix.lower() in SUFFIXES and source.is_file()


def build_manifest(recipe: TrainRecipe) -> Manifest:
    """The data of a recipe.

    Raises:
        RecipeError: if it names no source.
        DataError: if the source cannot be read.
    """
    if recipe.data.source is None:
        raise RecipeError("the recipe does not say where its data is; give --data PATH, or data.source=PATH")
    return read_source(recipe.data.source, recipe.data.format, recipe.data.options)


def build_vocabulary(recipe: TrainRecipe, train: Manifest) -> Vocabulary:
    """Identities of the training rows, and the cameras and views that the model has embeddings for."""
    everything = Vocabulary.of(train)
    wants = recipe.model.side_information
    cameras = everything.cameras if wants in ("camera", "both") else ()
    views = everything.views if wants in ("view", "both") else ()
    for wanted, names, column in (("camera", cameras, "camid"), ("view", views, "viewid")):
        if wants in (wanted, "both") and not names:
            raise RecipeError(
                f"model.side_information={wants} needs {wanted} labels, but no training row has a {column}; "
                "use model.side_information=none"
            )
    return Vocabulary(everything.identities, cameras, views)


def model_settings(section: ModelSection, vocabulary: Vocabulary) -> dict[str, Any]:
    """Arguments of `create_model`, without the name."""
    settings = section.model_dump(exclude={"name", "side_information", "weights"})
    return {
        **settings,
        "num_classes": len(vocabulary.identities),
        "num_cameras": len(vocabulary.cameras),
        "num_views": len(vocabulary.views),
    }


def build_model(recipe: TrainRecipe, vocabulary: Vocabulary) -> ReIDModel:
    """The network with fresh weights.

    Raises:
        RecipeError: if the settings do not go together.
    """
    _check_shape(recipe.model)
    try:
        model = create_model(recipe.model.name, **model_settings(recipe.model, vocabulary))
        encoder: Any = model.encoder
        encoder.gradient_checkpointing = recipe.train.gradient_checkpointing
    except ValueError as error:
        raise RecipeError(f"model: {error}") from error
    return model


def _check_shape(section: ModelSection) -> None:
    """Looks at each value of `shape` by itself; how they go together and unknown fields are the model's to judge."""
    shape = VIT_SHAPES.get(section.name) or RESNET_SHAPES.get(section.name)
    kinds = {} if shape is None else get_type_hints(type(shape))
    for name, value in section.shape.items():
        if name not in kinds:
            continue
        try:
            TypeAdapter(kinds[name]).validate_python(value, strict=True)
        except ValidationError as error:
            raise RecipeError(f"model.shape.{name}: {error.errors()[0]['msg'].lower()}, got {value!r}") from error
        if not isinstance(value, bool) and value is not None and not 0 < value < float("inf"):
            raise RecipeError(f"model.shape.{name}: expected a number above 0, got {value!r}")


def load_start(recipe: TrainRecipe, model: ReIDModel) -> WeightReport | None:
    """Loads what the recipe starts from; None: it names nothing.

    Raises:
        ModelFormatError: if the weights cannot be read or do not fit.
    """
    weights = recipe.model.weights
    if weights is None:
        return None
    file = find_weights(weights, recipe.model.name)
    report = load_weights(model, file)
    here = {"mean": recipe.augment.mean, "std": recipe.augment.std}
    there = {name: file.about.get(name, own) for name, own in here.items()}
    if there == here:
        return report
    settings = " ".join(f"augment.{name}=[{','.join(f'{value:g}' for value in there[name])}]" for name in there)
    return replace(report, notes=(*report.notes, f"its images were normalised otherwise, as by {settings}"))


def build_train_transform(recipe: TrainRecipe) -> TrainTransform:
    """Augmentation for training."""
    return TrainTransform(image_size=recipe.model.image_size, **recipe.augment.model_dump())


def build_eval_transform(recipe: TrainRecipe) -> EvalTransform:
    """The transform that evaluation uses and the model keeps."""
    return EvalTransform(image_size=recipe.model.image_size, mean=recipe.augment.mean, std=recipe.augment.std)


def build_loss(recipe: TrainRecipe) -> ReIDLoss:
    """The loss over all branches."""
    return ReIDLoss(**recipe.loss.model_dump(exclude={"center_weight", "center_lr", "across_ranks"}))


def build_task(recipe: TrainRecipe, model: ReIDModel) -> SupervisedTask:
    """What the loop trains; fresh centers where the recipe has a center loss."""
    centers = None
    if recipe.loss.center_weight:
        dim = model.encoder.dim
        centers = MovingCenters(model.num_classes, dim, weight=recipe.loss.center_weight, lr=recipe.loss.center_lr)
    return SupervisedTask(model, build_loss(recipe), centers, across_ranks=recipe.loss.across_ranks)


def build_sampler(recipe: TrainRecipe, labels: np.ndarray, *, rank: int, world_size: int) -> PKSampler | PoolSampler:
    """The batches of each epoch, of one process.

    Args:
        recipe: says how.
        labels: (N,) training class of each row.
        rank: of the process.
        world_size: number of processes.
    """
    seed, p, k = recipe.train.seed, recipe.sampler.ids_per_batch, recipe.sampler.images_per_id
    if recipe.sampler.name == "shuffle":
        return PoolSampler(len(labels), batch_size=p * k, seed=seed, rank=rank, world_size=world_size)
    return PKSampler(labels, ids_per_batch=p, images_per_id=k, seed=seed, rank=rank, world_size=world_size)


def build_group_rule(recipe: TrainRecipe) -> GroupRule:
    """How parameters get their rate and decay."""
    return GroupRule(**recipe.optimizer.model_dump(exclude={"name", "momentum", "betas"}))


def build_schedule(section: ScheduleSection, *, base_lr: float, epochs: int) -> Schedule:
    """Learning rate over time."""
    if section.name == "cosine":
        return CosineSchedule(base_lr, epochs, section.warmup_epochs, section.warmup_factor, section.final_factor)
    if section.name == "multistep":
        return MultiStepSchedule(section.milestones, section.gamma, section.warmup_epochs, section.warmup_factor)
    return ConstantSchedule()


def build_loop_settings(recipe: TrainRecipe) -> LoopSettings:
    """How the loop runs."""
    settings = recipe.train.model_dump(exclude={"gradient_checkpointing"})
    return LoopSettings(clock=recipe.schedule.clock, **settings)


def dump_recipe(recipe: TrainRecipe) -> dict[str, Any]:
    """A recipe as plain values, for YAML."""
    content: dict[str, Any] = recipe.model_dump(mode="json")
    if recipe.data.source is not None:
        content["data"]["source"] = str(Path(recipe.data.source).absolute())
    if recipe.model.weights not in (None, TIMM):
        content["model"]["weights"] = str(Path(recipe.model.weights).expanduser().absolute())
    return content
