"""Recipes: typed settings, the built-in ones, and the only code that turns settings into objects."""

from resight.recipes.bot import BOT
from resight.recipes.demo import DEMO
from resight.recipes.pretrain_schema import PretrainRecipe
from resight.recipes.pretraining import PRETRAINING
from resight.recipes.resolve import load_recipe, update
from resight.recipes.schema import Recipe, TrainRecipe
from resight.recipes.table import BuiltIn
from resight.recipes.transreid import TRANSREID
from resight.recipes.transreid_ssl import TRANSREID_SSL
from resight.recipes.vehicle import VEHICLE

RECIPES: dict[str, BuiltIn[TrainRecipe]] = {
    recipe.name: recipe for recipe in (*TRANSREID, *TRANSREID_SSL, *BOT, *VEHICLE, *DEMO)
}
"""Of supervised training, by name, in the order that lists show them."""

PRETRAIN_RECIPES: dict[str, BuiltIn[PretrainRecipe]] = {recipe.name: recipe for recipe in PRETRAINING}
"""Of pre-training, likewise."""

ALL_RECIPES: dict[str, BuiltIn[Recipe]] = {**RECIPES, **PRETRAIN_RECIPES}
"""Both."""

__all__ = [
    "ALL_RECIPES",
    "PRETRAIN_RECIPES",
    "RECIPES",
    "BuiltIn",
    "PretrainRecipe",
    "TrainRecipe",
    "load_recipe",
    "update",
]
