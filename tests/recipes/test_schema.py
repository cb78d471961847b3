import dataclasses
import inspect
from dataclasses import asdict

import pytest
from pydantic import BaseModel, ValidationError

from resight.data.transforms import TrainTransform
from resight.errors import RecipeError
from resight.functional import RERANK_PRESETS, Rerank
from resight.losses import ReIDLoss
from resight.models import create_model
from resight.recipes import RECIPES, TrainRecipe, load_recipe, update
from resight.recipes.build import build_group_rule, build_loop_settings
from resight.recipes.evaluation_set import rerank_of
from resight.recipes.schema import AugmentSection, EvaluateSection, LossSection, ModelSection, RerankSection


def test_sections_are_frozen() -> None:
    with pytest.raises(ValidationError):
        TrainRecipe().train.epochs = 3  # type: ignore[misc]


def test_the_defaults_are_those_of_the_released_code() -> None:
    recipe = TrainRecipe()
    assert (recipe.model.name, recipe.model.image_size) == ("vit_base", (256, 128))
    assert (recipe.model.patch_size, recipe.model.stride) == (16, None)
    assert (recipe.optimizer.name, recipe.optimizer.lr, recipe.optimizer.weight_decay) == ("sgd", 0.008, 1e-4)
    assert recipe.optimizer.bias_lr_factor == 2
    assert (recipe.sampler.ids_per_batch, recipe.sampler.images_per_id) == (16, 4)
    assert (recipe.train.epochs, recipe.schedule.name, recipe.schedule.warmup_epochs) == (120, "cosine", 5)
    assert recipe.loss.margin is None
    assert not recipe.evaluate.flip


def test_re_ranking_by_name_or_by_values() -> None:
    for name, settings in RERANK_PRESETS.items():
        assert rerank_of(EvaluateSection.model_validate({"rerank": name})) == settings
    assert rerank_of(load_recipe("market1501_transreid", ["evaluate.rerank.k1=9"]).evaluate) == Rerank(9, 6, 0.3)
    assert rerank_of(load_recipe("market1501_transreid", ["evaluate.rerank={k2: 1}"]).evaluate) == Rerank(20, 1, 0.3)
    assert rerank_of(EvaluateSection()) is None
    assert RerankSection().model_dump() == asdict(Rerank())


@pytest.mark.parametrize("value", ["official", "true", "20", "{k3: 5}", "{k1: 0}", "{weight: 2}"])
def test_impossible_re_ranking(value: str) -> None:
    with pytest.raises(RecipeError, match=r"evaluate\.rerank"):
        load_recipe("market1501_transreid", [f"evaluate.rerank={value}"])


@pytest.mark.parametrize(
    ("section", "target"),
    [(ModelSection, create_model), (AugmentSection, TrainTransform), (LossSection, ReIDLoss)],
)
def test_a_sections_defaults_are_those_of_what_it_builds(section: type[BaseModel], target: object) -> None:
    parameters = inspect.signature(target).parameters  # type: ignore[arg-type]
    for name, field in section.model_fields.items():
        if name in parameters and parameters[name].default not in (inspect.Parameter.empty, None):
            assert field.default == parameters[name].default, name


def test_what_the_loop_and_the_optimizer_need_is_all_there() -> None:
    recipe = TrainRecipe()
    settings = build_loop_settings(recipe)
    assert {field.name for field in dataclasses.fields(settings)} >= {"epochs", "precision", "compile", "accumulation"}
    assert settings.clock == recipe.schedule.clock
    assert build_group_rule(recipe).lr == recipe.optimizer.lr


@pytest.mark.parametrize("name", RECIPES)
def test_every_built_in_recipe_is_valid_and_says_what_it_is(name: str) -> None:
    recipe = RECIPES[name]()
    assert TrainRecipe.model_validate(recipe.model_dump()) == recipe
    assert recipe.title
    assert RECIPES[name].name == name
    assert RECIPES[name].group


def test_titles_are_distinct() -> None:
    titles = [function().title for function in RECIPES.values()]
    assert len(set(titles)) == len(titles)


def test_the_market_ablation_differs_in_what_it_is_about() -> None:
    rows = {name: RECIPES[f"market1501_{name}"]().model for name in ("baseline", "jpm", "sie", "transreid")}
    switches = {name: (model.jigsaw, model.side_information) for name, model in rows.items()}
    assert switches == {
        "baseline": (False, "none"),
        "jpm": (True, "none"),
        "sie": (False, "camera"),
        "transreid": (True, "camera"),
    }
    assert RECIPES["market1501_transreid_stride"]().model.stride == 12


@pytest.mark.parametrize("center", [0.0, 0.0005])
def test_some_loss_has_to_tell_identities_apart(center: float) -> None:
    weights = {"identity_weight": 0, "triplet_weight": 0, "center_weight": center}
    alone = ", or only the center loss, which would pull all images to one point" if center else ""
    with pytest.raises(RecipeError, match=f"loss: no weight tells identities apart: all are 0{alone}; set identity"):
        update(TrainRecipe(), {"loss": weights})
    assert update(TrainRecipe(), {"loss": {**weights, "contrastive_weight": 0.1}}).loss.center_weight == center
