"""Built-in recipes as rows of a table: each is put together from named parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from resight.recipes.resolve import Nested, merge, update
from resight.recipes.schema import TrainRecipe


@dataclass(frozen=True)
class BuiltIn:
    """A recipe that comes with resight; call it to get the recipe.

    name: under which `load_recipe` finds it. group: heading that lists show it under. make: gives the recipe. weights:
    file that the published run started from, for `model.weights`; empty: from scratch. note: what else a reader of the
    published number should know.
    """

    name: str
    group: str
    make: Callable[[], TrainRecipe]
    weights: str = ""
    note: str = ""

    def __call__(self) -> TrainRecipe:
        return self.make()


@dataclass(frozen=True)
class Part:
    """Settings that go together, laid over the parts before it.

    label: what the title says of it; may be empty. changes: nested as a recipe is. weights: see `BuiltIn`.
    """

    label: str
    changes: Mapping[str, Any]
    weights: str = ""


def row(name: str, group: str, *parts: Part, note: str = "") -> BuiltIn:
    """The recipe of those parts, over the defaults.

    Args:
        name: see `BuiltIn`.
        group: see `BuiltIn`.
        parts: later ones win.
        note: see `BuiltIn`.
    """
    weights = [part.weights for part in parts if part.weights]
    return BuiltIn(name, group, lambda: _assemble(parts), weights[-1] if weights else "", note)


def _assemble(parts: tuple[Part, ...]) -> TrainRecipe:
    changes: Nested = {"title": ", ".join(part.label for part in parts if part.label)}
    for part in parts:
        changes = merge(changes, part.changes)
    return update(TrainRecipe(), changes)
