"""From a recipe of pre-training to objects."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from resight.data.manifest import Manifest
from resight.data.pool import Pool, open_pool
from resight.data.transforms import EvalTransform
from resight.errors import RecipeError
from resight.pretrain.backbone import BackboneSettings
from resight.pretrain.create import create_task
from resight.pretrain.method import PretrainTask
from resight.pretrain.optimizer import pretrain_optimizer
from resight.pretrain.schedules import DinoRate, MocoV3Rate
from resight.pretrain.views import Views, byol_views, dino_views, luperson_views, mocov2_views
from resight.recipes.build import read_source
from resight.recipes.pretrain_schema import PretrainRecipe, ProbeSection, ViewsSection
from resight.train.schedules import CosineSchedule, Schedule
from resight.train.settings import LoopSettings


def build_pool(recipe: PretrainRecipe) -> Pool:
    """The unlabelled images.

    Raises:
        RecipeError: if the recipe names none.
        DataError: if they cannot be opened.
    """
    if recipe.data.source is None:
        raise RecipeError("the recipe does not say where its images are; give --pool PATH, or data.source=PATH")
    return open_pool(recipe.data.source)


def build_views(section: ViewsSection) -> Views:
    """What is made of each image.

    Raises:
        RecipeError: if the sizes or areas do not go together.
    """
    pairs = {"byol": byol_views, "mocov2": mocov2_views, "luperson": luperson_views}
    try:
        if section.kind == "dino":
            views = dino_views(
                section.size,
                section.local_size,
                local_crops=section.local_crops,
                global_area=section.area,
                local_area=section.local_area,
            )
        else:
            views = pairs[section.kind](section.size, area=section.area)
    except ValueError as error:
        raise RecipeError(f"views: {error}") from error
    return replace(views, mean=section.mean or views.mean, std=section.std or views.std)


def backbone_settings(recipe: PretrainRecipe) -> BackboneSettings:
    """The net, made for the size of the global crops."""
    return BackboneSettings(image_size=recipe.views.size, **recipe.model.model_dump(exclude={"weights"}))


def build_task(recipe: PretrainRecipe, views: Views) -> PretrainTask:
    """The method with fresh weights, drawn from the recipe's seed.

    Raises:
        RecipeError: if net, method and views do not go together.
    """
    options = dict(recipe.options)
    if recipe.method == "dino":
        options.setdefault("weight_decay", recipe.optimizer.weight_decay)
    with torch.random.fork_rng(devices=[]):  # the net is made on the CPU
        torch.manual_seed(recipe.train.seed)
        try:
            return create_task(
                recipe.method, backbone_settings(recipe), options, sizes=[size for size, _ in views.sizes]
            )
        except ValueError as error:
            raise RecipeError(f"model or options: {error}") from error


def build_optimizer(recipe: PretrainRecipe, task: PretrainTask, *, world: int) -> torch.optim.Optimizer:
    """Over what trains; its rate grows with the images of an optimiser step."""
    return pretrain_optimizer(task.model, **recipe.optimizer.model_dump(), total_batch=total_batch(recipe, world))


def total_batch(recipe: PretrainRecipe, world: int) -> int:
    """Images of an optimiser step, of all processes."""
    return recipe.data.batch_size * recipe.train.accumulation * world


def build_schedule(recipe: PretrainRecipe, *, peak: float, steps: int) -> Schedule:
    """Learning rate over time; steps: batches of an epoch.

    Raises:
        RecipeError: if the warm-up is as long as the run.
    """
    section, epochs = recipe.schedule, recipe.train.epochs
    if section.warmup_epochs >= epochs:
        raise RecipeError(
            f"schedule.warmup_epochs={section.warmup_epochs} leaves nothing of {epochs} epochs; take fewer of the "
            "first, or more of the second (train.epochs)"
        )
    if section.name == "dino":
        return DinoRate(epochs, -(-steps // recipe.train.accumulation), section.warmup_epochs, section.final_lr)
    if section.name == "mocov3":
        return MocoV3Rate(epochs, section.warmup_epochs)
    return CosineSchedule(peak, epochs, section.warmup_epochs, section.warmup_factor, section.final_factor)


def build_loop_settings(recipe: PretrainRecipe) -> LoopSettings:
    """How the loop runs; the probe is its evaluation."""
    clock = recipe.schedule.clock if recipe.schedule.name == "cosine" else "step"
    every = 0 if recipe.probe.source is None else recipe.probe.every
    return LoopSettings(clock=clock, evaluate_every=every, **recipe.train.model_dump(exclude={"look_steps"}))


def build_probe_set(section: ProbeSection) -> Manifest | None:
    """Labelled images, the first ones of each split; None: no probe is asked for.

    Raises:
        DataError: if they cannot be read.
    """
    if section.source is None:
        return None
    manifest = read_source(section.source, section.format)
    splits = manifest.column("split")
    chosen = np.zeros(len(manifest), dtype=bool)
    for name in np.unique(splits.astype(str)):
        chosen[np.flatnonzero(splits.astype(str) == name)[: section.limit]] = True
    return manifest.select(chosen)


def probe_transform(recipe: PretrainRecipe, views: Views) -> EvalTransform:
    """How labelled images come to the backbone: as the pool's, without augmentation."""
    return EvalTransform(recipe.views.size, views.mean, views.std)


def dump_pretrain_recipe(recipe: PretrainRecipe) -> dict[str, Any]:
    """A recipe as plain values, for YAML."""
    content: dict[str, Any] = recipe.model_dump(mode="json")
    for section, key in (("data", "source"), ("probe", "source"), ("model", "weights")):
        path = content[section][key]
        if path is not None:
            content[section][key] = str(Path(path).absolute())
    return content
