"""Built-in recipes as rows of a table: each is put together from named parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from resight.recipes.resolve import Nested, merge, update
from resight.recipes.schema import Recipe, TrainRecipe

R = TypeVar("R", bound=Recipe, covariant=True)
Made = TypeVar("Made", bound=Recipe)


@dataclass(frozen=True)
class BuiltIn(Generic[R]):
    """A recipe that comes with resight; call it to get the recipe.

    name: under which `load_recipe` finds it. group: heading that lists show it under. make: gives the recipe. weights:
    file that the published run started from, for `model.weights`; empty: from scratch. note: what else a reader of the
    published number should know.
    """

    name: str
    group: str
    make: Callable[[], R]
    weights: str = ""
    note: str = ""

    def __call__(self) -> R:
        return self.make()


@dataclass(frozen=True)
class Part:
    """Settings that go together, laid over the parts before it.

    label: what the title says of it; may be empty. changes: nested as a recipe is. weights: see `BuiltIn`.
    """

    label: str
    changes: Mapping[str, Any]
    weights: str = ""


def row(name: str, group: str, *parts: Part, note: str = "") -> BuiltIn[TrainRecipe]:
    """The recipe of those parts, over the defaults.

    Args:
        name: see `BuiltIn`.
        group: see `BuiltIn`.
        parts: later ones win.
        note: see `BuiltIn`.
    """
    weights = [part.weights for part in parts if part.weights]
    return BuiltIn(name, group, lambda: assemble(TrainRecipe(), parts), weights[-1] if weights else "", note)


def assemble(start: Made, parts: tuple[Part, ...]) -> Made:
    """The recipe with the parts laid over it; its title is made of their labels."""
    changes: Nested = {"title": ", ".join(part.label for part in parts if part.label)}
    for part in parts:
        changes = merge(changes, part.changes)
    return update(start, changes)
