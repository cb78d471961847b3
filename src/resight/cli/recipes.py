"""`resight recipes`: what can be trained out of the box, and what was published for it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from resight.cli.console import err, out, print_json, print_table

if TYPE_CHECKING:
    from resight.recipes import BuiltIn


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="A recipe to print, or a part of names to list: msmt17, bot, stride.", show_default=False),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Print only what differs from the defaults.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the built-in recipes with the published results, or print one.

    Example: resight recipes market1501_transreid > mine.yaml
    """
    from resight.recipes import ALL_RECIPES

    found = [recipe for recipe in ALL_RECIPES.values() if name is None or _matches(recipe, name)]
    if name is None or (found and name not in ALL_RECIPES):
        _list(found, json)
    else:
        _print(name, diff, json)


def _matches(recipe: "BuiltIn[Any]", text: str) -> bool:
    return text.lower() in recipe.name or text.lower() in recipe.group.lower()


def _list(found: list["BuiltIn[Any]"], json: bool) -> None:
    if json:
        print_json({recipe.name: _described(recipe) for recipe in found})
        return
    for group in dict.fromkeys(recipe.group for recipe in found):
        _print_group(group, [recipe for recipe in found if recipe.group == group])
    err.print("\nresults: published ones, in percent, no re-ranking; --json names their sources")


def _print_group(group: str, found: list["BuiltIn[Any]"]) -> None:
    """A table, with a column for each kind of source that the group has."""
    from resight.recipes.published import PUBLISHED, measures

    numbers = {recipe.name: {one.source.short: one for one in PUBLISHED.get(recipe.name, ())} for recipe in found}
    sources = list(dict.fromkeys(short for row in numbers.values() for short in row))
    rows = []
    for recipe in found:
        published = [numbers[recipe.name].get(short) for short in sources]
        cells = ["" if one is None else f"{one.first} / {one.second}" for one in published]
        rows.append([recipe.name, *cells, recipe().title])
    title = f"{group}, {' / '.join(measures(found[0].name))}" if sources else group
    out.print()
    print_table(["recipe", *sources, "what it is"], rows, title=title)


def _described(recipe: "BuiltIn[Any]") -> dict[str, Any]:
    from resight.recipes.published import PUBLISHED, measures

    return {
        "title": recipe().title,
        "group": recipe.group,
        "weights": recipe.weights or None,
        "note": recipe.note or None,
        "published": [
            {**dict(zip(measures(recipe.name), (one.first, one.second), strict=True)), "source": one.source.full}
            for one in PUBLISHED.get(recipe.name, ())
        ],
    }


def _print(name: str, diff: bool, json: bool) -> None:
    """The recipe as a file that gives it again; what is known of it stands above, as comments."""
    import yaml

    from resight.recipes import ALL_RECIPES, TrainRecipe, load_recipe
    from resight.recipes.resolve import differences

    schema = type(ALL_RECIPES[name]()) if name in ALL_RECIPES else TrainRecipe
    recipe = load_recipe(name, schema=schema)
    content = recipe.model_dump(mode="json")
    if diff:
        content = differences(type(recipe)().model_dump(mode="json"), content)
    if json:
        print_json(content)
        return
    if name in ALL_RECIPES:
        _print_comments(_described(ALL_RECIPES[name]))
    print(yaml.safe_dump(content, sort_keys=False), end="")


def _print_comments(described: dict[str, Any]) -> None:
    if described["weights"]:
        print(f"# starts from {described['weights']}: add model.weights=FILE")
    if described["note"]:
        print(f"# {described['note']}")
    for one in described["published"]:
        numbers = ", ".join(f"{measure} {value}" for measure, value in one.items() if measure != "source")
        print(f"# published: {numbers} ({one['source']})")
