"""The recipes of pre-training against the tables of the released code."""

from typing import Any

import pytest

from resight.pretrain.dino import DinoSettings
from resight.pretrain.moby import MobySettings
from resight.pretrain.mocov2 import MocoV2Settings
from resight.pretrain.mocov3 import MocoV3Settings
from resight.recipes import PRETRAIN_RECIPES
from resight.recipes.pretrain_build import build_optimizer, build_schedule, build_task, build_views, total_batch

LUPERSON_DINO = [name for name in PRETRAIN_RECIPES if name.startswith("luperson") and "dino_vit" in name]
SMALL = [name for name in PRETRAIN_RECIPES if name.startswith("small_")]


@pytest.mark.parametrize("name", [*LUPERSON_DINO, "imagenet_dino_vit_small"])
def test_dino_as_the_released_scripts(name: str) -> None:
    recipe = PRETRAIN_RECIPES[name]()
    imagenet = name.startswith("imagenet")
    views = recipe.views
    assert views.size == ((224, 224) if imagenet else (256, 128))
    assert views.local_size == ((96, 96) if imagenet else (128, 64))
    assert (views.local_crops, views.area, views.local_area) == (8, (0.4, 1.0), (0.05, 0.4))
    options = DinoSettings(**recipe.options)
    assert (options.prototypes, options.hidden, options.layers, options.bottleneck) == (65536, 2048, 3, 256)
    assert (options.batch_norm, options.trains_gain, options.freeze_epochs, options.clip) == (False, False, 1, 3.0)
    temperatures = (options.student_temperature, options.warmup_teacher_temperature, options.teacher_temperature)
    assert temperatures == (0.1, 0.04, 0.04)
    assert (options.center_momentum, options.momentum) == (0.9, 0.996)
    assert (recipe.optimizer.weight_decay, options.final_weight_decay) == (0.04, 0.4)
    assert (recipe.optimizer.name, recipe.optimizer.lr, recipe.optimizer.lr_batch) == ("adamw", 5e-4, 256)
    assert total_batch(recipe, 8) == 512
    assert (recipe.schedule.name, recipe.schedule.warmup_epochs, recipe.schedule.final_lr) == ("dino", 10, 1e-6)
    assert (recipe.train.epochs, recipe.train.precision, recipe.train.seed) == (100, "fp16", 0)
    assert (recipe.model.drop_path, recipe.model.patch_size) == (0.1, 16)


def test_the_nets_of_the_released_scripts() -> None:
    nets = {name: PRETRAIN_RECIPES[name]().model.name for name in LUPERSON_DINO}
    assert set(nets.values()) == {"vit_small", "vit_small_ics", "vit_base_ics"}
    assert all(name.endswith(f"dino_{net}") for name, net in nets.items())


def test_mocov2_as_lupersons_script() -> None:
    recipe = PRETRAIN_RECIPES["luperson_mocov2_resnet50"]()
    options = MocoV2Settings(**recipe.options)
    assert (options.dim, options.queue, options.momentum, options.temperature) == (128, 65536, 0.999, 0.1)
    assert options.wraps, "a batch of 2560 does not divide 65536"
    assert total_batch(recipe, 8) == 2560
    optimizer = recipe.optimizer
    assert (optimizer.name, optimizer.lr, optimizer.lr_batch, optimizer.weight_decay) == ("sgd", 0.3, None, 1e-4)
    assert (recipe.train.epochs, recipe.schedule.name, recipe.schedule.warmup_epochs) == (200, "cosine", 0)
    assert (recipe.views.kind, recipe.views.size, recipe.views.area) == ("luperson", (256, 128), (0.2, 1.0))


def test_mocov3() -> None:
    vit, resnet = (PRETRAIN_RECIPES[f"luperson_mocov3_{net}"]() for net in ("vit_small", "resnet50"))
    assert [total_batch(recipe, 8) for recipe in (vit, resnet)] == [4096, 4096]
    assert (vit.optimizer.name, vit.optimizer.lr, vit.optimizer.weight_decay) == ("adamw", 1.5e-4, 0.1)
    assert (resnet.optimizer.name, resnet.optimizer.lr, resnet.optimizer.weight_decay) == ("lars", 0.6, 1e-6)
    assert vit.model.shape == {"heads": 12}
    options = [MocoV3Settings(**recipe.options) for recipe in (vit, resnet)]
    assert [(one.temperature, one.projector_layers, one.predictor_layers) for one in options] == [
        (0.2, 3, 2),
        (1.0, 2, 2),
    ]
    assert [one.predictor_norm for one in options] == [True, False]
    assert all((one.dim, one.hidden, one.momentum) == (256, 4096, 0.99) for one in options)
    assert [recipe.schedule.warmup_epochs for recipe in (vit, resnet)] == [40, 10]
    assert [recipe.views.area[0] for recipe in (vit, resnet)] == [0.08, 0.2]


def test_moby() -> None:
    recipe = PRETRAIN_RECIPES["luperson_moby_vit_small"]()
    options = MobySettings(**recipe.options)
    assert (options.queue, options.temperature, options.momentum, options.hidden, options.dim) == (
        4096,
        0.2,
        0.99,
        4096,
        256,
    )
    assert (recipe.optimizer.lr, recipe.optimizer.lr_batch, recipe.optimizer.weight_decay) == (1e-3, 512, 0.05)
    assert (recipe.train.clip_norm, recipe.model.drop_path, recipe.schedule.warmup_epochs) == (5.0, 0.2, 5)
    rate = build_schedule(recipe, peak=1e-3, steps=10)
    assert rate(0, 1e-3) == pytest.approx(5e-7)
    assert rate(recipe.train.epochs, 1e-3) == pytest.approx(5e-6)
    assert total_batch(recipe, 8) == 512


@pytest.mark.parametrize("name", SMALL)
def test_the_small_ones_can_be_built_and_differ_in_the_method_alone(name: str) -> None:
    recipe = PRETRAIN_RECIPES[name]()
    views = build_views(recipe.views)
    task = build_task(recipe, views)
    optimizer = build_optimizer(recipe, task, world=1)
    rate = build_schedule(recipe, peak=optimizer.param_groups[0]["peak_lr"], steps=10)
    assert 0 < rate(5.0, optimizer.param_groups[0]["peak_lr"]) < 1
    shared: dict[str, Any] = {
        "model": {"name", "patch_size"},
        "views": {"size"},
        "data": {"batch_size"},
        "train": {"epochs"},
        "optimizer": {"name", "lr", "lr_batch"},
    }
    first = PRETRAIN_RECIPES["small_dino"]()
    assert recipe.model_dump(include=shared) == first.model_dump(include=shared)
    assert recipe.schedule.warmup_epochs == first.schedule.warmup_epochs


@pytest.mark.parametrize("name", PRETRAIN_RECIPES)
def test_options_and_views_are_those_of_the_method(name: str) -> None:
    recipe = PRETRAIN_RECIPES[name]()
    kinds = {"dino": DinoSettings, "mocov2": MocoV2Settings, "mocov3": MocoV3Settings, "moby": MobySettings}
    kinds[recipe.method](**recipe.options)
    assert len(build_views(recipe.views).views) == (2 + recipe.views.local_crops if recipe.method == "dino" else 2)
    assert recipe.title
