"""From a recipe to objects. Nothing below this file knows what a recipe is."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from resight.data.convert import CONVERTERS
from resight.data.convert.options import convert
from resight.data.dataset import Vocabulary
from resight.data.manifest import Manifest
from resight.data.transforms import EvalTransform, TrainTransform
from resight.errors import DataError, RecipeError
from resight.losses import ReIDLoss
from resight.models import ReIDModel, create_model
from resight.models.weights import TIMM, WeightReport, find_weights, load_weights
from resight.recipes.schema import ModelSection, ScheduleSection, TrainRecipe
from resight.train.centers import MovingCenters
from resight.train.optim import GroupRule
from resight.train.schedules import ConstantSchedule, CosineSchedule, MultiStepSchedule, Schedule
from resight.train.settings import LoopSettings
from resight.train.task import SupervisedTask


def read_source(
    source: Path,
    format: str | None = None,
    options: Mapping[str, object] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """A manifest file, or a data set that a converter reads.

    Args:
        source: file or folder.
        format: name of the converter; None: `source` is a manifest (.parquet, .csv).
        options: of the converter, see `resight.data.convert.options`.
        progress: for a converter that tells how far it is.

    Raises:
        DataError: if the source cannot be read, or the format or an option is unknown.
    """
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
    try:
        model = create_model(recipe.model.name, **model_settings(recipe.model, vocabulary))
        encoder: Any = model.encoder
        encoder.gradient_checkpointing = recipe.train.gradient_checkpointing
    except ValueError as error:
        raise RecipeError(f"model: {error}") from error
    return model


def load_start(recipe: TrainRecipe, model: ReIDModel) -> WeightReport | None:
    """Loads what the recipe starts from; None: it names nothing.

    Raises:
        ModelFormatError: if the weights cannot be read or do not fit.
    """
    weights = recipe.model.weights
    return None if weights is None else load_weights(model, find_weights(weights, recipe.model.name))


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
