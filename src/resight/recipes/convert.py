"""A weight file of other code and the recipe that it was made with become a model that embeds images."""

from collections.abc import Sequence
from pathlib import Path

from resight.data.dataset import Vocabulary
from resight.errors import ModelFormatError, RecipeError
from resight.inference import Embedder, ModelCard
from resight.models import create_model
from resight.models.backbones import VIT_SHAPES
from resight.models.weights import WeightFile, WeightReport, load_weights
from resight.models.weights.description import NetDescription, describe
from resight.recipes import build
from resight.recipes.evaluation_set import protocol_of
from resight.recipes.schema import ModelSection, TrainRecipe

_FINE_TUNED = ("transreid", "transreid_ssl", "resight")


def convert_weights(
    file: WeightFile, recipe: TrainRecipe, *, cameras: Sequence[str] = (), views: Sequence[str] = ()
) -> tuple[Embedder, WeightReport]:
    """The model of a weight file, with all it needs to read images.

    Tensors do not tell image size, stride (only the grid of patches that both give), heads, normalisation, shift of the
    jigsaw or coefficient of the side information; all of that is taken from the recipe. What tensors do tell has to
    agree with it.

    Args:
        file: what `read_weights` gave.
        recipe: the settings that the weights were trained with; its data and training are not looked at.
        cameras: names of the cameras, in the order of the side-information table; empty: 1, 2, 3 ..., which is what the
            official code makes of them.
        views: names of the views, likewise; empty: 0, 1, 2 ...

    Returns:
        The model, on the CPU, and what became of each tensor.

    Raises:
        ModelFormatError: if file and recipe do not agree; it says which setting would.
    """
    found = describe(file)
    if found is not None:
        _check(file, found, recipe.model)
    elif recipe.model.name in VIT_SHAPES:
        raise ModelFormatError(
            f"{file.source} lacks what every {recipe.model.name} has, such as the attention of its last block; it is "
            "damaged or holds another net, `resight weights inspect` lists its tensors"
        )
    names = _side_names(found.side_rows if found else 0, recipe.model, tuple(cameras), tuple(views))
    settings = build.model_settings(recipe.model, names)
    try:
        model = create_model(recipe.model.name, **settings)
    except ValueError as error:
        raise RecipeError(f"model: {error}") from error
    report = load_weights(model, file)
    if report.resized and file.kind in _FINE_TUNED:
        raise ModelFormatError(_other_grid(file, found, recipe.model))
    card = ModelCard(
        name=recipe.model.name,
        settings=settings,
        transform=build.build_eval_transform(recipe),
        cameras=names.cameras,
        views=names.views,
        flip=recipe.evaluate.flip,
        protocol=protocol_of(recipe),
        about={"recipe": recipe.title, "converted_from": Path(file.source).name, "kind": file.kind},
    )
    return Embedder(model, card, device="cpu"), report


def _check(file: WeightFile, found: NetDescription, section: ModelSection) -> None:
    necks = found.num_branches  # 0: the file has none, which tells nothing
    if necks and (necks > 1) != found.has_parts:
        what = f"necks of {necks} branches but {'one' if found.has_parts else 'no'} jigsaw branch beside the global one"
        raise ModelFormatError(f"{file.source} is damaged: it has {what}; take another copy of it")
    if found.has_parts != section.jigsaw:
        what = "a" if found.has_parts else "no"
        raise ModelFormatError(
            f"{file.source} has {what} jigsaw branch; use model.jigsaw={str(found.has_parts).lower()}"
        )
    parts = necks - 1
    if section.jigsaw and necks and parts != section.jigsaw_parts:
        raise ModelFormatError(f"{file.source} has {parts} jigsaw parts; use model.jigsaw_parts={parts}")


def _side_names(rows: int, section: ModelSection, cameras: tuple[str, ...], views: tuple[str, ...]) -> Vocabulary:
    """Names behind the rows of the side-information table."""
    wants = section.side_information
    if (wants != "none") != (rows > 0):
        has = f"side information for {rows} cameras x views" if rows else "no side information"
        use = "camera, view or both" if rows else "none"
        raise ModelFormatError(f"the file has {has}; use model.side_information={use}")
    if wants == "none":
        return Vocabulary()
    if wants == "camera":
        cameras, views = cameras or tuple(str(number + 1) for number in range(rows)), ()
    elif wants == "view":
        cameras, views = (), views or tuple(str(number) for number in range(rows))
    elif cameras and not views and rows % len(cameras) == 0:
        views = tuple(str(number) for number in range(rows // len(cameras)))
    if max(len(cameras), 1) * max(len(views), 1) != rows or (wants == "both" and not (cameras and views)):
        raise ModelFormatError(
            f"the file has side information for {rows} cameras x views, but {len(cameras)} cameras and {len(views)} "
            "views are named; name them all, in ascending order as the data set numbers them, or give its manifest"
        )
    return Vocabulary((), cameras, views)


def _other_grid(file: WeightFile, found: NetDescription | None, section: ModelSection) -> str:
    stride = section.stride or section.patch_size
    sizes = found.sizes if found is not None else ()
    options = [f"model.image_size=[{size[0]},{size[1]}] model.stride={step}" for size, step in sizes]
    return (
        f"{file.source} was trained on another grid of patches than images of {section.image_size[0]}x"
        f"{section.image_size[1]} at stride {stride} give"
        + (f"; use {' or '.join(options)}" if options else "; give the image size and stride that it was trained with")
    )
