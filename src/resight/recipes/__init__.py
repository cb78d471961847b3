"""Recipes: typed settings, the built-in ones, and the only code that turns settings into objects."""

from resight.recipes.bot import BOT
from resight.recipes.demo import DEMO
from resight.recipes.resolve import load_recipe, update
from resight.recipes.schema import TrainRecipe
from resight.recipes.table import BuiltIn
from resight.recipes.transreid import TRANSREID
from resight.recipes.transreid_ssl import TRANSREID_SSL
from resight.recipes.vehicle import VEHICLE

RECIPES: dict[str, BuiltIn] = {recipe.name: recipe for recipe in (*TRANSREID, *TRANSREID_SSL, *BOT, *VEHICLE, *DEMO)}
"""By name, in the order that lists show them."""

__all__ = ["RECIPES", "BuiltIn", "TrainRecipe", "load_recipe", "update"]
