"""Recipes: typed settings, the built-in ones, and the only code that turns settings into objects."""

from collections.abc import Callable

from resight.recipes import demo, transreid, vehicle
from resight.recipes.resolve import load_recipe, update
from resight.recipes.schema import TrainRecipe

RECIPES: dict[str, Callable[[], TrainRecipe]] = {
    function.__name__: function
    for function in (
        transreid.market1501_baseline,
        transreid.market1501_jpm,
        transreid.market1501_sie,
        transreid.market1501_transreid,
        transreid.market1501_transreid_stride,
        vehicle.vehicle_baseline,
        vehicle.vehicle_transreid,
        vehicle.vehicle,
        demo.demo_baseline,
        demo.demo_jpm,
        demo.demo_sie,
        demo.demo_transreid,
    )
}

__all__ = ["RECIPES", "TrainRecipe", "load_recipe", "update"]
