"""From a run or a weight file to the space of its features."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from resight.data.transforms import EvalTransform
from resight.errors import ModelFormatError, RecipeError
from resight.filtering.feature_space import FeatureSpace, weights_fingerprint
from resight.inference import load
from resight.models.reid import ReIDModel
from resight.models.weights import read_weights
from resight.pretrain.backbone import create_backbone
from resight.pretrain.export import load_backbone
from resight.pretrain.start import load_net
from resight.recipes import pretrain_build as build
from resight.recipes.pretrain_schema import PretrainRecipe


class _Embedding(nn.Module):
    """A re-identification model as images -> (B, D); cameras and views are unknown."""

    def __init__(self, model: ReIDModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        unknown = torch.full((len(images),), -1, device=images.device)
        embedding: Tensor = self.model(images, unknown, unknown).embedding
        return embedding


def open_space(
    source: Path, name: str, recipe: PretrainRecipe, device: torch.device, *, bare: bool = False
) -> FeatureSpace:
    """The net of a run or file, with the transform that its images need.

    A run of `resight pretrain`, a model of `resight train` and what these left say themselves what they are; a weight
    file of other code is taken for the recipe's net, with the recipe's image size, mean and std.

    Args:
        source: run folder, model folder, or weight file.
        name: of the space.
        recipe: for files that do not say what they are.
        device: where to compute.
        bare: of a model of `resight train` take the net alone, without neck and parts; it is the recipe's, as that of a
            proxy that is pre-trained from it. Otherwise its features are its embeddings.

    Raises:
        ModelFormatError: if it cannot be read, or is of another net than the recipe's.
    """
    source = source.expanduser()
    if not source.exists():
        raise ModelFormatError(f"there is no {source}; expected a run, a model folder or a weight file")
    backbone = _backbone_file(source)
    if _is_ours(backbone):
        net, settings = load_backbone(backbone)
        mean, std = _colours(backbone)
        transform = EvalTransform(settings.image_size, mean, std)
    elif is_fine_tuned(source) and not bare:
        embedder = load(source, device=device)
        net, transform = _Embedding(embedder.model), embedder.card.transform
    else:
        net, transform = _from_file(source, recipe)
    net = net.to(device).eval().requires_grad_(False)
    return FeatureSpace(name, net, transform, weights_fingerprint(net))


def is_fine_tuned(source: Path) -> bool:
    """Whether it is a model of `resight train`, or a run that has left one."""
    return any((folder / "card.json").is_file() for folder in (source.expanduser(), source.expanduser() / "model"))


def say_what_they_are(sources: Sequence[Path]) -> bool:
    """Whether each of these proxies says itself what net it is, so that a recipe has no say in it."""
    if all(map(is_fine_tuned, sources)):
        return True
    return all(_is_ours(_backbone_file(source.expanduser())) for source in sources)


def _backbone_file(source: Path) -> Path:
    return source / "backbone.safetensors" if source.is_dir() else source


def _from_file(source: Path, recipe: PretrainRecipe) -> tuple[nn.Module, EvalTransform]:
    """A file of other code, or the checkpoint of a run that is not finished."""
    file = read_weights(source)
    try:
        with torch.random.fork_rng(devices=[]):  # its first weights are drawn, and thrown away
            net = create_backbone(build.backbone_settings(recipe))
    except ValueError as error:
        raise RecipeError(f"model: {error}") from error
    try:
        load_net(net, file)
    except ModelFormatError as error:
        raise ModelFormatError(f"{error}; say it with --proxy RECIPE, or model.name=NAME views.size=[H,W]") from error
    return net, build.probe_transform(recipe, build.build_views(recipe.views))


def _is_ours(path: Path) -> bool:
    """Whether `resight.pretrain.export` wrote it."""
    if path.suffix != ".safetensors" or not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return "backbone" in (file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise ModelFormatError(f"{path} cannot be read: {error}") from error


def _colours(path: Path) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and std of the images that the net was trained on."""
    with safe_open(path, framework="pt") as file:
        about = json.loads(file.metadata()["about"])
    try:
        return tuple(about["mean"]), tuple(about["std"])
    except KeyError as error:
        raise ModelFormatError(f"{path} does not say what its images were normalised with; export it anew") from error
