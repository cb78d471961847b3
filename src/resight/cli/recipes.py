"""`resight recipes`: what can be trained out of the box."""

from typing import Annotated

import typer

from resight.cli.console import print_json, print_table


def recipes(
    name: Annotated[str | None, typer.Argument(help="Print this recipe with every value.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the built-in recipes, or print one.

    Example: resight recipes market1501_transreid > mine.yaml
    """
    from resight.recipes import RECIPES, load_recipe

    if name is None:
        titles = {known: function().title for known, function in RECIPES.items()}
        if json:
            print_json(titles)
        else:
            print_table(["recipe", "what it is"], list(titles.items()))
        return
    import yaml

    content = load_recipe(name).model_dump(mode="json")
    if json:
        print_json(content)
    else:
        print(yaml.safe_dump(content, sort_keys=False), end="")
