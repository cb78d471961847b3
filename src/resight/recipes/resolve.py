"""From a recipe's name or file, and overrides, to one validated recipe.

All ways end here: a built-in recipe is a function, a user's own is a YAML file (`base:` and what differs), the command
line overrides with `key=value`.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, overload

import yaml
from pydantic import BaseModel, ValidationError

from resight.errors import RecipeError
from resight.recipes.schema import Recipe, TrainRecipe
from resight.recipes.yaml_text import parse_yaml

Nested = dict[str, Any]
R = TypeVar("R", bound=Recipe)


@overload
def load_recipe(source: str, overrides: Iterable[str] = ()) -> TrainRecipe: ...
@overload
def load_recipe(source: str, overrides: Iterable[str] = (), *, schema: type[R]) -> R: ...
def load_recipe(source: str, overrides: Iterable[str] = (), *, schema: type[Recipe] = TrainRecipe) -> Recipe:
    """The recipe of that name, or in that YAML file, with overrides applied.

    Args:
        source: a name that `resight recipes` lists, or a path that ends in .yaml or .yml.
        overrides: `section.key=value`, the value in YAML (`true`, `0.01`, `[256, 128]`, `null`).
        schema: of the recipe: supervised training, or pre-training.

    Raises:
        RecipeError: for an unknown name, key or value; near names are given.
    """
    recipe = _from_file(Path(source), schema) if _is_file(source) else _built_in(source, schema)
    return update(recipe, parse_overrides(overrides, schema))


def update(recipe: R, changes: Mapping[str, Any]) -> R:
    """A recipe with some values changed.

    Args:
        recipe: the base.
        changes: nested as the recipe is: `{"model": {"stride": 12}}`.

    Raises:
        RecipeError: for an unknown key or an impossible value.
    """
    schema = type(recipe)
    check_keys(changes, schema)
    try:
        return schema.model_validate(merge(recipe.model_dump(), changes))
    except ValidationError as error:
        lines = [": ".join(filter(None, (".".join(map(str, item["loc"])), _explain(item)))) for item in error.errors()]
        raise RecipeError("the recipe has impossible values\n  " + "\n  ".join(lines)) from error


def parse_overrides(overrides: Iterable[str], schema: type[Recipe] = TrainRecipe) -> Nested:
    """`["model.stride=12"]` as `{"model": {"stride": 12}}`, for a recipe of that schema.

    Raises:
        RecipeError: if one is not of the form key=value.
    """
    result: Nested = {}
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise RecipeError(f"expected section.key=value, got {text!r}; for example: model.stride=12")
        try:
            parsed = parse_yaml(value) if value else None
        except yaml.YAMLError as error:
            raise RecipeError(f"{text!r}: the value is not valid YAML: {error}") from error
        nested: Any = parsed
        for part in reversed(key.split(".")):
            nested = {part: nested}
        check_keys(nested, schema)
        result = merge(result, nested)
    return result


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> Nested:
    """A copy of nested dicts with others laid over it."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result


def differences(base: Mapping[str, Any], changed: Mapping[str, Any]) -> Nested:
    """What `merge` has to lay over the base to get the changed one, which has no fewer keys."""
    result: Nested = {}
    for key, value in changed.items():
        old = base.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            if below := differences(old, value):
                result[key] = below
        elif key not in base or old != value:
            result[key] = value
    return result


def known_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """All dotted keys of a recipe or section."""
    keys = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            keys += known_keys(field.annotation, f"{prefix}{name}.")
        else:
            keys.append(f"{prefix}{name}")
    return keys


def check_keys(changes: Mapping[str, Any], schema: type[Recipe], prefix: str = "") -> None:
    """Raises RecipeError for the first key that no recipe of the schema has, naming the near ones."""
    keys = known_keys(schema)
    for name, value in changes.items():
        key = f"{prefix}{name}"
        if any(known.startswith(f"{key}.") for known in keys):
            if not isinstance(value, Mapping):
                raise RecipeError(f"{key} is a section, not a value; it has {_below(key, keys)}")
            check_keys(value, schema, f"{key}.")
        elif key not in keys:
            while isinstance(value, Mapping) and value:  # down to a value: its name says more than its section's
                last, value = next(iter(value.items()))
                key = f"{key}.{last}"
            raise RecipeError(f"a recipe has no key {key!r}; {_nearest(key, keys)}")


def _is_file(source: str) -> bool:
    return source.endswith((".yaml", ".yml"))


def _from_file(path: Path, schema: type[R], above: tuple[Path, ...] = ()) -> R:
    """The recipe in a file; `above` are the files that lead to it by their `base`."""
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecipeError(f"there is no recipe file {path}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: expected a mapping of sections (model:, train:, ...), got {type(content).__name__}")
    base = content.pop("base", None)
    sections = {key.partition(".")[0] for key in known_keys(schema) if "." in key}
    changes = {key: {} if value is None and key in sections else value for key, value in content.items()}
    try:
        return update(_base(base, schema, (*above, path)), changes)
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def _base(base: object, schema: type[R], files: tuple[Path, ...]) -> R:
    """What the last of `files` starts from: the defaults, a built-in recipe, or a file whose path is relative to it."""
    if base is None:
        return schema()
    if not _is_file(str(base)):
        return _built_in(str(base), schema)
    path = files[-1].parent / Path(str(base)).expanduser()
    if path.resolve() in [file.resolve() for file in files]:
        raise RecipeError(f"base: {base} leads back to {path}; a recipe cannot start from itself")
    return _from_file(path, schema, files)


def _built_in(name: str, schema: type[R]) -> R:
    from resight.recipes import ALL_RECIPES

    recipe = ALL_RECIPES[name]() if name in ALL_RECIPES else None
    if recipe is not None and not isinstance(recipe, schema):
        raise RecipeError(
            f"{name} is a recipe of `resight {recipe.command}`; expected one of `resight {schema.command}`"
        )
    if recipe is None:
        names = [known for known, made in ALL_RECIPES.items() if isinstance(made(), schema)]
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "`resight recipes` lists them."
        raise RecipeError(
            f"there is no recipe named {name!r}; {hint} A recipe of your own is a file that ends in .yaml"
        )
    return recipe


def _nearest(key: str, keys: list[str]) -> str:
    last = key.rpartition(".")[2]
    same_name = [known for known in keys if known.rpartition(".")[2] == last]
    near = same_name or difflib.get_close_matches(key, keys, n=3, cutoff=0.5)
    if not near:
        by_name = {known.rpartition(".")[2]: known for known in keys}
        near = [by_name[name] for name in difflib.get_close_matches(last, by_name, n=3)]
    return f"did you mean {' or '.join(near)}?" if near else "`resight recipes NAME` prints all keys of a recipe"


def _below(section: str, keys: list[str]) -> str:
    return ", ".join(key for key in keys if key.startswith(f"{section}."))


def _explain(item: Any) -> str:
    if item["type"] == "value_error":  # of a check of ours, which says it all
        return str(item["ctx"]["error"])
    return f"{item['msg'].lower()}, got {item['input']!r}"
